#include "wire/answers.h"

#include <fmt/format.h>

#include <iterator>

namespace satgate::bench {
namespace {

std::string with_length(std::string_view body) {
  return fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      body.size(), body);
}

std::string plain_answer() {
  constexpr size_t size = 231;
  constexpr std::string_view tail = "\"}\n";
  std::string body = R"({"id":"call-0001","object":"answer","model":"fixed","text":")";
  body.append(size - body.size() - tail.size(), 'x');
  body += tail;
  return with_length(body);
}

constexpr std::string_view kChat =
    R"({"id":"chatcmpl-0001","object":"chat.completion","created":1700000000,)"
    R"("model":"bench-model","choices":[{"index":0,"finish_reason":"stop",)"
    R"("message":{"role":"assistant","content":"It costs a thousandth."}}],)"
    R"("usage":{"prompt_tokens":240,"completion_tokens":8,"total_tokens":248}})";

constexpr std::string_view kJoined =
    R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{}},)"
    R"("serverInfo":{"name":"bench","version":"1"}})";
constexpr std::string_view kTools =
    R"({"tools":[{"name":"answer","description":"Says what it costs.",)"
    R"("inputSchema":{"type":"object","properties":{"query":{"type":"string"}}}}]})";
// What tools usually say about themselves.
constexpr std::string_view kToolRest =
    R"("title":"Find what was ordered","description":"Finds orders by what a person wrote about )"
    R"(them, the newest first. Give a date to go on where the last page ended. Orders that were )"
    R"(cancelled are among them.","inputSchema":{"type":"object","properties":{"query":{"type":)"
    R"("string","description":"In the words of a person."},"limit":{"type":"integer","minimum":1,)"
    R"("maximum":100},"before":{"type":"string","format":"date-time"}},"required":["query"]},)"
    R"("annotations":{"readOnlyHint":true})";
constexpr std::string_view kCalled =
    R"({"content":[{"type":"text","text":"It costs a thousandth of a credit, as it always did, )"
    R"(and whoever asks again is told the same in the same number of bytes."}],"isError":false})";

// The value of a member of a JSON-RPC message, as it is written. The messages of this benchmark
// have each name once, outside of strings.
std::string_view member(std::string_view message, std::string_view quoted_name) {
  size_t at = message.find(quoted_name);
  if (at == message.npos) return {};
  at = message.find_first_not_of(": ", at + quoted_name.size());
  if (at == message.npos) return {};
  const size_t end =
      message[at] == '"' ? message.find('"', at + 1) + 1 : message.find_first_of(",}", at);
  return message.substr(at, end - at);
}

}  // namespace

std::string_view Answers::to(std::string_view request) {
  static const std::string plain = plain_answer();
  static const std::string chat = with_length(kChat);
  const size_t space = request.find(' ');
  if (space == request.npos) return plain;
  std::string_view target = request.substr(space + 1);
  target = target.substr(0, target.find(' '));
  if (target.starts_with("/mcp")) return to_mcp(request, target);
  if (target.starts_with("/stored/")) return stored(request, target);
  if (!target.starts_with("/v1/chat/completions")) return plain;
  return request.find(R"("stream":true)") == request.npos ? chat : std::string_view();
}

std::string_view Answers::stored(std::string_view request, std::string_view target) {
  std::string& answer = stored_[std::string(target)];
  if (!request.starts_with("PUT ")) return answer;
  answer = with_length(request.substr(request.find("\r\n\r\n") + 4));
  return "HTTP/1.1 204 No Content\r\n\r\n";
}

std::string_view Answers::to_mcp(std::string_view request, std::string_view target) {
  if (!request.starts_with("POST ")) {
    return "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n";
  }
  constexpr std::string_view one_of_many = "/mcp/servers/";
  const std::string_view server =
      target.starts_with(one_of_many) ? target.substr(one_of_many.size()) : std::string_view();
  const std::string_view answer = to_message(request.substr(request.find("\r\n\r\n") + 4), server);
  if (answer.empty()) return "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
  made_.clear();
  fmt::format_to(std::back_inserter(made_),
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                 "{}\r\n\r\n{}",
                 answer.size(), answer);
  return made_;
}

std::string_view Answers::to_message(std::string_view message, std::string_view server) {
  const std::string_view method = member(message, R"("method")");
  const std::string_view id = member(message, R"("id")");
  if (id.empty()) return {};
  const std::string_view result = method == R"("tools/call")"   ? kCalled
                                  : method == R"("tools/list")" ? tools_of(server)
                                  : method == R"("initialize")" ? kJoined
                                                                : "{}";
  message_.clear();
  fmt::format_to(std::back_inserter(message_), R"({{"jsonrpc":"2.0","id":{},"result":{}}})", id,
                 result);
  return message_;
}

std::string_view Answers::tools_of(std::string_view server) {
  if (server.empty()) return kTools;
  std::string& tools = tools_[std::string(server)];
  if (!tools.empty()) return tools;
  constexpr int count = 50;
  for (int i = 0; i < count; ++i) {
    fmt::format_to(std::back_inserter(tools), "{}{{\"name\":\"{}_tool_{:02}\",{}}}",
                   i == 0 ? R"({"tools":[)" : ",", server, i, kToolRest);
  }
  tools += "]}";
  return tools;
}

std::string_view Answers::stream_head() {
  // X-Accel-Buffering: nginx then hands on what it has, as the others do by themselves.
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\n"
         "Transfer-Encoding: chunked\r\n\r\n";
}

std::string_view Answers::stream_event(int64_t now_ns) {
  constexpr std::string_view before =
      R"(data: {"id":"chatcmpl-0001","object":"chat.completion.chunk","created":1700000000,)"
      R"("model":"bench-model","choices":[{"index":0,"delta":{"content":"@)";
  constexpr std::string_view behind = "@\"},\"finish_reason\":null}]}\n\n";
  constexpr size_t digits = 19;
  made_.clear();
  fmt::format_to(std::back_inserter(made_), "{:x}\r\n{}{:019}{}\r\n",
                 before.size() + digits + behind.size(), before, now_ns, behind);
  return made_;
}

std::string_view Answers::stream_end() {
  static const std::string end = [] {
    constexpr std::string_view events =
        R"(data: {"id":"chatcmpl-0001","object":"chat.completion.chunk","created":1700000000,)"
        R"("model":"bench-model","choices":[],)"
        R"("usage":{"prompt_tokens":240,"completion_tokens":60,"total_tokens":300}})"
        "\n\ndata: [DONE]\n\n";
    return fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", events.size(), events);
  }();
  return end;
}

std::string_view Answers::whole_stream() {
  static const std::string whole = [] {
    constexpr int events = 20;
    Answers answers;
    std::string pieces(stream_head());
    for (int i = 0; i < events; ++i)
      pieces += answers.stream_event(0);
    pieces += stream_end();
    return pieces;
  }();
  return whole;
}

}  // namespace satgate::bench
