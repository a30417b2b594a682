#include "contract/path.h"

#include <utility>

namespace satgate {

std::string_view to_string(AccountKind kind) {
  switch (kind) {
    case AccountKind::token:
      return "token";
    case AccountKind::lineage:
      return "lineage";
    case AccountKind::policy:
      return "policy";
    case AccountKind::tool:
      return "tool";
    case AccountKind::budget:
      return "budget";
    case AccountKind::rate:
      return "rate";
    case AccountKind::paid:
      return "paid";
  }
  std::unreachable();
}

}  // namespace satgate
