// An event as one line of JSON: what the journal stores, the chain hashes and the export shows.
//
//   {"time":"2026-04-09T18:00:00.000Z","subject":"cursor-dev","project":"satgate-landing",
//    "tool":"web-fetch","cost":2,"decision":"allow","event":"call","team":...}
//
// The keys that people read come first, in that order; what is not set is left out. Amounts are
// JSON numbers in credits. The labels project, team, environment and workflow are keys of their
// own, all others stand under "labels"; of two labels with one name the first counts, so that no
// holder further down can rename what an issuer said.
#pragma once

#include <cstddef>
#include <string>

#include "base/limits.h"
#include "contract/audit_event.h"

namespace satgate::audit {

// No event is longer, whatever a caller put into names and paths: each text is cut at a bound of
// its own and ends in "..." then. Leaves room for the rest of a journal record.
inline constexpr size_t event_bytes_max = limits::journal_record_bytes_max - 4 * 1024;

// Appends the event to `out`: one line without its newline, valid UTF-8, no control characters.
void append_event_json(std::string& out, const AuditEvent& event);

}  // namespace satgate::audit
