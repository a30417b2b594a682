// Roll-ups: how many calls and how much money, by second and by everything a report may ask for.
// They are added up in memory while events are written, and stored with the accounts they belong
// to (books.h); a restart makes those of the last moments again from the journal.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/money.h"
#include "base/result.h"
#include "contract/audit_event.h"

namespace satgate::store {

// The columns of table spend_keys, in its order.
enum class Dimension : uint8_t {
  kind,
  subject,
  holder,  // the last one: of the token that made the call
  upstream,
  tool,
  endpoint,
  model,
  decision,
  code,
  team,
  project,
  environment,
  workflow,
  budget,
  route,
};
inline constexpr size_t kDimensions = 15;

// The name of the column, and of the event's member in JSON where it has one.
std::string_view to_string(Dimension dimension);

// What is added up together. Views belong to whoever made the key.
struct RollupKey {
  int64_t second = 0;                                // of the event's time, unix
  std::array<std::string_view, kDimensions> text{};  // empty: the event has none

  std::string_view& at(Dimension d) { return text[static_cast<size_t>(d)]; }
};

struct ShareTotals {
  uint64_t calls = 0;
  Money amount;
  void add(Money share) {
    ++calls;
    amount += share;
  }
};

struct RollupTotals {
  uint64_t events = 0;
  Money spent;
  std::map<std::string, ShareTotals, std::less<>> shares;  // of it, by partner
};

// Encoded keys with their totals. Not thread-safe.
class Rollups {
 public:
  // What an event and the JSON written of it have in common. `json` is read only where the event's
  // own texts would be cut or changed on their way into it.
  void add(const AuditEvent& event, std::string_view json, std::optional<Money> cost);
  // From the journal. Fails when the JSON is not an event.
  Result<void> add(std::string_view json, std::optional<Money> cost);

  bool empty() const { return totals_.empty(); }
  void clear() { totals_.clear(); }

  // Calls `use(const RollupKey&, std::string_view dimensions, const RollupTotals&)` for each;
  // `dimensions` is the same for keys that differ in the second alone. Stops at a failure.
  template <class Use>
  Result<void> each(const Use& use) const {
    for (const auto& [encoded, totals] : totals_) {
      const RollupKey key = decode(encoded);
      TRY(use(key, std::string_view(encoded).substr(sizeof(int64_t)), totals));
    }
    return {};
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  static RollupKey decode(std::string_view encoded);
  RollupTotals& add(const RollupKey& key, std::optional<Money> cost);

  std::unordered_map<std::string, RollupTotals, Hash, std::equal_to<>> totals_;
  std::string encoded_;  // reused
};

}  // namespace satgate::store
