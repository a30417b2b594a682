#include "wire/body.h"

#include <algorithm>

#include "base/limits.h"
#include "base/text.h"
#include "wire/chars.h"

namespace satgate::wire {
namespace {

// Sizes stay below 2^63, so that sums of a size and a buffer cannot wrap.
constexpr uint64_t kSizeBeforeLastDigitMax = (uint64_t{1} << 59) - 1;

}  // namespace

BodyStep ChunkDecoder::next(std::string_view input) {
  BodyStep step;
  while (state_ != State::done && state_ != State::refused && step.consumed < input.size()) {
    if (state_ == State::data) {
      step.data = input.substr(step.consumed, remaining_);
      step.consumed += step.data.size();
      remaining_ -= step.data.size();
      if (remaining_ == 0) state_ = State::data_cr;
      break;
    }
    error_ = framing_byte(input[step.consumed++]);
    if (error_ != ParseError::none) state_ = State::refused;
  }
  if (state_ == State::done) step.progress = Progress::done;
  if (state_ == State::refused) step.progress = Progress::refused;
  step.error = error_;
  return step;
}

ParseError ChunkDecoder::framing_byte(char byte) {
  switch (state_) {
    case State::size_first:
    case State::size:
    case State::extension_name_first:
    case State::extension_name:
    case State::extension_value_first:
    case State::extension_value:
    case State::size_lf:
      return size_line_byte(byte);
    case State::data_cr:
      state_ = State::data_lf;
      return byte == '\r' ? ParseError::none : ParseError::bad_chunk_end;
    case State::data_lf:
      state_ = State::size_first;
      line_bytes_ = 0;
      return byte == '\n' ? ParseError::none : ParseError::bad_chunk_end;
    case State::trailer_first:
    case State::trailer_name:
    case State::trailer_value:
    case State::trailer_lf:
    case State::end_lf:
      return trailer_byte(byte);
    case State::data:
    case State::done:
    case State::refused:
      break;
  }
  return ParseError::bad_chunk_size;
}

ParseError ChunkDecoder::size_line_byte(char byte) {
  if (++line_bytes_ > limits::chunk_line_bytes_max) return ParseError::chunk_line_too_long;
  if (state_ == State::size_lf) {
    if (byte != '\n') return ParseError::bad_chunk_size;
    state_ = remaining_ == 0 ? State::trailer_first : State::data;
    return ParseError::none;
  }
  if (state_ != State::size_first && state_ != State::size) return extension_byte(byte);
  const int digit = hex_digit(byte);
  if (digit >= 0) {
    if (remaining_ > kSizeBeforeLastDigitMax) return ParseError::bad_chunk_size;
    remaining_ = remaining_ << 4 | static_cast<uint64_t>(digit);
    state_ = State::size;
    return ParseError::none;
  }
  return state_ == State::size ? end_of_size_line(byte) : ParseError::bad_chunk_size;
}

// After a size, an extension's name or its value.
ParseError ChunkDecoder::end_of_size_line(char byte) {
  if (byte != '\r' && byte != ';') return ParseError::bad_chunk_size;
  state_ = byte == '\r' ? State::size_lf : State::extension_name_first;
  return ParseError::none;
}

ParseError ChunkDecoder::extension_byte(char byte) {
  if (is_token_byte(byte)) {
    if (state_ == State::extension_name_first) state_ = State::extension_name;
    if (state_ == State::extension_value_first) state_ = State::extension_value;
    return ParseError::none;
  }
  if (state_ == State::extension_name && byte == '=') {
    state_ = State::extension_value_first;
    return ParseError::none;
  }
  if (state_ == State::extension_name || state_ == State::extension_value) {
    return end_of_size_line(byte);
  }
  return ParseError::bad_chunk_size;
}

ParseError ChunkDecoder::trailer_byte(char byte) {
  if (++trailer_bytes_ > limits::trailer_bytes_max) return ParseError::trailers_too_large;
  switch (state_) {
    case State::end_lf:
      state_ = State::done;
      return byte == '\n' ? ParseError::none : ParseError::bad_trailer;
    case State::trailer_lf:
      state_ = State::trailer_first;
      return byte == '\n' ? ParseError::none : ParseError::bad_trailer;
    case State::trailer_value:
      if (byte == '\r') {
        state_ = State::trailer_lf;
        return ParseError::none;
      }
      return is_control(byte) ? ParseError::bad_trailer : ParseError::none;
    default:
      return trailer_name_byte(byte);
  }
}

ParseError ChunkDecoder::trailer_name_byte(char byte) {
  if (state_ == State::trailer_first) {
    if (byte == '\r') {
      state_ = State::end_lf;
      return ParseError::none;
    }
    trailer_name_bytes_ = 0;
  }
  if (is_token_byte(byte)) {
    state_ = State::trailer_name;
    if (trailer_name_bytes_ < trailer_name_.size()) trailer_name_[trailer_name_bytes_++] = byte;
    return ParseError::none;
  }
  if (state_ != State::trailer_name || byte != ':') return ParseError::bad_trailer;
  // RFC 9110 6.5.1: fields for framing, routing and the connection are never trailers.
  const std::string_view name(trailer_name_.data(), trailer_name_bytes_);
  for (const std::string_view banned : {"content-length", "transfer-encoding", "host", "connection",
                                        "proxy-connection", "upgrade"}) {
    if (equals_ignore_case(name, banned)) return ParseError::bad_trailer;
  }
  state_ = State::trailer_value;
  return ParseError::none;
}

BodyReader::BodyReader(BodyFraming framing)
    : framing_(framing), remaining_(framing.bytes), done_(framing.is_empty()) {}

BodyStep BodyReader::next(std::string_view input) {
  BodyStep step;
  if (done_) {
    step.progress = Progress::done;
    return step;
  }
  switch (framing_.kind) {
    case BodyFraming::Kind::chunked:
      step = chunks_.next(input);
      done_ = step.progress == Progress::done;
      return step;
    case BodyFraming::Kind::length:
      step.data = input.substr(0, remaining_);
      remaining_ -= step.data.size();
      done_ = remaining_ == 0;
      break;
    case BodyFraming::Kind::until_close:
    case BodyFraming::Kind::none:
      step.data = input;
      break;
  }
  step.consumed = step.data.size();
  step.progress = done_ ? Progress::done : Progress::need_more;
  return step;
}

bool BodyReader::end_of_stream() {
  if (framing_.kind == BodyFraming::Kind::until_close) done_ = true;
  return done_;
}

void append_chunk(std::string& out, std::string_view data) {
  if (data.empty()) return;
  char prefix[kChunkPrefixBytesMax];
  out.append(prefix, write_chunk_prefix(data.size(), prefix));
  out += data;
  out += kChunkEnd;
}

size_t write_chunk_prefix(uint64_t size, char* out) {
  size_t digits = 1;
  while (digits < 16 && size >> (4 * digits) != 0)
    ++digits;
  for (size_t i = 0; i < digits; ++i)
    out[i] = "0123456789abcdef"[size >> (4 * (digits - 1 - i)) & 15];
  out[digits] = '\r';
  out[digits + 1] = '\n';
  return digits + 2;
}

}  // namespace satgate::wire
