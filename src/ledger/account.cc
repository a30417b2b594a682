#include "ledger/account.h"

namespace satgate::ledger {

void change_use(Account& account, Money spent_delta, Money held_delta) {
  const Carve* carve = account.carve;
  const Money left_before = carve != nullptr ? carve->left() : Money();
  account.spent += spent_delta;
  account.held += held_delta;
  if (carve == nullptr) return;
  const Money taken = left_before - carve->left();
  for (Account* parent : carve->from)
    parent->carved -= taken;
}

Use use_in(const Account& account, Window window, const WindowEnds& now) {
  if (window == Window::lifetime) return {account.spent, account.held};
  const auto w = static_cast<size_t>(window);
  const WindowUse& use = account.windows[w];
  return use.end >= now[w] ? Use{use.spent, use.held} : Use{};
}

Money room(const Account& account, Window window, Money limit, const Use& use, Money covered) {
  const Money unused = max(Money(), limit - use.spent - use.held);
  if (window != Window::lifetime) return unused;
  // A limit lowered under what was carved leaves nothing free, yet the carved part may still be
  // spent as long as the spending itself stays within the limit.
  const Money free = max(Money(), unused - account.carved);
  return min(unused, free + covered);
}

}  // namespace satgate::ledger
