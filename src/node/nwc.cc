#include "node/nwc.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "payment/bolt11.h"

namespace satgate::node {
namespace {

constexpr int64_t kInfoKind = 13'194;
constexpr int64_t kRequestKind = 23'194;
constexpr int64_t kAnswerKind = 23'195;
constexpr int64_t kNoticeKind04 = 23'196;
constexpr int64_t kNoticeKind44 = 23'197;
constexpr net::Milliseconds kAskMax{15'000};
// So often open invoices are looked up, whatever the wallet tells by itself.
constexpr net::Milliseconds kListenMax{60'000};
constexpr int64_t kFeeFloorMsat = 10'000;
constexpr size_t kShownBytesMax = 200;

std::string hex(const Hash256& hash) {
  return to_hex(as_bytes_view(hash));
}

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kShownBytesMax))
    out += c >= 0x20 && c < 0x7f ? c : '?';
  return out;
}

bool has_word(std::string_view text, std::string_view word) {
  const auto words = split(text, ' ');
  return std::ranges::find(words, word) != words.end();
}

Json filter_of(int64_t kind, const Hash256& author) {
  Json filter;
  filter["kinds"] = Json::array({kind});
  filter["authors"] = Json::array({hex(author)});
  return filter;
}

// Of what was not paid: the wallet has refused it, so that nothing is under way. INTERNAL and OTHER
// say less.
bool is_refusal(std::string_view code) {
  constexpr std::array<std::string_view, 7> codes = {
      "PAYMENT_FAILED", "INSUFFICIENT_BALANCE", "QUOTA_EXCEEDED", "RESTRICTED",
      "UNAUTHORIZED",   "NOT_IMPLEMENTED",      "RATE_LIMITED"};
  return std::ranges::find(codes, code) != codes.end();
}

// It can not be told a limit. Alby Hub, which most of these wallets are, holds back 1 %, at least
// 10 sat.
int64_t fee_bound(int64_t amount_msat) {
  return std::max(kFeeFloorMsat, amount_msat / 100);
}

// Not every wallet says it; then it is the invoice's own.
Result<Hash256> made_hash(const Json& made, const std::string& bolt11) {
  if (member(made, "payment_hash") != nullptr) return hex_hash_at(made, "payment_hash");
  TRY_ASSIGN(const payment::Bolt11 invoice, payment::read_bolt11(bolt11));
  return invoice.payment_hash;
}

// Of a transaction that was asked for by `hash`.
Result<std::string> read_direction(const Json& json, const Hash256& hash) {
  TRY_ASSIGN(const Hash256 said, hex_hash_at(json, "payment_hash"));
  if (said != hash) return fail("its answer is about another payment");
  return text_at(json, "type");
}

Result<InvoiceStatus> read_incoming(const Json& json, const Hash256& hash) {
  TRY_ASSIGN(const std::string direction, read_direction(json, hash));
  if (direction != "incoming") return fail("its answer is about a payment that leaves the wallet");
  InvoiceStatus status;
  const std::string state = text_at(json, "state").value_or("");
  // `state` came later; before, what has a time is settled.
  const bool is_settled =
      state == "settled" || (state.empty() && whole_at(json, "settled_at").value_or(0) > 0);
  if (is_settled) {
    status.state = InvoiceState::settled;
    TRY_ASSIGN(status.received_msat, whole_at(json, "amount"));
  } else if (state == "accepted") {
    status.state = InvoiceState::accepted;
  } else {
    const bool is_over = state == "expired" || state == "failed";
    status.state = is_over ? InvoiceState::expired : InvoiceState::open;
  }
  return status;
}

Result<PayStatus> read_outgoing(const Json& json, const Hash256& hash) {
  TRY_ASSIGN(const std::string direction, read_direction(json, hash));
  if (direction != "outgoing") return fail("its answer is about a payment that comes in");
  const std::string state = text_at(json, "state").value_or("");
  if (state == "failed") return refused("the wallet: the payment has failed");
  const bool is_settled =
      state == "settled" || (state.empty() && whole_at(json, "settled_at").value_or(0) > 0);
  if (!is_settled) return not_known("the payment is under way");
  TRY_ASSIGN(const Hash256 preimage, hex_hash_at(json, "preimage"));
  return succeeded(preimage, whole_at(json, "fees_paid").value_or(0));
}

// The hash of an invoice that was paid.
std::optional<Hash256> read_notice(const NostrCipher& cipher, std::string_view content) {
  const auto text = cipher.decrypt(content);
  if (!text) return std::nullopt;
  const auto json = read_object(*text);
  if (!json || text_at(*json, "notification_type").value_or("") != "payment_received") {
    return std::nullopt;
  }
  const Json* notice = object_at(*json, "notification");
  if (notice == nullptr) return std::nullopt;
  const auto hash = hex_hash_at(*notice, "payment_hash");
  return hash ? std::optional<Hash256>(*hash) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<BackEnd>> Nwc::make(Waits& waits, const Clock& clock,
                                           const NwcConnection& connection, RelayOptions options) {
  TRY_ASSIGN(const NostrKey key, NostrKey::of(connection.secret));
  TRY_ASSIGN(const Hash256 shared, key.shared_with(connection.wallet));
  options.relays = connection.relays;
  TRY_ASSIGN(auto link, RelayLink::make(waits, std::move(options)));
  return std::unique_ptr<BackEnd>(new Nwc(clock, connection, key, shared, std::move(link)));
}

Nwc::Nwc(const Clock& clock, const NwcConnection& connection, const NostrKey& key,
         const Hash256& shared, std::unique_ptr<RelayLink> link)
    : clock_(clock),
      wallet_(connection.wallet),
      key_(key),
      shared_(shared),
      link_(std::move(link)) {}

bool Nwc::is_from_wallet(const NostrEvent& event, int64_t kind) const {
  return event.author == wallet_ && event.kind == kind;
}

std::optional<Nwc::Offers> Nwc::read_offers(const NostrEvent& event) const {
  if (!is_from_wallet(event, kInfoKind)) return std::nullopt;
  Offers offers;
  const std::string* schemes = tag_value(event, "encryption");
  const bool has_44 = schemes != nullptr && has_word(*schemes, "nip44_v2");
  if (has_44) offers.scheme = NostrScheme::nip44;
  const std::string* notices = tag_value(event, "notifications");
  offers.tells_of_payments = notices != nullptr && has_word(*notices, "payment_received");
  return offers;
}

net::Task<Result<Nwc::Offers>> Nwc::offers() {
  if (offers_) co_return *offers_;
  RelayAsk ask;
  ask.filter = filter_of(kInfoKind, wallet_);
  ask.filter["limit"] = 1;
  ask.only_stored = true;
  const RelayLink::OnEvent on_event = [this](const NostrEvent& event) {
    const auto read = read_offers(event);
    if (read) offers_ = read;
    return !read;
  };
  const auto answered = co_await link_->ask(std::move(ask), on_event);
  if (!answered) co_return fail(answered.error().message);
  if (!offers_) co_return fail("the relay knows no wallet of the key in lightning.credential");
  co_return *offers_;
}

NostrEvent Nwc::request_event(const NostrCipher& cipher, std::string content,
                              net::Milliseconds timeout) const {
  NostrEvent event;
  event.created = clock_.now().unix_seconds();
  event.kind = kRequestKind;
  event.tags = {{"p", hex(wallet_)}};
  if (cipher.scheme() == NostrScheme::nip44) event.tags.push_back({"encryption", "nip44_v2"});
  // What comes to the wallet when nobody waits for it any more is not done.
  const int64_t end = event.created + timeout.count() / 1'000 + 1;
  event.tags.push_back({"expiration", fmt::format("{}", end)});
  event.content = std::move(content);
  key_.sign(event);
  return event;
}

Nwc::Called<Json> Nwc::read_result(const std::string& method, const Json& answer) {
  if (const Json* error = member(answer, "error"); error != nullptr) {
    Failure failure;
    failure.sent = true;
    failure.code = text_at(*error, "code").value_or("OTHER");
    failure.message = fmt::format("the wallet answered {}: {}", shown(failure.code),
                                  shown(text_at(*error, "message").value_or("")));
    // It may have changed what it speaks.
    if (failure.code == "UNSUPPORTED_ENCRYPTION") offers_.reset();
    return std::unexpected(std::move(failure));
  }
  const Json* result = object_at(answer, "result");
  if (result == nullptr || text_at(answer, "result_type").value_or("") != method) {
    return std::unexpected(Failure{"the wallet's answer is not to this request", true, ""});
  }
  return *result;
}

net::Task<Nwc::Called<Json>> Nwc::call(std::string method, Json params, net::Milliseconds timeout) {
  const auto offered = co_await offers();
  if (!offered) co_return std::unexpected(Failure{offered.error().message, false, ""});
  const NostrCipher cipher(offered->scheme, shared_);
  const Json body = {{"method", method}, {"params", std::move(params)}};
  auto sealed = cipher.encrypt(write_json(body));
  if (!sealed) co_return std::unexpected(Failure{sealed.error().message, false, ""});
  RelayAsk ask;
  ask.timeout = timeout;
  ask.publish = request_event(cipher, *std::move(sealed), timeout);
  const std::string id = hex(ask.publish->id);
  ask.filter = filter_of(kAnswerKind, wallet_);
  ask.filter["#e"] = Json::array({id});
  Result<Json> answer = fail("");
  const RelayLink::OnEvent on_event = [&](const NostrEvent& event) {
    const std::string* of = tag_value(event, "e");
    if (!is_from_wallet(event, kAnswerKind) || of == nullptr || *of != id) return true;
    const auto text = cipher.decrypt(event.content);
    answer = text ? read_object(*text) : Result<Json>(std::unexpected(text.error()));
    return false;
  };
  const auto answered = co_await link_->ask(std::move(ask), on_event);
  if (!answered) {
    co_return std::unexpected(Failure{answered.error().message, answered.error().sent, ""});
  }
  if (!answer) co_return std::unexpected(Failure{answer.error().message, true, ""});
  co_return read_result(method, *answer);
}

net::Task<Result<MadeInvoice>> Nwc::create(InvoiceRequest request) {
  Json params = {{"amount", request.amount_msat},
                 {"description", request.description},
                 {"expiry", request.expires_seconds}};
  const auto made = co_await call("make_invoice", std::move(params), kAskMax);
  if (!made) co_return fail(made.error().message);
  const auto bolt11 = text_at(*made, "invoice");
  if (!bolt11) co_return fail(bolt11.error().message);
  const auto hash = made_hash(*made, *bolt11);
  if (!hash) co_return fail(hash.error().message);
  co_return MadeInvoice{*bolt11, *hash, ""};
}

// Nothing: the wallet has no such thing, incoming or outgoing.
net::Task<Nwc::Called<std::optional<Json>>> Nwc::transaction(Hash256 payment_hash) {
  Json params = {{"payment_hash", hex(payment_hash)}};
  auto found = co_await call("lookup_invoice", std::move(params), kAskMax);
  if (!found && found.error().code == "NOT_FOUND") co_return std::optional<Json>();
  if (!found) co_return std::unexpected(std::move(found).error());
  co_return std::optional<Json>(*std::move(found));
}

net::Task<Result<InvoiceStatus>> Nwc::lookup(InvoiceKey key) {
  const auto found = co_await transaction(key.payment_hash);
  if (!found) co_return fail(found.error().message);
  if (!*found) co_return InvoiceStatus{};
  co_return read_incoming(**found, key.payment_hash);
}

net::Task<Result<PayStatus>> Nwc::pay(Payment payment) {
  const int64_t fee = fee_bound(payment.amount_msat);
  if (fee > payment.request.fee_max_msat) {
    co_return refused(
        fmt::format("the wallet may take {} msat for this payment, more than allowed", fee));
  }
  Json params = {{"invoice", payment.request.bolt11}};
  const auto paid =
      co_await call("pay_invoice", std::move(params), pay_wait(payment.request.timeout_seconds));
  if (!paid) {
    const Failure& failure = paid.error();
    if (!failure.sent) co_return fail(failure.message);
    if (is_refusal(failure.code)) co_return refused(failure.message);
    co_return not_known(failure.message);
  }
  const auto preimage = hex_hash_at(*paid, "preimage");
  if (!preimage) co_return not_known(preimage.error().message);
  co_return succeeded(*preimage, whole_at(*paid, "fees_paid").value_or(0));
}

net::Task<Result<std::optional<PayStatus>>> Nwc::find(Hash256 payment_hash) {
  using Found = std::optional<PayStatus>;
  const auto found = co_await transaction(payment_hash);
  if (!found) co_return fail(found.error().message);
  if (!*found) co_return Found();
  auto status = read_outgoing(**found, payment_hash);
  if (!status) co_return fail(status.error().message);
  co_return Found(*std::move(status));
}

net::Task<> Nwc::listen(const Hint& hint) {
  const auto offered = co_await offers();
  if (!offered) co_return;
  if (!offered->tells_of_payments) {
    // The pause between two rounds of look-ups, which go through a stranger's relay.
    co_await link_->waits().pause(kListenMax);
    co_return;
  }
  const NostrCipher cipher(offered->scheme, shared_);
  const int64_t kind = offered->scheme == NostrScheme::nip44 ? kNoticeKind44 : kNoticeKind04;
  RelayAsk ask;
  ask.timeout = kListenMax;
  ask.filter = filter_of(kind, wallet_);
  ask.filter["#p"] = Json::array({hex(key_.public_key())});
  ask.filter["since"] = clock_.now().unix_seconds() - kListenMax.count() / 1'000;
  const RelayLink::OnEvent on_event = [&](const NostrEvent& event) {
    if (!is_from_wallet(event, kind)) return true;
    if (const auto hash = read_notice(cipher, event.content)) hint(*hash);
    return true;
  };
  co_await link_->ask(std::move(ask), on_event);
}

net::Task<Result<std::string>> Nwc::ping() {
  const auto info = co_await call("get_info", Json::object(), kAskMax);
  if (!info) co_return fail(info.error().message);
  co_return shown(text_at(*info, "alias").value_or("a wallet without a name"));
}

}  // namespace satgate::node
