#include "app/commands/admin_client.h"

#include <fmt/format.h>

#include "base/text.h"
#include "net/simple_client.h"
#include "store/files.h"

namespace satgate::app {
namespace {

constexpr size_t kFileBytesMax = 4096;
constexpr net::Milliseconds kTimeout{30'000};

std::string without_line_end(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

std::unexpected<Failure> no_gateway(const std::filesystem::path& data_dir, std::string_view why) {
  Failure failure(fmt::format(
      "no gateway runs on the data directory {} ({}); start one with 'satgate gateway start' or "
      "'satgate start --proxy openai', or name another directory with --data-dir",
      data_dir.string(), why));
  failure.no_gateway = true;
  return std::unexpected(std::move(failure));
}

std::string error_message(int status, const Json& body) {
  std::string message = text_at(body, "message");
  if (message.empty()) message = fmt::format("the gateway answered with status {}", status);
  return message;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string resource(std::string_view collection, std::string_view name) {
  return fmt::format("{}/{}", collection, percent_encode(name));
}

Expected<AdminClient> AdminClient::open(const std::filesystem::path& data_dir) {
  AdminClient client;
  client.data_dir_ = data_dir;
  const auto address = store::read_file(data_dir / "admin.address", kFileBytesMax);
  if (!address) return no_gateway(data_dir, "no admin.address is there");
  client.address_ = without_line_end(*address);
  const auto token = store::read_file(data_dir / "admin.token", kFileBytesMax);
  if (!token) {
    return failed(fmt::format("cannot read the admin token: {}", token.error().message));
  }
  client.token_ = without_line_end(*token);
  return client;
}

Expected<Json> AdminClient::call(std::string_view method, const std::string& target,
                                 const std::string& body) const {
  const std::vector<std::pair<std::string, std::string>> headers = {
      {"Authorization", "Bearer " + token_},
      {"Content-Type", "application/json"},
      {"Accept", "application/json"}};
  const std::string url = address_ + "/api/v1/" + target;
  const auto response = net::http_request(url, method, headers, body, kTimeout);
  if (!response) {
    // The words of net/simple_client.h. Anything later than that is a gateway in trouble.
    if (response.error().message.starts_with("cannot connect")) {
      return no_gateway(data_dir_, response.error().message);
    }
    return failed(
        fmt::format("the gateway at {} did not answer: {}", address_, response.error().message));
  }
  Json parsed = Json::parse(response->body, nullptr, false);
  if (response->status == 401 && text_at(parsed, "message").empty()) {
    return failed(fmt::format("the gateway at {} refuses the token in {}", address_,
                              (data_dir_ / "admin.token").string()));
  }
  if (response->status >= 400) return failed(error_message(response->status, parsed));
  if (parsed.is_discarded()) {
    return failed(fmt::format("what answers at {} is not a SatGate admin API", address_));
  }
  return parsed;
}

Expected<Json> AdminClient::get(std::string_view path, const Query& query) const {
  std::string target(path);
  for (const auto& [name, value] : query) {
    target += fmt::format("{}{}={}", target.find('?') == target.npos ? '?' : '&', name,
                          percent_encode(value));
  }
  return call("GET", target, "");
}

Expected<Json> AdminClient::post(std::string_view path, const Json& body) const {
  return call("POST", std::string(path), body.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Expected<Json> AdminClient::patch(std::string_view path, const Json& body) const {
  return call("PATCH", std::string(path),
              body.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Expected<Json> AdminClient::remove(std::string_view path) const {
  return call("DELETE", std::string(path), "");
}

Expected<AdminClient> admin(const Context& context) {
  TRY_ASSIGN(const std::filesystem::path data_dir, context.data_dir());
  return AdminClient::open(data_dir);
}

}  // namespace satgate::app
