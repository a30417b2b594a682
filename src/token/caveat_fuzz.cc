// Hostile caveats and calls. Law 2: whatever a holder appends, the child is allowed nothing that
// its parent is not, lives no longer, spends from every account of its parent, and keeps its
// points.
//
// Input, by lines: path, query, method, tool, listed tool, upstream, model, caveats of the parent,
// an empty line, caveats of the child.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "token/caveat.h"
#include "token/mint.h"
#include "token/verifier.h"

using namespace satgate;
using namespace satgate::token;

namespace {

std::string_view take_line(std::string_view& input) {
  const std::string_view line = input.substr(0, input.find('\n'));
  input.remove_prefix(std::min(input.size(), line.size() + 1));
  return line;
}

std::vector<std::string> take_caveats(std::string_view& input) {
  std::vector<std::string> out;
  while (!input.empty()) {
    const std::string_view line = take_line(input);
    if (line.empty()) break;
    const auto caveat = parse_caveat(line);
    if (!caveat) continue;
    RELEASE_ASSERT(caveat->text == line);
    RELEASE_ASSERT(!describe(*caveat).empty());
    out.emplace_back(line);
  }
  return out;
}

template <class T>
bool is_prefix(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() <= b.size() && std::equal(a.begin(), a.end(), b.begin());
}

void check_narrows(const VerifiedToken& parent, const VerifiedToken& child, const Call& call) {
  const std::vector<std::string> audiences = {"a"};
  RELEASE_ASSERT(permits(child, call, audiences) || !permits(parent, call, audiences));
  if (const auto end = expires_at(parent)) RELEASE_ASSERT(expires_at(child).value() <= *end);
  if (const auto most = call_max(parent)) RELEASE_ASSERT(call_max(child).value() <= *most);
  RELEASE_ASSERT(is_prefix(parent.chain().points, child.chain().points));
  RELEASE_ASSERT(parent.chain().accounts.size() <= child.chain().accounts.size());
  for (size_t i = 0; i < parent.chain().accounts.size(); ++i) {
    const LineageAccount& mine = parent.chain().accounts[i];
    const LineageAccount& theirs = child.chain().accounts[i];
    RELEASE_ASSERT(mine.account == theirs.account && mine.limits == theirs.limits);
  }
  each_label(parent, [&](std::string_view name, std::string_view) {
    RELEASE_ASSERT(label(child, name) == label(parent, name));
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto ring = std::make_shared<const Keyring>(Hash256{}, Time{});
  static Verifier verifier(ring, {}, 4);
  std::string_view input(reinterpret_cast<const char*>(data), size);
  Call call;
  for (std::string_view* field : {&call.endpoint, &call.query, &call.method, &call.tool,
                                  &call.listed_tool, &call.upstream, &call.model}) {
    *field = take_line(input);
  }
  const auto parent_text = mint(*ring, TokenId{{1}}, take_caveats(input));
  if (!parent_text) return 0;
  const auto child_text = attenuate(*parent_text, take_caveats(input));
  if (!child_text) return 0;
  const auto parent = verifier.verify(*parent_text);
  const auto child = verifier.verify(*child_text);
  if (!parent) {
    RELEASE_ASSERT(parent.error() == Refusal::depth_exceeded && !child);
  } else if (child) {
    check_narrows(*parent, *child, call);
  } else {
    RELEASE_ASSERT(child.error() == Refusal::depth_exceeded);
  }
  return 0;
}
