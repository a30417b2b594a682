// Calls that are paid for by what came of them (`outcome`). Their money stays held after the
// answer, until a signed signal says whether it was a success, or the time is over.
//
//   POST /.well-known/satgate/outcomes/REQUEST_ID   {"success": true}
//   X-SatGate-Signature: sha256=<hex HMAC-SHA256(outcome.secret, REQUEST_ID "." body)>
//
// Who holds the secret decides; nobody else can, and nobody twice. The hold is on disk and counts
// against every cap meanwhile; a crash charges it, as it does every call without an end (Law 1.4),
// but for what a buyer has paid. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"
#include "contract/audit_event.h"
#include "contract/reservation.h"
#include "flow/metrics.h"
#include "store/bank.h"
#include "tariff/policy.h"

namespace satgate::flow {

class Outcomes {
 public:
  // Both live longer.
  Outcomes(store::Bank& bank, Metrics& metrics) : bank_(bank), metrics_(metrics) {}

  // Whether one more can wait; else the call is charged at once.
  bool has_room() const;
  // `event` is copied with all that it points to.
  void wait(Reservation reservation, Money cost, const AuditEvent& event,
            const tariff::OutcomePolicy& policy, Time now);

  enum class Decided : uint8_t {
    done,
    unsigned_,    // not with the secret of this call
    unknown,      // no such call, or it was decided before
    unavailable,  // the record could not be written
  };
  Decided decide(std::string_view request_id, std::string_view body, bool success,
                 std::string_view signature);

  // Ends what nobody has decided in time, as its policy says. About once a second.
  void tick(Time now);
  // All of them: the gateway stops.
  void close();

 private:
  struct Waiting {
    Reservation reservation;
    Money cost;
    AuditEvent event;
    std::deque<std::string> texts;  // what `event` points to
    Shares shares;                  // likewise
    tariff::OutcomePolicy policy;
    Time until;
  };
  bool end(std::unique_ptr<Waiting> waiting, bool charge, std::string_view why);
  std::unique_ptr<Waiting> take_overdue(Time now);

  store::Bank& bank_;
  Metrics& metrics_;
  mutable std::mutex mutex_;                                              // guards what follows
  std::map<std::string, std::unique_ptr<Waiting>, std::less<>> waiting_;  // by request id
};

}  // namespace satgate::flow
