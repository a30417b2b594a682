// The keeper: the thread that does what must not be done on the call path. It commits leases,
// writes the books, notes lineage points and signs checkpoints.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "audit/checkpoint.h"
#include "base/time.h"
#include "ledger/ledger.h"
#include "store/books.h"
#include "store/journal.h"
#include "store/lease_book.h"
#include "store/shared_database.h"
#include "store/sqlite_directory.h"

namespace satgate::store {

class Keeper {
 public:
  // What it works on; all of it outlives the keeper.
  struct Parts {
    ledger::Ledger* ledger;
    Journal* journal;
    SharedDatabase* shared;
    SqliteDirectory* directory;
    const audit::SigningKey* key;
    const Clock* clock;
    // Fills a page with what has happened since it was called last.
    std::function<void(Page&)> take_page;
  };

  // `booked_seq`: the record up to which the books are written; `signed_seq`: see Page.
  Keeper(Parts parts, uint64_t booked_seq, uint64_t signed_seq, int64_t period_ms);
  ~Keeper();  // stops; does not close

  // See Bank::extend_leases.
  void extend(const ledger::LeaseShortage& shortage, std::function<void(bool)> done);
  // Waits until everything queued so far is in the books. False when it can not be.
  bool flush();
  // Stops, and leaves the store as after a clean end: all booked, signed, leases returned.
  Result<void> close();

 private:
  struct LeaseRequest {
    ledger::LeaseShortage shortage;
    std::function<void(bool)> done;
  };

  void loop();
  void stop();
  bool is_time_to_book(std::chrono::steady_clock::time_point now);
  void grant_leases();
  Result<void> grant(const std::vector<LeaseRequest>& requests);
  Result<void> book();
  Result<void> sign(bool now);

  const Parts parts_;
  Books books_;
  Page page_;  // reused
  LeaseBook leases_;
  uint64_t signed_seq_;
  const int64_t period_ms_;
  std::chrono::steady_clock::time_point signed_at_;
  std::chrono::steady_clock::time_point book_at_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  std::condition_variable booked_;
  std::vector<LeaseRequest> requests_;
  uint64_t wanted_seq_ = 0;  // somebody waits until this is in the books
  uint64_t booked_seq_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace satgate::store
