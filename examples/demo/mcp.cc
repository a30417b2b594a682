#include "mcp.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace satgate::demo {
namespace {

constexpr std::array<std::string_view, 4> kVersions = {"2025-11-25", "2025-06-18", "2025-03-26",
                                                       "2024-11-05"};
constexpr int kMethodNotFound = -32601;
constexpr int kInvalidParams = -32602;
constexpr int kParseError = -32700;

Json result_of(const Json& id, Json result) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}};
}

Json error_of(const Json& id, int code, std::string_view message) {
  return {{"jsonrpc", "2.0"},
          {"id", id},
          {"error", {{"code", code}, {"message", std::string(message)}}}};
}

Json initialize(const Json& params) {
  const std::string asked = string_at(params, "protocolVersion");
  const bool known = std::find(kVersions.begin(), kVersions.end(), asked) != kVersions.end();
  return {{"protocolVersion", known ? asked : std::string(kVersions.front())},
          {"capabilities", {{"tools", {{"listChanged", false}}}}},
          {"serverInfo", {{"name", "satgate-demo"}, {"version", SATGATE_VERSION}}}};
}

Json tool(const char* name, const char* description, const char* argument, const char* type) {
  return {{"name", name},
          {"description", description},
          {"inputSchema", {{"type", "object"}, {"properties", {{argument, {{"type", type}}}}}}}};
}

Json tool_list() {
  Json search = tool("search_code", "Finds code. Cheap.", "query", "string");
  search["outputSchema"] = {{"type", "object"},
                            {"properties", {{"matches", {{"type", "array"}}}}},
                            {"required", {"matches"}}};
  return {{"tools",
           {std::move(search), tool("review_code", "Reviews a file. Dear.", "path", "string"),
            tool("generate_report", "Writes a long report. Dearest.", "topic", "string"),
            tool("slow_search", "Finds code, slowly.", "ms", "integer"),
            tool("always_fails", "Fails.", "why", "string")}}};
}

Json text_result(std::string text, bool is_error = false) {
  Json result = {{"content", {{{"type", "text"}, {"text", std::move(text)}}}}};
  if (is_error) result["isError"] = true;
  return result;
}

}  // namespace

std::optional<McpReply> McpServer::handle(const Json& message) {
  if (!message.is_object()) return McpReply{error_of(nullptr, kParseError, "not an object")};
  const auto method = message.find("method");
  const auto id = message.find("id");
  if (method == message.end() || !method->is_string() || id == message.end()) return std::nullopt;
  const Json params = message.value("params", Json::object());
  if (*method == "initialize") return McpReply{result_of(*id, initialize(params))};
  if (*method == "ping") return McpReply{result_of(*id, Json::object())};
  if (*method == "tools/list") return McpReply{result_of(*id, tool_list())};
  if (*method == "tools/call") return call_tool(*id, params);
  return McpReply{error_of(*id, kMethodNotFound, "method not found")};
}

McpReply McpServer::call_tool(const Json& id, const Json& params) {
  const std::string name = string_at(params, "name");
  const Json arguments = params.is_object() ? params.value("arguments", Json::object()) : Json();
  const auto argument = [&](const char* key) {
    return arguments.is_object() && arguments.contains(key) ? arguments[key].dump() : "nothing";
  };
  McpReply reply;
  Json result;
  if (name == "search_code") {
    result = text_result("Found 2 matches for " + argument("query"));
    result["structuredContent"] = {{"matches", {"src/a.cc:1", "src/b.cc:2"}}};
  } else if (name == "review_code") {
    result = text_result("Reviewed " + argument("path") + ": fine.");
  } else if (name == "generate_report") {
    result = text_result("A report about " + argument("topic") + ".");
  } else if (name == "slow_search") {
    reply.delay_ms = std::min<uint64_t>(number_or(argument("ms"), 500), 60'000);
    result = text_result("Found it at last.");
  } else if (name == "always_fails") {
    result = text_result("This tool always fails.", true);
  } else {
    return McpReply{error_of(id, kInvalidParams, "Unknown tool: " + name)};
  }
  ++calls_;
  ++calls_by_tool_[name];
  reply.message = result_of(id, std::move(result));
  return reply;
}

Json McpServer::stats() const {
  return {{"calls", calls_}, {"tools", calls_by_tool_}};
}

net::Task<> McpHttp::handle(net::ServerExchange& exchange) {
  const wire::RequestHead& request = exchange.request();
  if (request.path == "/stats") {
    const Json stats = server_.stats();
    co_await send_json(exchange, 200, stats);
    co_return;
  }
  if (request.path != "/mcp" || request.method != "POST") {
    const Json body = {{"error", request.path == "/mcp" ? "method not allowed" : "not found"}};
    co_await send_json(exchange, request.path == "/mcp" ? 405 : 404, body);
    co_return;
  }
  const auto body = co_await exchange.read_body_all(kBodyBytesMax);
  if (!body) co_return;
  const Json message = Json::parse(*body, nullptr, false);
  const std::optional<McpReply> reply = server_.handle(message);
  if (!reply) {
    exchange.response(202);
    co_await exchange.send({});
    co_return;
  }
  if (reply->delay_ms > 0) {
    co_await net::sleep(exchange.loop(), net::Milliseconds(reply->delay_ms));
  }
  co_await send_json(exchange, message.is_object() ? 200 : 400, reply->message);
}

int serve_mcp_stdio(const std::string& count_file) {
  int count = -1;
  if (!count_file.empty()) {
    count = open(count_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (count < 0) {
      fmt::print(stderr, "cannot write {}\n", count_file);
      return 1;
    }
  }
  McpServer server;
  std::mutex out;
  const auto print = [&out](const Json& message) {
    const std::string line = message.dump() + "\n";
    const std::lock_guard lock(out);
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
  };
  std::vector<std::jthread> slow;  // joined at the end, so that no answer is lost
  std::string line;
  while (std::getline(std::cin, line)) {
    const uint64_t calls_before = server.calls();
    std::optional<McpReply> reply = server.handle(Json::parse(line, nullptr, false));
    if (count >= 0 && server.calls() != calls_before && write(count, ".", 1) != 1) return 1;
    if (!reply) continue;
    if (reply->delay_ms == 0) {
      print(reply->message);
      continue;
    }
    slow.emplace_back([&print, late = std::move(*reply)] {
      std::this_thread::sleep_for(std::chrono::milliseconds(late.delay_ms));
      print(late.message);
    });
  }
  return 0;
}

}  // namespace satgate::demo
