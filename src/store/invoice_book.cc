#include "store/invoice_book.h"

#include <algorithm>

namespace satgate::store {
namespace {

constexpr const char* kColumns =
    "SELECT payment_hash, node_id, bolt11, amount_msat, description, created, expires, paid, "
    "received_msat FROM invoices ";

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

}  // namespace

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
             shared_.database.prepare("UPDATE invoices SET paid = ?, received_msat = ? WHERE "
                                      "payment_hash = ? AND paid IS NULL"));
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

Result<std::vector<InvoiceRecord>> InvoiceBook::list(size_t count, bool paid_only) const {
  const std::lock_guard lock(shared_.mutex);
  const std::string order = paid_only ? "WHERE paid IS NOT NULL ORDER BY paid DESC LIMIT ?"
                                      : "ORDER BY created DESC LIMIT ?";
  TRY_ASSIGN(sqlite::Statement rows, shared_.database.prepare(kColumns + order));
  rows.bind(1, static_cast<int64_t>(count));
  std::vector<InvoiceRecord> invoices;
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return invoices;
    TRY_ASSIGN(InvoiceRecord invoice, read_row(rows));
    invoices.push_back(std::move(invoice));
  }
}

Result<void> InvoiceBook::forget_expired(Time before) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement drop,
             shared_.database.prepare("DELETE FROM invoices WHERE paid IS NULL AND expires < ?"));
  return drop.bind(1, before.unix_ns).run();
}

}  // namespace satgate::store
