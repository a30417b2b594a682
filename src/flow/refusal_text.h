// The sentences of refusals, for people and models. One place, so that they stay consistent.
#pragma once

#include <string>
#include <string_view>

#include "contract/call.h"
#include "contract/path.h"
#include "contract/refusal.h"
#include "ledger/ledger.h"

namespace satgate::flow {

// A refusal that carries no numbers.
std::string refusal_text(Refusal refusal, const Call& call);

// A call that does not fit an account: "Hourly budget limit exceeded" on the token itself, with the
// account's name where it is another one.
std::string misfit_text(const ledger::Misfit& misfit, const PathEntry& entry);

// Whole seconds from `now` on; nothing where waiting is of no use or takes more than a minute.
std::optional<int64_t> retry_after_seconds(std::optional<Time> then, Time now);

}  // namespace satgate::flow
