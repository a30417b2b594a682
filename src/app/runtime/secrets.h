// The secrets of a data directory: root keys and the admin token. Mode 0600, written atomically.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/crypto.h"
#include "base/result.h"
#include "base/time.h"
#include "token/keyring.h"

namespace satgate::app {

// `root.keys`; made with one fresh key at the first start. Refuses a file that others can read.
Result<std::shared_ptr<const token::Keyring>> load_keyring(const std::filesystem::path& data_dir,
                                                           Time now);
Result<void> save_keyring(const std::filesystem::path& data_dir, const token::Keyring& keyring);

// `admin.token`; made at the first start.
Result<std::string> load_admin_token(const std::filesystem::path& data_dir);

// `names.key`, of the names for keys that are not ours (flow/key_names.h); made at the first start.
Result<Hash256> load_name_secret(const std::filesystem::path& data_dir);

// Writes a file with this mode so that a crash leaves the old or the new content, never half of it.
Result<void> write_file(const std::filesystem::path& path, std::string_view content, int mode);
Result<std::string> read_text_file(const std::filesystem::path& path);

}  // namespace satgate::app
