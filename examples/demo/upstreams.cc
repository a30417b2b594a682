// satgate-demo: the upstreams that the demo, the examples, the tests and the benchmarks put behind
// SatGate. One binary, one subcommand each; see api.h, llm.h and mcp.h for what they answer.
//
//   satgate-demo api --listen 127.0.0.1:3000
//   satgate-demo llm --listen 127.0.0.1:3001
//   satgate-demo mcp-http --listen 127.0.0.1:3002
//   satgate-demo mcp --count-file calls
#include <CLI/CLI.hpp>
#include <string>

#include "api.h"
#include "llm.h"
#include "mcp.h"

int main(int argc, char** argv) {
  using namespace satgate::demo;
  CLI::App app{"Upstreams to try SatGate with", "satgate-demo"};
  app.require_subcommand(1);
  std::string listen = "127.0.0.1:0";
  std::string count_file;
  auto* api = app.add_subcommand("api", "a small HTTP API");
  auto* llm = app.add_subcommand("llm", "an OpenAI-compatible stand-in");
  auto* mcp = app.add_subcommand("mcp", "an MCP server over stdio");
  auto* mcp_http = app.add_subcommand("mcp-http", "the same MCP server over Streamable HTTP");
  for (auto* command : {api, llm, mcp_http}) {
    command->add_option("--listen", listen, "address and port; port 0 takes any free one");
  }
  mcp->add_option("--count-file", count_file, "grows by one byte a call");
  CLI11_PARSE(app, argc, argv);

  if (*mcp) return serve_mcp_stdio(count_file);
  if (*api) {
    Api handler;
    return serve(listen, handler);
  }
  if (*llm) {
    Llm handler;
    return serve(listen, handler);
  }
  McpHttp handler;
  return serve(listen, handler);
}
