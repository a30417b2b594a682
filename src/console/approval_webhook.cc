#include "console/approval_webhook.h"

#include <spdlog/spdlog.h>

#include <array>
#include <chrono>

#include "base/crypto.h"
#include "base/text.h"
#include "base/thread_name.h"
#include "console/approval_api.h"
#include "net/simple_client.h"
#include "store/approval_book.h"

namespace satgate::console {
namespace {

constexpr size_t kQueueMax = 1000;
constexpr net::Milliseconds kTimeout{5000};
constexpr std::array<int64_t, 3> kPauses = {1, 5, 25};  // seconds, before it is sent again

}  // namespace

ApprovalWebhook::ApprovalWebhook(flow::Gateway& gateway) : gateway_(gateway) {
  thread_ = std::thread([this] {
    name_this_thread("webhook");
    loop();
  });
  gateway_.bank.approvals().on_created([this](const Approval& approval) { queue(approval); });
}

ApprovalWebhook::~ApprovalWebhook() {
  gateway_.bank.approvals().on_created(nullptr);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void ApprovalWebhook::queue(const Approval& approval) {
  if (gateway_.settings()->approvals.webhook.empty()) return;
  Json body = approval_json(approval);
  body["event"] = "approval.requested";
  {
    const std::lock_guard lock(mutex_);
    if (bodies_.size() >= kQueueMax) return;
    bodies_.push_back(body.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  work_.notify_one();
}

void ApprovalWebhook::loop() {
  while (true) {
    std::string body;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return stopping_ || !bodies_.empty(); });
      if (stopping_) return;
      body = std::move(bodies_.front());
      bodies_.pop_front();
    }
    deliver(body);
  }
}

bool ApprovalWebhook::pause(int64_t seconds) {
  std::unique_lock lock(mutex_);
  return !work_.wait_for(lock, std::chrono::seconds(seconds), [this] { return stopping_; });
}

void ApprovalWebhook::deliver(const std::string& body) {
  for (size_t tries = 0;; ++tries) {
    const auto settings = gateway_.settings();
    if (settings->approvals.webhook.empty() || post(settings->approvals, body)) return;
    if (tries == kPauses.size()) {
      spdlog::warn("approvals.webhook: it did not take a message in {} tries", tries + 1);
      return;
    }
    if (!pause(kPauses[tries])) return;
  }
}

bool ApprovalWebhook::post(const flow::ApprovalSettings& settings, const std::string& body) const {
  const Hash256 mac = hmac_sha256(settings.secret, body);
  const auto answered =
      net::http_request(settings.webhook, "POST",
                        {{"Content-Type", "application/json"},
                         {"X-SatGate-Signature", "sha256=" + to_hex(as_bytes_view(mac))}},
                        body, kTimeout);
  return answered && answered->status >= 200 && answered->status < 300;
}

}  // namespace satgate::console
