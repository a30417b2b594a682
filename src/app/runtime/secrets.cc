#include "app/runtime/secrets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/crypto.h"
#include "base/text.h"

namespace satgate::app {
namespace {

std::string reason() {
  return std::strerror(errno);
}

Result<void> write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t wrote = ::write(fd, content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return fail(reason());
    content.remove_prefix(static_cast<size_t>(wrote));
  }
  return {};
}

Result<void> check_private(const std::filesystem::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return fail(fmt::format("{}: {}", path.string(), reason()));
  if ((info.st_mode & 077) != 0) {
    return fail(
        fmt::format("{} can be read by others; run: chmod 600 {}", path.string(), path.string()));
  }
  return {};
}

}  // namespace

Result<void> write_file(const std::filesystem::path& path, std::string_view content, int mode) {
  const std::string temporary = path.string() + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                        static_cast<mode_t>(mode));
  if (fd < 0) return fail(fmt::format("cannot write {}: {}", temporary, reason()));
  const Result<void> written = write_all(fd, content);
  const bool synced = ::fchmod(fd, static_cast<mode_t>(mode)) == 0 && ::fsync(fd) == 0;
  ::close(fd);
  if (!written || !synced || ::rename(temporary.c_str(), path.c_str()) != 0) {
    return fail(fmt::format("cannot write {}: {}", path.string(), reason()));
  }
  return {};
}

Result<std::string> read_text_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(fmt::format("cannot read {}", path.string()));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::shared_ptr<const token::Keyring>> load_keyring(const std::filesystem::path& data_dir,
                                                           Time now) {
  const std::filesystem::path path = data_dir / "root.keys";
  if (!std::filesystem::exists(path)) {
    Hash256 secret;
    fill_random(secret.data(), secret.size());
    auto fresh = std::make_shared<const token::Keyring>(secret, now);
    TRY(save_keyring(data_dir, *fresh));
    return fresh;
  }
  TRY(check_private(path));
  TRY_ASSIGN(const std::string text, read_text_file(path));
  Result<token::Keyring> parsed = token::Keyring::parse(text);
  if (!parsed) return fail(fmt::format("{}: {}", path.string(), parsed.error().message));
  return std::make_shared<const token::Keyring>(std::move(*parsed));
}

Result<void> save_keyring(const std::filesystem::path& data_dir, const token::Keyring& keyring) {
  return write_file(data_dir / "root.keys", keyring.print(), 0600);
}

Result<std::string> load_admin_token(const std::filesystem::path& data_dir) {
  const std::filesystem::path path = data_dir / "admin.token";
  if (!std::filesystem::exists(path)) {
    std::array<char, 32> bytes;
    fill_random(bytes.data(), bytes.size());
    const std::string token = "sga_" + base64url_encode({bytes.data(), bytes.size()});
    TRY(write_file(path, token + "\n", 0600));
    return token;
  }
  TRY(check_private(path));
  TRY_ASSIGN(std::string token, read_text_file(path));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r'))
    token.pop_back();
  if (token.size() < 16) {
    return fail(
        fmt::format("{} is damaged; remove it, and the next start makes a new one", path.string()));
  }
  return token;
}

Result<Hash256> load_name_secret(const std::filesystem::path& data_dir) {
  const std::filesystem::path path = data_dir / "names.key";
  if (!std::filesystem::exists(path)) {
    Hash256 secret;
    fill_random(secret.data(), secret.size());
    TRY(write_file(path, to_hex(as_bytes_view(secret)) + "\n", 0600));
    return secret;
  }
  TRY(check_private(path));
  TRY_ASSIGN(const std::string text, read_text_file(path));
  const auto secret = from_hex(text.substr(0, text.find_last_not_of("\r\n") + 1));
  if (!secret || secret->size() != Hash256().size()) {
    return fail(
        fmt::format("{} is damaged; remove it, and the next start makes a new one", path.string()));
  }
  Hash256 bytes;
  std::ranges::copy(*secret, bytes.begin());
  return bytes;
}

}  // namespace satgate::app
