#include "node/dev_wallet.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/text.h"
#include "node/answer.h"
#include "payment/bolt11.h"

namespace satgate::node {
namespace {

constexpr size_t kMadeMax = 100'000;     // beyond: the oldest is settled by its text alone
constexpr size_t kSettledMax = 100'000;  // beyond: nothing is settled any more

// Appends to a file, or makes it; durable when it returns.
bool write_durably(const std::filesystem::path& path, int flags, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
  if (fd < 0) return false;
  const ssize_t written = ::write(fd, text.data(), text.size());
  const bool done = written == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  return ::close(fd) == 0 && done;
}

std::optional<Hash256> read_hash(std::string_view hex) {
  const auto bytes = from_hex(hex);
  return bytes ? hash_of_bytes(*bytes) : std::nullopt;
}

Result<Hash256> read_key(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    Hash256 key{};
    fill_random(key.data(), key.size());
    if (!write_durably(path, O_EXCL, to_hex(as_bytes_view(key)) + "\n")) {
      return fail(fmt::format("cannot write the development wallet's key {}", path.string()));
    }
    return key;
  }
  if ((status.st_mode & 077) != 0) {
    return fail(fmt::format("others may read {}: chmod 600 it", path.string()));
  }
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const auto key = read_hash(line);
  if (!key) return fail(fmt::format("{} is not a key of 64 hex digits", path.string()));
  return *key;
}

}  // namespace

Result<std::unique_ptr<DevWallet>> DevWallet::open(Waits& waits, const std::filesystem::path& dir,
                                                   const Clock& clock) {
  TRY_ASSIGN(const Hash256 key, read_key(dir / "dev-wallet.key"));
  std::unique_ptr<DevWallet> wallet(new DevWallet(waits, dir / "dev-wallet.settled", key, clock));
  TRY(wallet->read_settled());
  return wallet;
}

Result<void> DevWallet::read_settled() {
  std::ifstream file(settled_file_);
  for (std::string line; std::getline(file, line) && settled_.size() < kSettledMax;) {
    const auto words = split(line, ' ');
    const auto hash = read_hash(words[0]);
    const auto amount = words.size() == 2 ? parse_uint(words[1]) : std::nullopt;
    // The last line may have been cut by a crash: that settle() was not answered.
    if (!hash || !amount || *amount > static_cast<uint64_t>(kMsatMax)) {
      if (file.peek() == EOF) break;
      return fail(fmt::format("{} has a line that is none of its own", settled_file_.string()));
    }
    settled_[*hash] = static_cast<int64_t>(*amount);
  }
  return {};
}

Hash256 DevWallet::preimage_of(const Terms& terms) const {
  const std::string sealed = fmt::format("preimage {} {} {}", to_hex(as_bytes_view(terms.secret)),
                                         terms.amount_msat, terms.expires);
  return hmac_sha256(as_bytes_view(key_), sealed);
}

Result<Hash256> DevWallet::settle(const Hash256& payment_hash) {
  const std::lock_guard lock(mutex_);
  const auto made = made_.find(payment_hash);
  if (made == made_.end()) {
    return fail("no invoice with this hash was made since the start: give the invoice itself");
  }
  return settle_terms(made->second);
}

Result<Hash256> DevWallet::settle(std::string_view bolt11) {
  TRY_ASSIGN(const payment::Bolt11 invoice, payment::read_bolt11(bolt11));
  if (!invoice.payment_secret || !invoice.amount_msat) {
    return fail("this invoice is not of the development wallet");
  }
  const Terms terms{*invoice.payment_secret, *invoice.amount_msat,
                    invoice.expires().unix_seconds()};
  if (sha256(as_bytes_view(preimage_of(terms))) != invoice.payment_hash) {
    return fail("this invoice is not of the development wallet");
  }
  const std::lock_guard lock(mutex_);
  return settle_terms(terms);
}

Result<Hash256> DevWallet::settle_terms(const Terms& terms) {
  const Hash256 preimage = preimage_of(terms);
  const Hash256 hash = sha256(as_bytes_view(preimage));
  if (settled_.contains(hash)) return preimage;
  if (clock_.now().unix_seconds() >= terms.expires) return fail("the invoice has expired");
  const std::string line = fmt::format("{} {}\n", to_hex(as_bytes_view(hash)), terms.amount_msat);
  if (settled_.size() >= kSettledMax || !write_durably(settled_file_, O_APPEND, line)) {
    return fail(fmt::format("cannot note it in {}", settled_file_.string()));
  }
  settled_[hash] = terms.amount_msat;
  if (hint_) waits_.loop.post([hint = hint_, hash] { hint(hash); });
  return preimage;
}

net::Task<Result<MadeInvoice>> DevWallet::create(InvoiceRequest request) {
  payment::Bolt11 invoice;
  invoice.network = payment::Network::regtest;
  invoice.amount_msat = request.amount_msat;
  invoice.created = Time::seconds(clock_.now().unix_seconds());
  invoice.expires_seconds = request.expires_seconds;
  invoice.description = request.description;
  Terms terms;
  fill_random(terms.secret.data(), terms.secret.size());
  terms.amount_msat = request.amount_msat;
  terms.expires = invoice.expires().unix_seconds();
  invoice.payment_secret = terms.secret;
  invoice.payment_hash = sha256(as_bytes_view(preimage_of(terms)));
  const auto bolt11 = payment::write_bolt11(invoice, key_);
  if (!bolt11) co_return fail(bolt11.error().message);
  const std::lock_guard lock(mutex_);
  made_[invoice.payment_hash] = terms;
  order_.push_back(invoice.payment_hash);
  if (order_.size() > kMadeMax) {
    made_.erase(order_.front());
    order_.pop_front();
  }
  co_return MadeInvoice{*bolt11, invoice.payment_hash,
                        fmt::format("{}-{}-{}", to_hex(as_bytes_view(terms.secret)),
                                    terms.amount_msat, terms.expires)};
}

std::optional<DevWallet::Terms> DevWallet::terms_of(const InvoiceKey& key) {
  if (const auto made = made_.find(key.payment_hash); made != made_.end()) return made->second;
  const auto words = split(key.node_id, '-');
  if (words.size() != 3) return std::nullopt;
  const auto secret = read_hash(words[0]);
  const auto amount = parse_uint(words[1]);
  const auto expires = parse_uint(words[2]);
  if (!secret || !amount || !expires) return std::nullopt;
  const Terms terms{*secret, static_cast<int64_t>(*amount), static_cast<int64_t>(*expires)};
  if (sha256(as_bytes_view(preimage_of(terms))) != key.payment_hash) return std::nullopt;
  return terms;
}

net::Task<Result<InvoiceStatus>> DevWallet::lookup(InvoiceKey key) {
  const std::lock_guard lock(mutex_);
  InvoiceStatus status;
  if (const auto settled = settled_.find(key.payment_hash); settled != settled_.end()) {
    status.state = InvoiceState::settled;
    status.received_msat = settled->second;
  } else if (const auto terms = terms_of(key)) {
    const bool is_over = clock_.now().unix_seconds() >= terms->expires;
    status.state = is_over ? InvoiceState::expired : InvoiceState::open;
  }
  co_return status;
}

net::Task<Result<PayStatus>> DevWallet::pay(Payment payment) {
  const auto preimage = settle(std::string_view(payment.request.bolt11));
  if (!preimage) co_return refused(preimage.error().message);
  PayStatus status;
  status.state = PayStatus::State::succeeded;
  status.preimage = *preimage;
  co_return status;
}

net::Task<Result<std::optional<PayStatus>>> DevWallet::find(Hash256 payment_hash) {
  const std::lock_guard lock(mutex_);
  if (!settled_.contains(payment_hash)) co_return std::optional<PayStatus>();
  PayStatus status;
  const auto made = made_.find(payment_hash);
  if (made == made_.end()) {
    status.reason = "it is paid, but its proof can not be made again since the last start";
  } else {
    status.state = PayStatus::State::succeeded;
    status.preimage = preimage_of(made->second);
  }
  co_return std::optional(status);
}

net::Task<> DevWallet::listen(const Hint& hint) {
  const std::lock_guard lock(mutex_);
  hint_ = hint;
  co_return;
}

net::Task<Result<std::string>> DevWallet::ping() {
  co_return std::string("development wallet (regtest)");
}

}  // namespace satgate::node
