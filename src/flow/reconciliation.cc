#include "flow/reconciliation.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace satgate::flow {
namespace {

using payment::InvoiceState;
using payment::InvoiceStatus;
using store::InvoiceRecord;
using Kind = PaymentDifference::Kind;
using Answers = std::vector<Result<InvoiceStatus>>;

constexpr size_t kAtOnce = 16;

// Asked all at once; they are answered one after the other, on the node's loop.
net::Task<Answers> ask_all(payment::LightningNode& node, std::span<const InvoiceRecord> invoices) {
  struct Waiting {
    Answers answers;
    size_t left;
  };
  const auto waiting = std::make_shared<Waiting>();
  waiting->left = invoices.size();
  waiting->answers.assign(invoices.size(), fail("not asked"));
  auto start = [&node, &invoices, &waiting](net::Completion<Answers> done) {
    for (size_t i = 0; i < invoices.size(); ++i) {
      payment::InvoiceKey key;
      key.payment_hash = invoices[i].payment_hash;
      key.node_id = invoices[i].node_id;
      node.lookup(std::move(key), [waiting, i, done](Result<InvoiceStatus> answer) {
        waiting->answers[i] = std::move(answer);
        if (--waiting->left == 0) done(std::move(waiting->answers));
      });
    }
  };
  co_return co_await net::await_callback<Answers>(std::move(start));
}

Result<void> compare(store::Bank& bank, Time now, const InvoiceRecord& invoice,
                     const InvoiceStatus& status, Reconciliation& found) {
  const bool settled = status.state == InvoiceState::settled;
  const int64_t came = settled ? status.received_msat : 0;
  if (invoice.paid) found.here.add(invoice.received_msat);
  if (settled) found.node.add(came);
  const auto differ = [&](Kind kind) { found.differences.push_back({kind, invoice, came}); };
  if (settled && !invoice.paid) {
    differ(Kind::not_noted);
    TRY(bank.invoices().mark_paid(invoice.payment_hash, came, now));
  }
  if (invoice.paid && !settled) differ(Kind::not_settled);
  if (invoice.paid && settled && invoice.received_msat != came) differ(Kind::other_amount);
  if (settled && came < invoice.amount_msat) differ(Kind::underpaid);
  if (settled && came > invoice.amount_msat) differ(Kind::overpaid);
  return {};
}

}  // namespace

std::string_view to_string(Kind kind) {
  constexpr std::array<std::string_view, 5> names = {"not_noted", "not_settled", "other_amount",
                                                     "underpaid", "overpaid"};
  return names[static_cast<size_t>(kind)];
}

bool Reconciliation::agrees() const {
  return failed == 0 && std::ranges::all_of(differences, [](const PaymentDifference& one) {
           return one.kind == Kind::underpaid || one.kind == Kind::overpaid;
         });
}

net::Task<Result<Reconciliation>> reconcile(store::Bank& bank, const Clock& clock,
                                            payment::LightningNode& node,
                                            ReconcileQuestion question) {
  auto invoices = bank.invoices().made_since(question.since, question.count + 1);
  if (!invoices) co_return std::unexpected(invoices.error());
  Reconciliation found;
  if (invoices->size() > question.count) {
    found.cut = true;
    invoices->resize(question.count);
  }
  std::span<const InvoiceRecord> rest(*invoices);
  while (!rest.empty()) {
    const auto batch = rest.first(std::min(rest.size(), kAtOnce));
    const Answers answers = co_await ask_all(node, batch);
    for (size_t i = 0; i < batch.size(); ++i) {
      if (!answers[i]) {
        ++found.failed;
        found.problem = answers[i].error().message;
        continue;
      }
      ++found.asked;
      const auto noted = compare(bank, clock.now(), batch[i], *answers[i], found);
      if (!noted) co_return std::unexpected(noted.error());
    }
    rest = rest.subspan(batch.size());
    const bool is_away =
        std::ranges::none_of(answers, [](const auto& one) { return one.has_value(); });
    if (rest.empty() || (!is_away && clock.now() < question.until)) continue;
    found.cut = true;
    break;
  }
  co_return found;
}

}  // namespace satgate::flow
