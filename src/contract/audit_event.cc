#include "contract/audit_event.h"

namespace satgate {

std::string_view to_string(Decision decision) {
  switch (decision) {
    case Decision::allow:
      return "allow";
    case Decision::deny:
      return "deny";
    case Decision::would_deny:
      return "would_deny";
  }
  std::unreachable();
}

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::call:
      return "call";
    case EventKind::mint:
      return "mint";
    case EventKind::attenuate:
      return "attenuate";
    case EventKind::update:
      return "update";
    case EventKind::revoke:
      return "revoke";
    case EventKind::budget:
      return "budget";
    case EventKind::config:
      return "config";
    case EventKind::recovery:
      return "recovery";
    case EventKind::expire:
      return "expire";
    case EventKind::overrun:
      return "overrun";
    case EventKind::unblock:
      return "unblock";
    case EventKind::approve:
      return "approve";
    case EventKind::deny:
      return "deny";
    case EventKind::accept:
      return "accept";
    case EventKind::pay:
      return "pay";
    case EventKind::refund:
      return "refund";
    case EventKind::outcome:
      return "outcome";
  }
  std::unreachable();
}

}  // namespace satgate
