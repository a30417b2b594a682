// Events as rows of table `events`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/money.h"
#include "base/result.h"
#include "store/sqlite/database.h"

namespace satgate::store {

class EventWriter {
 public:
  static Result<EventWriter> prepare(sqlite::Database& database);
  EventWriter(EventWriter&&) noexcept;
  ~EventWriter();

  // Inserts the event with the number `seq` of the hash chain. `cost` is what the journal says was
  // charged, to the nano-credit; the JSON says the same in credits.
  Result<void> insert(uint64_t seq, std::string_view json, std::optional<Money> cost);

 private:
  struct Parser;
  EventWriter(sqlite::Statement statement, std::unique_ptr<Parser> parser);
  sqlite::Statement statement_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace satgate::store
