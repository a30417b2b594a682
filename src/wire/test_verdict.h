// For tests and fuzzers only: what the codec says about a whole conversation, as one line of text,
// with the bytes arriving in any pieces. The line must not depend on the pieces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wire/body.h"
#include "wire/head.h"
#include "wire/parser.h"

namespace satgate::wire::test {

enum class Kind { request, response, response_to_head };

inline std::string escape(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || c == '"') {
      (out += '\\') += c;
    } else if (byte < 0x20 || byte > 0x7e) {
      ((out += "\\x") += "0123456789abcdef"[byte >> 4]) += "0123456789abcdef"[byte & 15];
    } else {
      out += c;
    }
  }
  return out;
}

inline std::string to_text(BodyFraming framing) {
  switch (framing.kind) {
    case BodyFraming::Kind::none:
      return "none";
    case BodyFraming::Kind::length:
      return "length:" + std::to_string(framing.bytes);
    case BodyFraming::Kind::chunked:
      return "chunked";
    case BodyFraming::Kind::until_close:
      return "until_close";
  }
  return "?";
}

struct Conversation {
  Progress progress = Progress::need_more;
  ParseError error = ParseError::none;
  bool head_done = false;
  bool keep_alive = false;
  BodyFraming framing;
  std::string body;
  size_t consumed = 0;  // head and body

  std::string verdict(std::string_view bytes) const {
    if (progress == Progress::refused) {
      return "refused " + std::string(to_string(error)) + " " + std::to_string(http_status(error));
    }
    if (progress == Progress::need_more) return head_done ? "cut body" : "cut head";
    return "ok " + to_text(framing) + (keep_alive ? " keep" : " close") + " body=\"" +
           escape(body) + "\" rest=\"" + escape(bytes.substr(consumed)) + "\"";
  }
};

// One message out of `bytes`, delivered in pieces that end at each of `cuts` (ascending) and at
// the end. Each delivery moves the buffer to fresh memory of the exact size, so that stale views
// and reads past the end show up under the sanitizers.
class Reader {
 public:
  explicit Reader(Kind kind) : kind_(kind) {}

  Conversation run(std::string_view bytes, const std::vector<size_t>& cuts) {
    std::vector<size_t> ends = cuts;
    ends.push_back(bytes.size());
    size_t body_from = 0;
    for (const size_t end : ends) {
      if (!talk_.head_done) {
        if (!read_head(bytes.substr(0, end))) continue;
        if (talk_.progress == Progress::refused) return talk_;
        body_from = talk_.consumed;
      }
      const std::string piece(bytes.substr(body_from, end - body_from));
      body_from = end;
      read_body(piece);
      if (talk_.progress != Progress::need_more) return talk_;
    }
    if (talk_.head_done && body_.end_of_stream()) talk_.progress = Progress::done;
    return talk_;
  }

 private:
  // False: more is needed.
  bool read_head(std::string_view so_far) {
    const std::string buffer(so_far);
    HeadResult result;
    if (kind_ == Kind::request) {
      result = parse_request_head(buffer, cursor_, request_);
      talk_.framing = request_.framing;
      talk_.keep_alive = request_.keep_alive;
    } else {
      result = parse_response_head(buffer, cursor_, response_, kind_ == Kind::response_to_head);
      talk_.framing = response_.framing;
      talk_.keep_alive = response_.keep_alive;
    }
    if (result.progress == Progress::need_more) return false;
    talk_.progress = result.progress;
    talk_.error = result.error;
    if (result.progress == Progress::refused) return true;
    talk_.progress = Progress::need_more;
    talk_.head_done = true;
    talk_.consumed = result.consumed;
    body_ = BodyReader(talk_.framing);
    return true;
  }

  void read_body(std::string_view input) {
    do {
      const BodyStep step = body_.next(input);
      talk_.body += step.data;
      talk_.consumed += step.consumed;
      input.remove_prefix(step.consumed);
      talk_.progress = step.progress;
      talk_.error = step.error;
    } while (talk_.progress == Progress::need_more && !input.empty());
  }

  Kind kind_;
  Conversation talk_;
  HeadCursor cursor_;
  RequestHead request_;
  ResponseHead response_;
  BodyReader body_;
};

inline Conversation converse(Kind kind, std::string_view bytes,
                             const std::vector<size_t>& cuts = {}) {
  return Reader(kind).run(bytes, cuts);
}

}  // namespace satgate::wire::test
