#include "flow/mcp/clients.h"

#include "dialect/mcp/reply.h"

namespace satgate::flow::mcp {
namespace {

dialect::mcp::Change change_of(const HubEvent& event) {
  switch (event.kind) {
    case HubEvent::Kind::tools_changed:
      return dialect::mcp::Change::tools;
    case HubEvent::Kind::prompts_changed:
      return dialect::mcp::Change::prompts;
    case HubEvent::Kind::resources_changed:
      return dialect::mcp::Change::resources;
    case HubEvent::Kind::resource_updated:
      return dialect::mcp::Change::resource;
  }
  return dialect::mcp::Change::tools;
}

void put_change(Outbox& box, const HubEvent& event, std::string_view subscription) {
  Outbox::Item item;
  dialect::mcp::append_change(item.text, change_of(event), event.uri, subscription);
  box.put(std::move(item));
}

}  // namespace

bool Subscription::wants(const HubEvent& event) const {
  switch (event.kind) {
    case HubEvent::Kind::tools_changed:
      return tools;
    case HubEvent::Kind::prompts_changed:
      return prompts;
    case HubEvent::Kind::resources_changed:
      return resources;
    case HubEvent::Kind::resource_updated:
      return uris.contains(event.uri);
  }
  return false;
}

Clients::Clients() {
  Broadcast::Watcher watcher = [this](const HubEvent& event) { tell(event); };
  watch_ = broadcast->watch(std::move(watcher));
}

Clients::~Clients() {
  broadcast->unwatch(watch_);
}

void Clients::subscribe(const std::shared_ptr<Subscription>& subscription) {
  const std::lock_guard lock(mutex_);
  subscriptions_.push_back(subscription);
  if (stopping_) subscription->box->close();
}

void Clients::unsubscribe(const std::shared_ptr<Subscription>& subscription) {
  const std::lock_guard lock(mutex_);
  subscriptions_.remove(subscription);
}

void Clients::tell(const HubEvent& event) {
  sessions.each([&event](Session& session) {
    const bool is_update = event.kind == HubEvent::Kind::resource_updated;
    if (is_update && !session.watches(event.uri)) return;
    put_change(*session.standalone(), event, {});
  });
  const std::lock_guard lock(mutex_);
  for (const auto& subscription : subscriptions_) {
    if (subscription->wants(event)) put_change(*subscription->box, event, subscription->id);
  }
}

void Clients::expire(Time now, Hub* hub) {
  rounds.expire(now);
  for (const auto& session : sessions.expire(now)) {
    if (hub != nullptr) hub->release(session->id(), session->watched());
  }
}

void Clients::end_streams() {
  stopping_ = true;
  sessions.each([](Session& session) { session.standalone()->close(); });
  const std::lock_guard lock(mutex_);
  for (const auto& subscription : subscriptions_)
    subscription->box->close();
}

void Clients::close() {
  rounds.close_all();
  sessions.close_all();
}

}  // namespace satgate::flow::mcp
