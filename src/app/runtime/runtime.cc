#include "app/runtime/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <thread>
#include <vector>

#include "app/runtime/secrets.h"
#include "node/make_node.h"
#include "store/approval_book.h"
#include "store/invoice_book.h"

namespace satgate::app {
namespace {

// A server that is slow to start holds nobody else up for longer; its tools come when it does.
constexpr net::Milliseconds kHubStartWait{2000};
constexpr int64_t kForgetInvoicesSeconds = 60;

// Starts a task on a loop; its result can be waited for on this thread.
template <class T>
std::future<T> start_on(net::Loop& loop, net::Task<T> task) {
  std::promise<T> done;
  std::future<T> result = done.get_future();
  auto run = [](net::Task<T> inner, std::promise<T> finished) -> net::Task<> {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(inner);
      finished.set_value();
    } else {
      finished.set_value(co_await std::move(inner));
    }
  };
  net::spawn(loop, run(std::move(task), std::move(done)));
  return result;
}

template <class T>
T run_and_wait(net::Loop& loop, net::Task<T> task) {
  return start_on(loop, std::move(task)).get();
}

net::Task<> drain_server(net::HttpServer& server, net::Milliseconds at_most) {
  (void)co_await server.drain(at_most);
}

// The end of a hub: whoever used it last may be a call on another loop.
net::Task<> end_hub(std::unique_ptr<flow::mcp::Hub> hub) {
  co_await hub->stop();
}

net::Task<> nothing() {
  co_return;
}

// What only a restart can change, and must not seem to have changed.
Result<void> check_reloadable(const flow::Settings& old, const flow::Settings& fresh) {
  if (old.currency.nano_per_usd != fresh.currency.nano_per_usd ||
      old.currency.nano_per_sat != fresh.currency.nano_per_sat || old.rate != fresh.rate) {
    return fail(
        "currency: a reload can not change what a credit is worth, because balances and tokens are "
        "kept in credits; restart the gateway, or put the old values back");
  }
  if (old.timezone != fresh.timezone) {
    return fail(fmt::format(
        "timezone: a reload can not change it from {} to {} while windows are open; restart the "
        "gateway, or put the old one back",
        old.timezone.name(), fresh.timezone.name()));
  }
  if (old.lightning != fresh.lightning) {
    return fail("lightning: a reload can not change the node that is paid; restart the gateway");
  }
  return {};
}

// Sockets stay as they are: a listener can not move under its clients. The hosts it answers to can.
void keep_socket(flow::Listener& fresh, const flow::Listener& old) {
  flow::HostRules hosts = std::move(fresh.hosts);
  fresh = old;
  hosts.bind(old.address);
  fresh.hosts = std::move(hosts);
}

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace

// A loop that serves agents. It runs before its server is opened, on the loop's thread.
struct Runtime::DataLoop {
  // Calls that nobody waits for any more may be under way, and use the plane.
  ~DataLoop() {
    server.reset();
    loop.stop();
    loop.join();
    loop.abandon();
  }

  net::Task<Result<net::ListenAddress>> open(flow::Gateway& gateway, net::HttpServerOptions options,
                                             net::ListenAddress address,
                                             net::Listener::Share share) {
    plane = std::make_unique<flow::DataPlane>(gateway, loop);
    server = std::make_unique<net::HttpServer>(loop, *plane, std::move(options));
    co_return server->listen(address, share);
  }

  net::Loop loop;
  std::unique_ptr<flow::DataPlane> plane;
  std::unique_ptr<net::HttpServer> server;
};

Runtime::Runtime(StartOptions options) : options_(std::move(options)) {}

Runtime::~Runtime() {
  stop();
}

Result<std::shared_ptr<flow::Settings>> Runtime::load_settings() {
  const Sources sources = process_sources();
  ConfigResult config;
  Result<void> watching;
  if (options_.config_file.empty()) {
    ProxyOptions proxy = options_.proxy;
    proxy.mode = options_.mode;
    config = proxy_config(proxy, sources);
  } else {
    if (!watch_) watching = open_watch();
    config = load_config(options_.config_file, sources, options_.mode);
    if (watch_) watch_->follow(config.files);
  }
  warnings_ = config.warnings;
  if (!config.settings) return fail(joined(config.errors));
  if (config.settings->watch_files && !watching) {
    return fail(fmt::format("reload.watch: {}", watching.error().message));
  }
  if (!options_.listen.empty()) config.settings->server.listen_on(options_.listen);
  if (!options_.admin_listen.empty()) config.settings->admin.listen_on(options_.admin_listen);
  return config.settings;
}

// Before the file is read, whether or not it asks for it: a change in between must not be missed.
Result<void> Runtime::open_watch() {
  TRY_ASSIGN(watch_, FileWatch::open());
  watch_->follow({options_.config_file});
  return {};
}

Result<void> Runtime::put_config_budgets(const flow::Settings& settings) {
  if (auto put = bank_->directory().put_budgets(settings.budgets); !put) {
    return fail(fmt::format("budgets: {}", put.error().message));
  }
  return {};
}

// No error: the tokens of a first start can only be made once it runs.
void Runtime::warn_of_missing_tokens() {
  const auto look = [this](std::string_view key, const std::string& name) {
    if (name.empty()) return;
    const store::FoundToken token = bank_->directory().token_by_name(name);
    if (!token) return warnings_.push_back(fmt::format("{}: {}", key, token.error().message));
    if (*token != nullptr) return;
    warnings_.push_back(fmt::format(
        "{0}: there is no token '{1}'; until 'satgate token create --name {1}' has made it, who "
        "would act under it is refused",
        key, name));
  };
  look("server.anonymous", settings_->anonymous);
  for (const auto& [hash, token] : settings_->api_keys)
    look("server.apiKeys", token);
}

Result<void> Runtime::record_config(std::string_view what) {
  AuditEvent event;
  event.time = clock_.now();
  event.kind = EventKind::config;
  event.subject = "gateway";
  event.detail = what;
  if (auto written = bank_->record(event); !written) return fail(written.error().reason);
  return {};
}

// Law 3: what was taken on trust is in the record, too.
bool Runtime::record_first_sight(const std::string& server, size_t tools) {
  AuditEvent event;
  event.time = clock_.now();
  event.kind = EventKind::accept;
  event.subject = "gateway";
  const std::string detail = fmt::format("first sight of {}: {} tools", server, tools);
  event.detail = detail;
  return bank_->record(event).has_value();
}

Result<void> Runtime::open_books() {
  store::BankOptions bank_options;
  bank_options.data_dir = options_.data_dir;
  bank_options.group_writes = true;
  bank_options.timezone = settings_->timezone;
  TRY_ASSIGN(bank_, store::Bank::open(bank_options, clock_));
  TRY_ASSIGN(auto keyring, load_keyring(options_.data_dir, clock_.now()));
  TRY(put_config_budgets(*settings_));
  gateway_ = std::make_unique<flow::Gateway>(*bank_, clock_, settings_, std::move(keyring));
  TRY_ASSIGN(const Hash256 names, load_name_secret(options_.data_dir));
  gateway_->key_names = flow::KeyNames(names);
  TRY(open_rate());
  TRY(open_paywall());
  return record_config(fmt::format("started, version {}", SATGATE_VERSION));
}

Result<void> Runtime::open_rate() {
  if (!settings_->rate) return {};
  gateway_->rate = std::make_unique<payment::ExchangeRate>(*settings_->rate);
  TRY_ASSIGN(rate_source_, node::RateSource::start(*gateway_->rate, clock_));
  return {};
}

Result<void> Runtime::open_paywall() {
  if (!settings_->lightning) return {};
  const flow::LightningSettings& lightning = *settings_->lightning;
  node::NodeConfig config;
  config.provider = lightning.provider;
  config.url = lightning.url;
  config.credential = lightning.credential;
  config.certificate_file = lightning.certificate_file;
  config.certificate_name = lightning.certificate_name;
  config.network = lightning.network;
  config.webhook_url = lightning.webhook_url;
  config.data_dir = options_.data_dir;
  TRY_ASSIGN(auto node, node::make_node(config, clock_));
  const flow::Buyer::Wallet wallet{*node, lightning.network, settings_->currency.nano_per_sat,
                                   gateway_->rate.get()};
  gateway_->buyer =
      std::make_unique<flow::Buyer>(bank_->purchases(), bank_->invoices(), clock_, wallet);
  TRY(gateway_->buyer->open());
  gateway_->paywall = std::make_unique<flow::Paywall>(*bank_, clock_, std::move(node));
  gateway_->paywall->watch();
  return {};
}

// Servers that `before` runs unchanged are shared with it.
std::shared_ptr<flow::mcp::Hub> Runtime::start_hub(const flow::Settings& settings,
                                                   const flow::mcp::Hub* before) {
  if (settings.mcp_servers.empty()) return nullptr;
  flow::mcp::HubOptions hub_options;
  hub_options.prefix_mode = settings.mcp_prefix;
  hub_options.listed_name_max = settings.mcp_name_max;
  hub_options.definitions = &bank_->definitions();
  hub_options.on_first_sight = [this](const std::string& server, size_t tools) {
    return record_first_sight(server, tools);
  };
  hub_options.version = SATGATE_VERSION;
  hub_options.start_wait = kHubStartWait;
  hub_options.broadcast = gateway_->mcp_clients.broadcast;
  net::Loop* loop = &hub_loop();
  std::shared_ptr<flow::mcp::Hub> hub(
      new flow::mcp::Hub(*loop, settings.mcp_servers, std::move(hub_options), before),
      [loop](flow::mcp::Hub* old) {
        net::spawn(*loop, end_hub(std::unique_ptr<flow::mcp::Hub>(old)));
      });
  std::erase_if(hubs_, [](const auto& old) { return old.expired(); });
  hubs_.push_back(hub);
  run_and_wait(*loop, hub->start());
  return hub;
}

// Calls that hang are told that their server has ended.
void Runtime::stop_hubs() {
  if (gateway_) gateway_->set_config({settings_, nullptr});
  for (const auto& weak : hubs_) {
    if (const auto hub = weak.lock()) run_and_wait(hub_loop(), hub->stop());
  }
  // After the ends of the hubs that nobody uses any more.
  run_and_wait(hub_loop(), nothing());
}

void Runtime::start_loops() {
  const size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const size_t count = settings_->threads == 0 ? cores : settings_->threads;
  while (data_loops_.size() < count) {
    data_loops_.push_back(std::make_unique<DataLoop>());
    data_loops_.back()->loop.start(fmt::format("agents-{}", data_loops_.size() - 1));
  }
}

net::Loop& Runtime::hub_loop() {
  return data_loops_.front()->loop;
}

Result<void> Runtime::open_agents() {
  TRY_ASSIGN(net::ListenAddress address, net::parse_listen_address(settings_->server.address));
  if (!settings_->server.tls_certificate.empty()) {
    auto tls =
        net::TlsServerContext::load(settings_->server.tls_certificate, settings_->server.tls_key);
    if (!tls) return fail(fmt::format("server.tls: {}", tls.error().message));
    tls_.emplace(std::move(*tls));
    scheme_suffix_ = "s";
  }
  auto share = net::Listener::Share::first;
  for (const auto& data : data_loops_) {
    net::HttpServerOptions server_options;
    server_options.tls = tls_;
    TRY_ASSIGN(address, run_and_wait(data->loop, data->open(*gateway_, std::move(server_options),
                                                            address, share)));
    share = net::Listener::Share::joined;
  }
  listen_ = net::to_string(address);
  return {};
}

Result<void> Runtime::open_admin() {
  TRY_ASSIGN(const net::ListenAddress address, net::parse_listen_address(settings_->admin.address));
  TRY_ASSIGN(std::string token, load_admin_token(options_.data_dir));
  const std::filesystem::path data_dir = options_.data_dir;
  console::SaveKeyring save = [data_dir](const token::Keyring& keyring) {
    return app::save_keyring(data_dir, keyring);
  };
  admin_ = std::make_unique<console::AdminPlane>(*gateway_, std::move(token), std::move(save));
  TRY(admin_->tokens().load_carves());
  admin_loop_ = std::make_unique<net::Loop>();
  net::HttpServerOptions admin_options;
  admin_options.connections_max = 256;
  admin_server_ =
      std::make_unique<net::HttpServer>(*admin_loop_, *admin_, std::move(admin_options));
  TRY_ASSIGN(const net::ListenAddress bound, admin_server_->listen(address));
  admin_listen_ = net::to_string(bound);
  admin_loop_->start("admin");
  return {};
}

void Runtime::write_addresses() {
  (void)write_file(options_.data_dir / "admin.address", admin_address() + "\n", 0600);
  (void)write_file(options_.data_dir / "gateway.address", address() + "\n", 0600);
}

Result<void> Runtime::start() {
  TRY_ASSIGN(settings_, load_settings());
  if (!settings_->watch_files) watch_.reset();
  TRY(open_books());
  start_loops();
  TRY(open_admin());
  gateway_->set_config({settings_, start_hub(*settings_, nullptr)});
  TRY(open_agents());
  // Before anybody can be told that we are ready: commands look these up.
  write_addresses();
  warn_of_missing_tokens();
  gateway_->serving = true;
  return {};
}

Result<void> Runtime::reload() {
  auto taken = take_config();
  if (!settings_->watch_files) watch_.reset();
  return taken;
}

bool Runtime::config_changed() {
  return watch_ && watch_->changed();
}

Result<void> Runtime::take_config() {
  TRY_ASSIGN(std::shared_ptr<flow::Settings> fresh, load_settings());
  TRY(check_reloadable(*settings_, *fresh));
  if (tls_) TRY(tls_->reload());
  TRY(put_config_budgets(*fresh));
  keep_socket(fresh->server, settings_->server);
  keep_socket(fresh->admin, settings_->admin);
  fresh->threads = settings_->threads;
  std::shared_ptr<flow::mcp::Hub> hub = gateway_->hub();
  const bool same_servers = settings_->mcp_prefix == fresh->mcp_prefix &&
                            settings_->mcp_name_max == fresh->mcp_name_max &&
                            settings_->mcp_servers == fresh->mcp_servers;
  // The new one is ready before it takes over; the old one ends with its last call.
  if (!same_servers) hub = start_hub(*fresh, hub.get());
  settings_ = fresh;
  gateway_->set_config({settings_, std::move(hub)});
  warn_of_missing_tokens();
  return record_config("reloaded");
}

// Strangers make invoices, so those that nobody has paid do not stay. Not before a token for one
// would be over.
void Runtime::forget_invoices(Time now) {
  if (now < forget_invoices_at_) return;
  forget_invoices_at_ = later(now, kForgetInvoicesSeconds);
  const Time before = later(now, -settings_->charge.token_seconds);
  (void)bank_->invoices().forget_expired(before);  // the next time does what this one could not
}

void Runtime::tick() {
  bank_->expire(clock_.now());
  bank_->approvals().expire(clock_.now());
  gateway_->outcomes.tick(clock_.now());
  if (gateway_->paywall) {
    gateway_->paywall->tick(clock_.now());
    gateway_->buyer->tick(clock_.now());
    forget_invoices(clock_.now());
  }
  gateway_->mcp_clients.expire(clock_.now(), gateway_->hub().get());
  // On the admin loop, where tokens change: one writer at a time.
  admin_loop_->post([this] { admin_->tokens().return_ended_carves(); });
}

void Runtime::stop() {
  if (!bank_) return;
  if (gateway_) {
    gateway_->serving = false;
    gateway_->mcp_clients.end_streams();
  }
  bank_->approvals().close_waits();  // who waits for a person is refused, and may ask again
  const net::Milliseconds at_most(settings_->drain_seconds_max * 1000);
  std::vector<std::future<void>> drains;  // all loops at once, within one drainTimeout
  for (const auto& data : data_loops_) {
    if (data->server) drains.push_back(start_on(data->loop, drain_server(*data->server, at_most)));
  }
  for (std::future<void>& drained : drains)
    drained.get();
  // Calls that wait for a client or a server end now, and are settled.
  if (gateway_) gateway_->mcp_clients.close();
  if (!data_loops_.empty()) stop_hubs();
  if (admin_server_ && !admin_listen_.empty()) {
    run_and_wait(*admin_loop_, drain_server(*admin_server_, net::Milliseconds(2000)));
  }
  for (const auto& data : data_loops_) {
    data->loop.stop();
    data->loop.join();
  }
  // What still waits is destroyed with its loop, and may use the hub, which lives on the first.
  while (!data_loops_.empty())
    data_loops_.pop_back();
  if (admin_loop_) {
    admin_loop_->stop();
    admin_loop_->join();
  }
  admin_server_.reset();
  admin_.reset();
  admin_loop_.reset();
  if (gateway_) gateway_->outcomes.close();  // no call comes any more
  rate_source_.reset();
  gateway_.reset();
  std::error_code ignored;
  std::filesystem::remove(options_.data_dir / "admin.address", ignored);
  std::filesystem::remove(options_.data_dir / "gateway.address", ignored);
  bank_.reset();
}

}  // namespace satgate::app
