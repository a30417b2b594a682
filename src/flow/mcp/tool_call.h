// One `tools/call`: the conversation that the governed exchange has with an MCP client. The answer
// is built as one JSON-RPC message; the endpoint sends it.
#pragma once

#include <string>
#include <string_view>

#include "dialect/mcp/message.h"
#include "dialect/mcp/reply.h"
#include "flow/conversation.h"
#include "flow/mcp/hub.h"
#include "flow/worker.h"

namespace satgate::flow::mcp {

class ToolCall final : public Conversation {
 public:
  struct Request {
    std::string_view id;         // raw JSON-RPC id
    std::string_view params;     // raw
    std::string_view arguments;  // raw, of params; empty: none
    dialect::mcp::Era era = dialect::mcp::Era::legacy;
  };

  // `call` names server and tool as the catalogue has them.
  ToolCall(const Settings& settings, Hub& hub, dialect::mcp::RawJson& json, const Call& call,
           const Credential& credential, const Request& request);

  const Call& call() const override { return call_; }
  const Settings& settings() const override { return settings_; }
  Credential credential() const override { return credential_; }
  net::Task<bool> add_content(SipHash& fingerprint) override;
  net::Task<flow::Outcome> forward(const Passing& passing) override;
  net::Task<> complete(const Settled& settled) override;
  net::Task<> refuse(const Denial& denial) override;
  net::Task<> fail(const Fault& fault) override;

  const std::string& answer() const { return answer_; }  // one JSON-RPC response
  int http_status() const { return http_status_; }       // other than 200 with DenialStyle::http
  // X-Cost-Per-Call and the like, for an answer that is one call.
  void write_fields(wire::HeadWriter& head) const;

 private:
  const Settings& settings_;
  Hub& hub_;
  dialect::mcp::RawJson& json_;
  const Call& call_;
  Credential credential_;
  Request request_;
  mcp::Outcome upstream_;
  Passing passing_;
  Settled settled_;
  std::string answer_;
  int http_status_ = 200;
};

}  // namespace satgate::flow::mcp
