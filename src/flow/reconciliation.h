// Compares the invoices that were made here with what the node says about them. What is settled
// there and not noted here is noted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/task.h"
#include "payment/lightning_node.h"
#include "store/bank.h"
#include "store/invoice_book.h"

namespace satgate::flow {

struct ReconcileQuestion {
  Time since;        // invoices made from then on, the newest first
  size_t count = 0;  // at most
  Time until;        // no more are asked about then
};

struct PaymentDifference {
  enum class Kind : uint8_t {
    not_noted,     // settled at the node; now it is noted here
    not_settled,   // noted here
    other_amount,  // came there than is noted here
    underpaid,     // both say the same, and it is less than was asked for
    overpaid,
  };
  Kind kind = Kind::not_noted;
  store::InvoiceRecord invoice;  // as it was here
  int64_t node_msat = 0;         // that came there
};

std::string_view to_string(PaymentDifference::Kind kind);  // "not_noted"

struct PaymentSums {
  uint64_t payments = 0;
  int64_t msat = 0;
  void add(int64_t received_msat) {
    ++payments;
    msat += received_msat;
  }
};

struct Reconciliation {
  uint64_t asked = 0;   // invoices that the node has answered about
  uint64_t failed = 0;  // and not answered
  bool cut = false;     // there were more
  std::string problem;  // why the node has not answered
  PaymentSums here, node;
  std::vector<PaymentDifference> differences;

  bool agrees() const;
};

net::Task<Result<Reconciliation>> reconcile(store::Bank& bank, const Clock& clock,
                                            payment::LightningNode& node,
                                            ReconcileQuestion question);

}  // namespace satgate::flow
