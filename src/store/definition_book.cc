#include "store/definition_book.h"

#include <algorithm>
#include <utility>

#include "base/crypto.h"
#include "base/text.h"

namespace satgate::store {
namespace {

constexpr size_t kIdBytes = 16;

// A decision is about what a person has seen: the id has all of it.
std::string id_of(std::string_view server, std::string_view tool, std::string_view text) {
  std::string all(server);
  all.append("\n").append(tool).append("\n").append(text);
  return to_hex(as_bytes_view(sha256(all)).substr(0, kIdBytes));
}

const std::string* find_text(const auto& servers, std::string_view server, std::string_view tool) {
  const auto texts = servers.find(server);
  if (texts == servers.end()) return nullptr;
  const auto text = texts->second.find(tool);
  return text == texts->second.end() ? nullptr : &text->second;
}

}  // namespace

Result<std::unique_ptr<DefinitionBook>> DefinitionBook::open(SharedDatabase& shared) {
  std::unique_ptr<DefinitionBook> book(new DefinitionBook(shared));
  TRY(book->load());
  return book;
}

Result<void> DefinitionBook::load() {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement rows,
             shared_.database.prepare("SELECT server, tool, definition FROM tool_definitions"));
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    accepted_[std::string(rows.text(0))][std::string(rows.text(1))] = rows.text(2);
  }
}

Result<void> DefinitionBook::write(std::string_view server, const Texts& texts) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(auto transaction, sqlite::Transaction::begin(shared_.database));
  TRY_ASSIGN(sqlite::Statement put,
             shared_.database.prepare("REPLACE INTO tool_definitions (server, tool, definition) "
                                      "VALUES (?, ?, ?)"));
  for (const auto& [tool, text] : texts) {
    TRY(put.bind(1, server).bind(2, tool).bind(3, text).run());
  }
  return transaction.commit();
}

DefinitionBook::Names DefinitionBook::offer(const std::string& server,
                                            std::vector<ToolDefinition> tools,
                                            const Witness& witness) {
  Texts texts;
  for (ToolDefinition& each : tools)
    texts[std::move(each.tool)] = std::move(each.text);
  const std::lock_guard lock(mutex_);
  const bool is_new = !texts.empty() && !accepted_.contains(server);
  if (is_new && witness && witness(server, texts.size()) && write(server, texts)) {
    accepted_[server] = texts;
  }
  Names held;
  for (const auto& [tool, text] : texts) {
    const std::string* accepted = find_text(accepted_, server, tool);
    if (accepted == nullptr || *accepted != text) held.insert(tool);
  }
  offered_[server] = std::move(texts);
  return held;
}

void DefinitionBook::forget_others(const Names& servers) {
  const std::lock_guard lock(mutex_);
  std::erase_if(offered_, [&](const auto& each) { return !servers.contains(each.first); });
}

template <class Take>
void DefinitionBook::each_held(Take take) const {
  for (const auto& [server, texts] : offered_) {
    for (const auto& [tool, text] : texts) {
      const std::string* accepted = find_text(accepted_, server, tool);
      if (accepted != nullptr && *accepted == text) continue;
      take(Held{id_of(server, tool, text), server, tool, text,
                accepted == nullptr ? std::string() : *accepted});
    }
  }
}

std::vector<DefinitionBook::Held> DefinitionBook::held() const {
  std::vector<Held> all;
  const std::lock_guard lock(mutex_);
  each_held([&](Held one) { all.push_back(std::move(one)); });
  return all;
}

std::optional<DefinitionBook::Held> DefinitionBook::find(std::string_view id) const {
  std::vector<Held> all = held();
  const auto found = std::ranges::find(all, id, &Held::id);
  if (found == all.end()) return std::nullopt;
  return std::move(*found);
}

DefinitionBook::Accepted DefinitionBook::accept(std::string_view id) {
  const std::lock_guard lock(mutex_);
  std::optional<Held> asked;
  each_held([&](Held one) {
    if (one.id == id) asked = std::move(one);
  });
  if (!asked) return Accepted::gone;
  if (!write(asked->server, {{asked->tool, asked->offered}})) return Accepted::failed;
  accepted_[asked->server][asked->tool] = std::move(asked->offered);
  return Accepted::yes;
}

}  // namespace satgate::store
