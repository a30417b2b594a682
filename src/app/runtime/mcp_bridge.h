// Carries MCP between a pair of pipes and the gateway's /mcp, for clients that only start commands:
// one JSON-RPC message a line there, Streamable HTTP here. Sessions, streams and the header fields
// of both eras are made here, so that the other side needs to know of nothing but lines.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/mcp/raw_json.h"
#include "dialect/mcp/version.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "wire/sse.h"
#include "wire/url.h"

namespace satgate::app {

class McpBridge : public std::enable_shared_from_this<McpBridge> {
 public:
  // `print` takes one message, without a line break, on the loop.
  McpBridge(net::Loop& loop, const wire::Url& url, std::string token,
            std::function<void(const std::string&)> print);

  // One line that came. On the loop.
  static net::Task<> carry(std::shared_ptr<McpBridge> self, std::string line);
  // No line will come any more: waits for the answers that are due, and ends the session.
  static net::Task<> finish(std::shared_ptr<McpBridge> self);

 private:
  struct Request {
    std::string line;
    std::string id;  // raw; empty: no answer is due
    std::string method;
    std::string version;  // modern era
    std::string name;     // what Mcp-Name repeats
    bool is_modern() const { return !version.empty(); }
  };

  std::optional<Request> read(const std::string& line);
  net::Task<> send(Request request);
  net::Task<bool> post(const Request& request);  // false: the session is gone
  net::Task<bool> take_answer(net::ClientExchange& call, const wire::ResponseHead& head,
                              const Request& request);
  net::Task<> take_events(net::ClientExchange& call);
  void print_events(wire::SseSplitter& splitter);
  net::Task<bool> renew_session();
  net::Task<> notify(std::string text);
  static net::Task<> listen(std::shared_ptr<McpBridge> self);
  wire::HeadWriter& begin(net::ClientExchange& call, std::string_view method);
  void print_error(const std::string& id, std::string_view why);
  bool cancel_modern(const Request& request, const std::string& line);

  net::Loop& loop_;
  net::UpstreamPool pool_;
  const net::UpstreamIdentity identity_;
  const std::string target_, token_;
  const std::function<void(const std::string&)> print_;
  dialect::mcp::RawJson json_;
  std::string session_, version_, initialize_;
  uint64_t sessions_ = 0;  // opened so far
  struct Modern {
    net::ClientExchange* call = nullptr;
    bool never_ends = false;  // subscriptions/listen
  };
  std::map<std::string, Modern> modern_;  // under way, by raw id
  net::ClientExchange* listening_ = nullptr;
  net::Event idle_;
  size_t in_flight_ = 0;
  bool finishing_ = false;
};

}  // namespace satgate::app
