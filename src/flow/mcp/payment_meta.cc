#include "flow/mcp/payment_meta.h"

#include "base/crypto.h"
#include "base/json_out.h"
#include "dialect/mcp/payment_required.h"
#include "flow/credential.h"
#include "payment/mpp_json.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

namespace {

constexpr std::string_view kUnreadable = "none";  // of no scheme

bool is_payment(std::string_view key) {
  return key == dm::kMetaPaymentCredential || key == dm::kMetaCredential;
}

std::string authorization_of(const dm::RawMember& member, dm::RawJson& json) {
  if (member.key == dm::kMetaPaymentCredential) {
    const auto text = payment::payment_credential_text(member.value);
    return text ? "Payment " + *text : std::string(kUnreadable);
  }
  const auto text = json.unescape(member.value);
  return std::string(text.value_or(kUnreadable));
}

// Takes the credential out of `_meta`. False: there is none in it.
bool split_meta(std::string_view meta, std::string& rest, ShownPayment& shown, dm::RawJson& json) {
  const auto members = json.members(meta);
  if (!members) return false;
  size_t found = 0;
  JsonOut out(rest);
  out.object();
  for (const dm::RawMember& member : *members) {
    if (!is_payment(member.key)) {
      out.member(member.key).raw(member.value);
    } else if (++found == 1) {
      shown.authorization = authorization_of(member, json);
    }
  }
  out.end();
  shown.is_doubled = shown.is_doubled || found > 1;
  return found > 0;
}

}  // namespace

Credential ShownPayment::credential() const {
  if (is_doubled) return Credential::of(Credential::Kind::ambiguous);
  return read_payment(authorization);
}

std::optional<ShownPayment> find_payment(std::string_view params, dm::RawJson& json) {
  const auto members = json.members(params);
  if (!members) return std::nullopt;
  ShownPayment shown;
  bool found = false;
  JsonOut out(shown.params);
  out.object();
  for (const dm::RawMember& member : *members) {
    std::string meta;
    if (member.key == "_meta" && split_meta(member.value, meta, shown, json)) {
      found = true;
      out.member(member.key).raw(meta);
    } else {
      out.member(member.key).raw(member.value);
    }
  }
  out.end();
  if (!found) return std::nullopt;
  return shown;
}

std::string buyer_name(const Credential& credential) {
  const Hash256 hash = sha256(credential.text);
  return std::string(reinterpret_cast<const char*>(hash.data()), 15);  // as long as needs no memory
}

}  // namespace satgate::flow::mcp
