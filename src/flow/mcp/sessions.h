// Sessions of legacy clients (Mcp-Session-Id). A session is no authority: every request still shows
// its token. The id says itself when it began, which revision was agreed and whose it is, under a
// MAC, so open sessions cost no memory and one gateway takes another's ids if they share the key.
// Kept are only the sessions that a client ended. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/crypto.h"
#include "base/time.h"

namespace satgate::flow::mcp {

class Sessions {
 public:
  static constexpr int64_t kSecondsMax = 24 * 3600;
  static constexpr size_t kEndedMax = 65'536;  // the oldest are forgotten first

  // Whoever knows the key can make session ids; a random one ends all sessions with the process.
  explicit Sessions(std::string_view key);

  // `principal` is what the request showed: the id of its token, or a fixed word without one.
  // `version` is one of kLegacyVersions.
  std::string open(std::string_view principal, std::string_view version, Time now) const;

  // The agreed revision of a live session of this principal. Nothing: answer 404, so that the
  // client begins anew, whatever the reason was.
  std::optional<std::string_view> check(std::string_view id, std::string_view principal,
                                        Time now) const;

  // DELETE: from now on check() knows it no more. False where it did not know it before.
  bool end(std::string_view id, std::string_view principal, Time now);

 private:
  std::string seal(std::string_view head, std::string_view principal) const;

  Hash256 key_;
  mutable std::mutex mutex_;
  std::unordered_set<std::string> ended_;
  std::deque<std::string> ended_order_;
};

}  // namespace satgate::flow::mcp
