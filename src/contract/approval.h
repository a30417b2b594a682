// A call that waits for a person, or that a person has decided about (docs/decisions/
// 0028-approvals.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"

namespace satgate {

struct ApprovalTag;
using ApprovalId = Id128<ApprovalTag>;

enum class ApprovalState : uint8_t { pending = 1, approved = 2, denied = 3 };

constexpr std::string_view to_string(ApprovalState state) {
  switch (state) {
    case ApprovalState::pending:
      return "pending";
    case ApprovalState::approved:
      return "approved";
    case ApprovalState::denied:
      return "denied";
  }
  return "";
}

struct Approval {
  ApprovalId id;
  // Which call it is about: nothing else opens it. The point of the lineage is that of the token
  // itself, so that what a child was allowed opens nothing of its sister, nor of its own children.
  TokenId token;
  AccountId point;
  std::string server;
  std::string tool;
  Hash256 arguments{};  // of their text without white space
  Money quote;          // who approved one price did not approve another

  // For who decides.
  std::string subject;  // the root token's name
  std::string holder;   // the last one of the lineage, or empty
  std::string shown;    // the arguments, cut; only while it is pending
  std::string reason;   // of who decided, for the agent; may be empty
  Time created;
  Time expires;
  ApprovalState state = ApprovalState::pending;
};

// The same for two approvals if they are about the same call.
inline Hash256 fingerprint(const Approval& approval) {
  Sha256 hash;
  // Lengths and ends are part of it: no two different calls make the same bytes.
  const auto part = [&hash](std::string_view bytes) {
    const uint64_t size = bytes.size();
    hash.update({reinterpret_cast<const char*>(&size), sizeof size}).update(bytes);
  };
  const int64_t quote = approval.quote.nano();
  part(approval.token.view());
  part(approval.point.view());
  part(approval.server);
  part(approval.tool);
  part(as_bytes_view(approval.arguments));
  part({reinterpret_cast<const char*>(&quote), sizeof quote});
  return hash.finish();
}

}  // namespace satgate
