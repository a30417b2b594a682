#include "app/runtime/start.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <ctime>

#include "app/runtime/runtime.h"

namespace satgate::app {
namespace {

// Signals are taken by sigtimedwait() on the main thread alone; all other threads inherit the mask.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

void set_up_log() {
  auto logger = spdlog::stderr_color_mt("satgate");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  spdlog::set_default_logger(std::move(logger));
}

void say_warnings(const Runtime& runtime) {
  for (const std::string& warning : runtime.warnings())
    spdlog::warn("config: {}", warning);
}

void say_what_was_found(const Runtime& runtime) {
  say_warnings(runtime);
  const store::RecoveryReport& found = runtime.recovery();
  if (found.holds_charged > 0) {
    spdlog::warn("{} calls were cut by a crash; each was charged in full", found.holds_charged);
  }
  if (found.leases_written_off > 0) {
    spdlog::warn("the power may have failed: {} accounts were charged the rest of their lease",
                 found.leases_written_off);
  }
  if (found.bytes_dropped > 0) {
    spdlog::warn("a last record of {} bytes was torn and dropped", found.bytes_dropped);
  }
}

void say_loops(Runtime& runtime) {
  for (const flow::LoopNotice& loop : runtime.take_loop_notices())
    spdlog::warn("loop: token {:?} makes the same call to {:?} more than {} times in {} s",
                 loop.token, loop.target, loop.rule.repeats, loop.rule.window.count());
}

void say_rate(Runtime& runtime) {
  if (const auto notice = runtime.take_rate_notice()) {
    spdlog::warn("currency.usdPerSat: {}", *notice);
  }
}

}  // namespace

int run_gateway(const StartOptions& options) {
  const sigset_t signals = block_signals();
  set_up_log();
  Runtime runtime(options);
  if (auto started = runtime.start(); !started) {
    fmt::print(stderr, "satgate: {}\n", started.error().message);
    return 1;
  }
  say_what_was_found(runtime);
  spdlog::info("agents  {}", runtime.address());
  spdlog::info("admin   {}", runtime.admin_address());
  spdlog::info("data    {}", options.data_dir.string());
  while (true) {
    constexpr timespec second{1, 0};
    const int signal = sigtimedwait(&signals, nullptr, &second);
    const bool changed = runtime.config_changed();
    if (signal == SIGHUP || changed) {
      if (auto reloaded = runtime.reload(); !reloaded) {
        spdlog::error("the new config was not taken:\n{}", reloaded.error().message);
      } else {
        say_warnings(runtime);
        spdlog::info("the config was read again");
      }
    }
    if (signal > 0 && signal != SIGHUP) break;
    runtime.tick();
    say_rate(runtime);
    say_loops(runtime);
  }
  spdlog::info("draining");
  runtime.stop();
  spdlog::info("stopped");
  return 0;
}

}  // namespace satgate::app
