// What MCP servers say about their tools, and what a person has accepted of it. A model acts on
// these texts, so a server that changes one behind everybody's back can make agents do what it
// wants. Accepted definitions are in SQLite; those that wait are in memory alone, since their
// server says them again. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/shared_database.h"

namespace satgate::store {

struct ToolDefinition {
  std::string tool;
  std::string text;  // in one spelling (dialect/mcp/definition.h)
};

class DefinitionBook {
 public:
  static Result<std::unique_ptr<DefinitionBook>> open(SharedDatabase& shared);

  using Names = std::set<std::string, std::less<>>;
  // Of a server that is seen for the first time: is told how many tools it has, and says whether
  // all of them are accepted. It must not call the book.
  using Witness = std::function<bool(const std::string& server, size_t tools)>;

  // What a server offers now, in place of what it offered before. Returns the tools that are held
  // back: their definition is not the accepted one. What is accepted at first sight is on disk on
  // return; without a witness nothing is. Blocks.
  Names offer(const std::string& server, std::vector<ToolDefinition> tools, const Witness& witness);
  // Of servers that are not looked at any more.
  void forget_others(const Names& servers);

  struct Held {
    std::string id;  // of this very text: 32 hex digits. Another definition has another id
    std::string server, tool;
    std::string offered;
    std::string accepted;  // empty: none of that name was
  };
  std::vector<Held> held() const;  // by server and tool
  std::optional<Held> find(std::string_view id) const;

  enum class Accepted : uint8_t { yes, gone, failed };
  // On disk on return. gone: no server offers it any more.
  Accepted accept(std::string_view id);

 private:
  using Texts = std::map<std::string, std::string, std::less<>>;  // by tool
  using Servers = std::map<std::string, Texts, std::less<>>;

  explicit DefinitionBook(SharedDatabase& shared) : shared_(shared) {}
  Result<void> load();
  Result<void> write(std::string_view server, const Texts& texts);
  template <class Take>
  void each_held(Take take) const;

  SharedDatabase& shared_;
  mutable std::mutex mutex_;  // guards what follows; taken before that of the database
  Servers accepted_, offered_;
};

}  // namespace satgate::store
