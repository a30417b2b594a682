#include "store/invoice_book.h"

#include <algorithm>
#include <array>

namespace satgate::store {
namespace {

constexpr const char* kColumns =
    "SELECT payment_hash, node_id, bolt11, amount_msat, description, created, expires, paid, "
    "received_msat FROM invoices ";

// In the order of PaymentState.
constexpr std::array<std::string_view, 7> kStates = {"open",      "expired",   "paid",    "used",
                                                     "underpaid", "refunding", "refunded"};

// With ?1: now. A payment is of one token, which says so itself: names can be anybody's.
constexpr const char* kWithStates =
    "SELECT * FROM (SELECT invoices.payment_hash, node_id, invoices.bolt11, invoices.amount_msat, "
    "description, invoices.created, expires, paid, received_msat, "
    "CASE WHEN refunds.state = 1 THEN 6 WHEN refunds.state = 0 THEN 5 "
    "WHEN paid IS NULL THEN expires <= ?1 WHEN received_msat < invoices.amount_msat THEN 4 "
    "WHEN tokens.id IS NOT NULL THEN 3 ELSE 2 END AS payment_state, "
    "coalesce(refunds.amount_msat, 0), coalesce(received_msat - left_msat, 0) "
    "FROM invoices LEFT JOIN refunds ON refunds.payment = payment_hash AND refunds.state <> 2 "
    "LEFT JOIN tokens ON sale_payment = lower(hex(payment_hash))) ";

Result<InvoiceRecord> read_row(const sqlite::Statement& row) {
  InvoiceRecord invoice;
  const std::string_view hash = row.text(0);
  if (hash.size() != invoice.payment_hash.size()) {
    return fail("database: an invoice has no payment hash");
  }
  std::ranges::copy(hash, invoice.payment_hash.begin());
  invoice.node_id = row.text(1);
  invoice.bolt11 = row.text(2);
  invoice.amount_msat = row.integer(3);
  invoice.description = row.text(4);
  invoice.created = Time{row.integer(5)};
  invoice.expires = Time{row.integer(6)};
  if (!row.is_null(7)) invoice.paid = Time{row.integer(7)};
  invoice.received_msat = row.integer(8);
  return invoice;
}

Result<std::vector<InvoiceRecord>> read_rows(sqlite::Statement& rows) {
  std::vector<InvoiceRecord> invoices;
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return invoices;
    TRY_ASSIGN(InvoiceRecord invoice, read_row(rows));
    invoices.push_back(std::move(invoice));
  }
}

}  // namespace

std::string_view to_string(PaymentState state) {
  return kStates[static_cast<size_t>(state)];
}

std::optional<PaymentState> parse_payment_state(std::string_view text) {
  const auto found = std::ranges::find(kStates, text);
  if (found == kStates.end()) return std::nullopt;
  return static_cast<PaymentState>(found - kStates.begin());
}

Result<void> InvoiceBook::add(const InvoiceRecord& invoice) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement put,
             shared_.database.prepare("INSERT INTO invoices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  put.bind_blob(1, as_bytes_view(invoice.payment_hash)).bind(2, invoice.node_id);
  put.bind(3, invoice.bolt11).bind(4, invoice.amount_msat).bind(5, invoice.description);
  put.bind(6, invoice.created.unix_ns).bind(7, invoice.expires.unix_ns);
  if (invoice.paid) {
    put.bind(8, invoice.paid->unix_ns);
  } else {
    put.bind_null(8);
  }
  return put.bind(9, invoice.received_msat).run();
}

Result<void> InvoiceBook::mark_paid(const Hash256& payment_hash, int64_t received_msat, Time now) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement put,
             shared_.database.prepare(
                 "UPDATE invoices SET paid = ?, received_msat = ? WHERE "
                 "payment_hash = ? AND (paid IS NULL OR received_msat < amount_msat)"));
  put.bind(1, now.unix_ns).bind(2, received_msat).bind_blob(3, as_bytes_view(payment_hash));
  return put.run();
}

Result<std::optional<InvoiceRecord>> InvoiceBook::find(const Hash256& payment_hash) const {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement row,
             shared_.database.prepare(std::string(kColumns) + "WHERE payment_hash = ?"));
  TRY_ASSIGN(const bool found, row.bind_blob(1, as_bytes_view(payment_hash)).step());
  if (!found) return std::nullopt;
  return read_row(row);
}

Result<std::vector<ListedInvoice>> InvoiceBook::list(size_t count, const Filter& filter,
                                                     Time now) const {
  const std::lock_guard lock(shared_.mutex);
  const std::string order = filter.paid_only ? "AND paid IS NOT NULL ORDER BY paid DESC LIMIT ?3"
                                             : "ORDER BY created DESC LIMIT ?3";
  TRY_ASSIGN(sqlite::Statement rows,
             shared_.database.prepare(kWithStates +
                                      ("WHERE (?2 IS NULL OR payment_state = ?2) " + order)));
  rows.bind(1, now.unix_ns).bind(3, static_cast<int64_t>(count));
  if (filter.state) {
    rows.bind(2, static_cast<int64_t>(*filter.state));
  } else {
    rows.bind_null(2);
  }
  std::vector<ListedInvoice> listed;
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return listed;
    ListedInvoice& one = listed.emplace_back();
    TRY_ASSIGN(one.invoice, read_row(rows));
    one.state = static_cast<PaymentState>(rows.integer(9));
    one.refund_msat = rows.integer(10);
    one.used_msat = rows.integer(11);
  }
}

Result<std::vector<InvoiceRecord>> InvoiceBook::made_since(Time since, size_t count) const {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement rows,
             shared_.database.prepare(std::string(kColumns) +
                                      "WHERE created >= ? ORDER BY created DESC LIMIT ?"));
  rows.bind(1, since.unix_ns).bind(2, static_cast<int64_t>(count));
  return read_rows(rows);
}

Result<void> InvoiceBook::forget_expired(Time before) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement drop,
             shared_.database.prepare("DELETE FROM invoices WHERE paid IS NULL AND expires < ?"));
  return drop.bind(1, before.unix_ns).run();
}

}  // namespace satgate::store
