// doctor: everything that can be wrong around a gateway, looked at once. Works with and without a
// running gateway.
#include <fmt/format.h>
#include <sys/stat.h>

#include <vector>

#include "app/commands/admin_client.h"
#include "app/commands/command.h"
#include "app/commands/flags.h"
#include "app/commands/record.h"
#include "app/commands/table.h"
#include "app/config/config.h"
#include "base/limits.h"
#include "base/text.h"
#include "report/audit_search.h"
#include "store/data_dir.h"
#include "store/files.h"

namespace satgate::app {
namespace {

namespace fs = std::filesystem;

enum class Health : uint8_t { good, warning, bad };

struct Check {
  std::string name;
  Health health = Health::good;
  std::string detail;
};

constexpr mode_t kOthers = 077;
constexpr int64_t kClockSlackSeconds = 60;
constexpr uint64_t kMegabyte = 1024 * 1024;

std::string_view to_string(Health health) {
  switch (health) {
    case Health::good:
      return "ok";
    case Health::warning:
      return "warning";
    case Health::bad:
      return "FAIL";
  }
  return "FAIL";
}

bool open_to_others(const fs::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && (status.st_mode & kOthers) != 0;
}

Check check_directory(const fs::path& data_dir) {
  std::error_code error;
  if (!fs::exists(data_dir, error)) {
    return {"data directory", Health::warning,
            fmt::format("{} is not there; the first start makes it", data_dir.string())};
  }
  if (!fs::is_directory(data_dir, error)) {
    return {"data directory", Health::bad, fmt::format("{} is a file", data_dir.string())};
  }
  if (open_to_others(data_dir)) {
    return {"data directory", Health::warning,
            fmt::format("others may look into it; run: chmod 700 {}", data_dir.string())};
  }
  return {"data directory", Health::good, data_dir.string()};
}

Check check_secrets(const fs::path& data_dir) {
  for (const std::string_view name : {"root.keys", "admin.token", "audit.key", "names.key"}) {
    if (open_to_others(data_dir / name)) {
      return {"secrets", Health::bad,
              fmt::format("others can read {0}; run: chmod 600 {0}", (data_dir / name).string())};
    }
  }
  return {"secrets", Health::good, "readable by their owner alone"};
}

Check check_gateway(const fs::path& data_dir) {
  const auto client = AdminClient::open(data_dir);
  const auto status = client ? client->get("status") : Expected<Json>(Json());
  if (!client || (!status && status.error().no_gateway)) {
    return {"gateway", Health::warning, "none runs on this data directory"};
  }
  if (!status) return {"gateway", Health::bad, status.error().message};
  if (!status->value("healthy", false)) {
    return {"gateway", Health::bad,
            fmt::format("refuses every call: {}", text_at(*status, "failure"))};
  }
  return {"gateway", Health::good,
          fmt::format("version {}, agents at {}, admin at {}", text_at(*status, "version"),
                      text_at(*status, "listen"), text_at(*status, "admin"))};
}

Check check_config(const std::string& file) {
  const ConfigResult result = load_config(file, process_sources());
  if (!result.errors.empty()) {
    return {
        "config", Health::bad,
        fmt::format("{}: {} (run: satgate config check {})", file, result.errors.front(), file)};
  }
  if (!result.warnings.empty()) {
    return {"config", Health::warning, fmt::format("{}: {}", file, result.warnings.front())};
  }
  return {"config", Health::good, file};
}

Check check_record(const fs::path& data_dir) {
  std::error_code error;
  if (!fs::exists(data_dir / "journal", error)) {
    return {"record", Health::good, "empty"};
  }
  const auto verdict = verify_record(data_dir, store::public_key_path(data_dir), 0);
  if (!verdict) return {"record", Health::bad, verdict.error().message};
  if (!verdict->ok) return {"record", Health::bad, verdict->problem};
  return {"record", Health::good,
          fmt::format("intact: {} events, signed up to {}", verdict->events, verdict->signed_seq)};
}

// Budgets are by the calendar: a clock that goes back opens a window again.
Check check_clock(const fs::path& data_dir) {
  const std::string time = format_rfc3339(now());
  report::EventFilter newest;
  newest.limit = 1;
  const auto found = report::search_events(database_path(data_dir), newest);
  if (!found || found->empty()) return {"clock", Health::good, time};
  const Json event = Json::parse(found->back().json, nullptr, false);
  const auto written = parse_time(text_at(event, "time"));
  if (written && written->unix_seconds() > now().unix_seconds() + kClockSlackSeconds) {
    return {"clock", Health::bad,
            fmt::format("it is {}, but the newest event was written at {}: the clock went back",
                        time, text_at(event, "time"))};
  }
  return {"clock", Health::good, time};
}

Check check_disk(fs::path directory) {
  std::error_code error;
  while (!fs::exists(directory, error) && directory.has_relative_path()) {
    directory = directory.parent_path();
  }
  const fs::space_info space = fs::space(directory.empty() ? "." : directory, error);
  if (error) return {"disk", Health::bad, error.message()};
  const uint64_t free_mb = space.available / kMegabyte;
  const std::string detail = fmt::format("{} MB free", free_mb);
  // Below one journal segment the gateway refuses calls sooner or later; sixteen are a reserve.
  if (space.available < limits::journal_segment_bytes) return {"disk", Health::bad, detail};
  if (space.available < 16 * limits::journal_segment_bytes) {
    return {"disk", Health::warning, detail};
  }
  return {"disk", Health::good, detail};
}

struct DoctorFlags {
  std::string config;
};

void declare_doctor(CLI::App& command, DoctorFlags& flags) {
  add_text(command, "--config", flags.config, "also look at this config file")->type_name("FILE");
}

void print_checks(const Context& context, const std::vector<Check>& checks, bool good) {
  if (context.json) {
    Json out = {{"ok", good}, {"checks", Json::array()}};
    for (const Check& check : checks) {
      out["checks"].push_back({{"check", check.name},
                               {"result", lowercase(to_string(check.health))},
                               {"detail", check.detail}});
    }
    print_json(out);
    return;
  }
  Table table({{"CHECK"}, {"RESULT"}, {"DETAIL"}});
  for (const Check& check : checks)
    table.row({check.name, std::string(to_string(check.health)), check.detail});
  fmt::print("{}", table.text(context.colour));
}

Outcome run_doctor(const Context& context, const DoctorFlags& flags) {
  TRY_ASSIGN(const fs::path data_dir, context.data_dir());
  std::vector<Check> checks = {check_directory(data_dir), check_secrets(data_dir),
                               check_gateway(data_dir),   check_record(data_dir),
                               check_clock(data_dir),     check_disk(data_dir)};
  if (!flags.config.empty()) checks.push_back(check_config(flags.config));
  const bool good =
      std::ranges::none_of(checks, [](const Check& check) { return check.health == Health::bad; });
  print_checks(context, checks, good);
  if (good) return {};
  return failed("something needs attention: see the checks that say FAIL");
}

}  // namespace

void add_doctor_command(CLI::App& root, Context& context) {
  add_command(root, context,
              {"doctor", "Look for what is wrong: directory, secrets, gateway, record, clock, disk",
               "satgate doctor --config ./satgate.yaml"},
              declare_doctor, run_doctor);
}

}  // namespace satgate::app
