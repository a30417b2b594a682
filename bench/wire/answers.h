// What the upstream of the benchmarks says: an HTTP service, a chat model and MCP servers, all as
// little work as they can be, so that the core they share with the load has room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace satgate::bench {

class Answers {
 public:
  // The whole answer to a whole request; the view stays valid until the next call. Empty: this is a
  // chat that wants a stream.
  //   /mcp               an MCP server of one tool
  //   /mcp/servers/NAME  an MCP server of fifty tools, whose names begin with NAME
  //   /stored/NAME       what was PUT there, whoever asks
  std::string_view to(std::string_view request);
  // The answer to a message of MCP; empty if there is none. Valid until the next call.
  std::string_view to_message(std::string_view message, std::string_view server = {});

  // The pieces of a stream of server-sent events, each a chunk of the body. An event carries the
  // nanoseconds of the steady clock at which it was made.
  static std::string_view stream_head();
  std::string_view stream_event(int64_t now_ns);
  static std::string_view stream_end();  // the usage, [DONE], and the end of the body
  // All of a stream of twenty events in one piece; their time is 0.
  static std::string_view whole_stream();

 private:
  std::string_view to_mcp(std::string_view request, std::string_view target);
  std::string_view stored(std::string_view request, std::string_view target);
  std::string_view tools_of(std::string_view server);

  std::string made_, message_;
  std::unordered_map<std::string, std::string> stored_, tools_;
};

}  // namespace satgate::bench
