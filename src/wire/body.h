// Where a body ends, and reading and writing one (RFC 9112 sections 6 and 7). Decoding copies
// nothing: the body comes out as views into the bytes that went in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/parse_error.h"

namespace satgate::wire {

enum class Progress : uint8_t { need_more, done, refused };

struct BodyFraming {
  enum class Kind : uint8_t { none, length, chunked, until_close };
  Kind kind = Kind::none;
  uint64_t bytes = 0;  // for length

  static constexpr BodyFraming none() { return {}; }
  static constexpr BodyFraming length(uint64_t n) { return {Kind::length, n}; }
  static constexpr BodyFraming chunked() { return {Kind::chunked, 0}; }
  static constexpr BodyFraming until_close() { return {Kind::until_close, 0}; }
  constexpr bool operator==(const BodyFraming&) const = default;
  constexpr bool is_empty() const {
    return kind == Kind::none || (kind == Kind::length && bytes == 0);
  }
};

// What one step over some input found.
//   need_more: `consumed` bytes are done with, and `data` (a view into the input, maybe empty) is
//              body. Call again with what follows; input left over is parsed by the next call.
//   done:      as above, and the body has ended; input after `consumed` belongs to the next
//   message. refused:   `error` says why; close the connection.
struct BodyStep {
  Progress progress = Progress::need_more;
  ParseError error = ParseError::none;
  size_t consumed = 0;
  std::string_view data;
};

// Decodes the chunked coding. Strict: hex sizes without prefix or sign, CRLF everywhere,
// extensions bounded and in their plain form only (`;name` or `;name=token`: quoted strings and
// white space are where parsers differ), trailers checked like fields, bounded and dropped.
// Each step yields at most one run of data. A step consumes at least one byte if it was given one.
class ChunkDecoder {
 public:
  BodyStep next(std::string_view input);

 private:
  enum class State : uint8_t {
    size_first,
    size,
    extension_name_first,
    extension_name,
    extension_value_first,
    extension_value,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_first,
    trailer_name,
    trailer_value,
    trailer_lf,
    end_lf,
    done,
    refused,
  };
  ParseError framing_byte(char byte);
  ParseError size_line_byte(char byte);
  ParseError extension_byte(char byte);
  ParseError trailer_byte(char byte);
  ParseError trailer_name_byte(char byte);
  ParseError end_of_size_line(char byte);

  State state_ = State::size_first;
  uint64_t remaining_ = 0;    // bytes of the current chunk
  size_t line_bytes_ = 0;     // of the current size line
  size_t trailer_bytes_ = 0;  // of all trailers
  // The start of a trailer's name: enough to tell the names that must not be there.
  std::array<char, 20> trailer_name_{};
  size_t trailer_name_bytes_ = 0;
  ParseError error_ = ParseError::none;
};

// Reads a body of any framing.
//   while (!input.empty()) {
//     const BodyStep step = reader.next(input);
//     use(step.data);
//     input.remove_prefix(step.consumed);
//     if (step.progress != Progress::need_more) break;
//   }
class BodyReader {
 public:
  BodyReader() = default;
  explicit BodyReader(BodyFraming framing);

  BodyStep next(std::string_view input);
  bool is_done() const { return done_; }
  // The peer closed: true if the body is whole, false if it was cut. Only a body that ends by
  // closing cannot tell, and counts as whole.
  bool end_of_stream();

 private:
  BodyFraming framing_;
  uint64_t remaining_ = 0;
  ChunkDecoder chunks_;
  bool done_ = true;
};

// Appends one chunk. Empty data appends nothing, since an empty chunk would end the body.
void append_chunk(std::string& out, std::string_view data);
// The size line alone, for a write that gathers: prefix, data, then kChunkEnd. `out` must hold
// kChunkPrefixBytesMax bytes; returns how many were written. `size` is above zero.
inline constexpr size_t kChunkPrefixBytesMax = 18;
size_t write_chunk_prefix(uint64_t size, char* out);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace satgate::wire
