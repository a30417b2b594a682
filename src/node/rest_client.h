// Requests to one Lightning node over HTTP/1.1: base URL, credential, bounds and time-outs. On the
// loop of its Waits only.
//
//   const auto answer = co_await client.ask({.method = "GET", .path = "/v1/getinfo"});
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/http_client.h"
#include "net/upstream.h"
#include "node/answer.h"
#include "node/waits.h"

namespace satgate::node {

struct RestOptions {
  std::string url;               // http(s)://host[:port][/base]
  std::string certificate_file;  // PEM: the node's own certificate, or its CA; empty: the system's
  std::string certificate_name;  // that the certificate is for; empty: the host of the URL
  // Sent with every request. Its value, and what else stands in `secrets`, is in no error.
  std::pair<std::string, std::string> credential;
  std::vector<std::string> secrets;
};

struct RestRequest {
  std::string method = "POST";
  std::string path;  // with query, from the base URL on
  std::string content_type;
  std::string body;
  net::Milliseconds timeout{15'000};  // for all of it
  size_t answer_bytes_max = 1024 * 1024;
  // Asked twice, it does no harm: repeated when a kept connection had died under it.
  bool repeatable = false;
};

struct RestAnswer {
  int status = 0;
  std::string body;
};

struct RestFailure {
  std::string message;
  bool sent = false;  // the node may have got the request
};

template <class T>
using Rested = std::expected<T, RestFailure>;

class RestClient {
 public:
  // Fails when the URL, the certificate file or the credential can not be used.
  static Result<std::unique_ptr<RestClient>> make(Waits& waits, RestOptions options);

  net::Task<Rested<RestAnswer>> ask(RestRequest request);

  // Lines of an answer that does not end (newline-delimited JSON); `timeout` is for its beginning
  // and between two pieces of it. Ends when `line` returns false, or the answer does. The body of
  // what is returned is empty unless the status was not 200.
  using Line = std::function<bool(std::string_view)>;
  net::Task<Rested<RestAnswer>> follow(RestRequest request, Line line);

  // What a good answer (200) holds, a JSON object; else a sentence that says why not.
  Result<Json> object_of(const Rested<RestAnswer>& answer) const;

  // For people: "it answered HTTP 404: NAME", without secrets and bounded.
  std::string explain(const RestAnswer& answer) const;
  std::string shown(std::string_view text) const;

  Waits& waits() { return waits_; }

 private:
  RestClient(Waits& waits, RestOptions options, net::UpstreamIdentity identity, std::string base);
  net::Task<Rested<RestAnswer>> ask_once(const RestRequest& request, bool& may_repeat);
  void begin(net::ClientExchange& call, const RestRequest& request) const;
  net::ClientOptions limits(const RestRequest& request) const;

  Waits& waits_;
  const RestOptions options_;
  const net::UpstreamIdentity identity_;
  const std::string base_;
  net::UpstreamPool pool_;
};

}  // namespace satgate::node
