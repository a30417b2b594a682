// Tells somebody that a call waits for a person: one signed POST for each, from a thread of its
// own, so that no call ever waits for it. Who is slow or away misses what does not fit the queue;
// `satgate approvals list` has all of them.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "contract/approval.h"
#include "flow/gateway.h"

namespace satgate::console {

class ApprovalWebhook {
 public:
  explicit ApprovalWebhook(flow::Gateway& gateway);
  ~ApprovalWebhook();
  ApprovalWebhook(const ApprovalWebhook&) = delete;
  ApprovalWebhook& operator=(const ApprovalWebhook&) = delete;

 private:
  void queue(const Approval& approval);
  void loop();
  void deliver(const std::string& body);
  bool post(const flow::ApprovalSettings& settings, const std::string& body) const;
  bool pause(int64_t seconds);  // false: it is the end

  flow::Gateway& gateway_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  std::deque<std::string> bodies_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace satgate::console
