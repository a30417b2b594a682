// Against another parser: what this codec accepts, Boost.Beast must accept too, with the same
// framing, the same body and the same bytes left over. Beast accepts more, which is why it is not
// used on the wire. The first byte picks the kind of message.
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "wire/test_verdict.h"

namespace http = boost::beast::http;

namespace satgate::wire::test {
namespace {

[[noreturn]] void differ(const char* what, std::string_view bytes) {
  std::fprintf(stderr, "differs from Beast: %s\n%s\n", what, escape(bytes).c_str());
  std::abort();
}

template <bool is_request>
void compare(std::string_view bytes, const Conversation& ours, bool to_head) {
  http::parser<is_request, http::string_body> theirs;
  theirs.eager(true);
  theirs.header_limit(UINT32_MAX);
  theirs.body_limit(boost::none);
  if (to_head) theirs.skip(true);
  size_t consumed = 0;
  boost::system::error_code error;
  // An empty buffer still moves the parser on after the last byte of a head without a body.
  do {
    const size_t n =
        theirs.put(boost::asio::buffer(bytes.data() + consumed, bytes.size() - consumed), error);
    consumed += n;
    if (error == http::error::need_more) {
      error = {};
      if (n == 0) break;
    }
    if (error) differ(error.message().c_str(), bytes);
  } while (!theirs.is_done() && consumed < bytes.size());
  if (!theirs.is_done() && ours.framing.kind == BodyFraming::Kind::until_close) {
    theirs.put_eof(error);
    if (error) differ(error.message().c_str(), bytes);
  }
  if (!theirs.is_done()) differ("it wants more", bytes);
  if (consumed != ours.consumed) differ("bytes left over", bytes);
  if (theirs.get().body() != ours.body) differ("body", bytes);
  if (!to_head && theirs.chunked() && ours.framing != BodyFraming::chunked()) {
    // A 304 describes the framing of another response and has no body in either parser.
    if constexpr (is_request) {
      differ("framing", bytes);
    } else if (theirs.get().result_int() != 304) {
      differ("framing", bytes);
    }
  }
}

}  // namespace
}  // namespace satgate::wire::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace satgate::wire::test;
  if (size < 1) return 0;
  const auto kind = static_cast<Kind>(data[0] % 3);
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Conversation ours = converse(kind, bytes);
  if (ours.progress != satgate::wire::Progress::done) return 0;
  // Beast does not skip the one empty line that RFC 9112 section 2.2 wants skipped.
  if (bytes.starts_with("\r\n")) {
    bytes.remove_prefix(2);
    ours.consumed -= 2;
  }
  if (kind == Kind::request) {
    compare<true>(bytes, ours, false);
  } else {
    compare<false>(bytes, ours, kind == Kind::response_to_head);
  }
  return 0;
}
