// A data directory with many tokens, each with an account that has spent: as if a gateway had run
// on it for a long time and had ended well.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/crypto.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace satgate::bench {

TokenId nth_token(uint64_t number);  // spread evenly, as random ids are

// Writes tokens and accounts into the tables at once; through the directory a million of them would
// be a million commits. The directory must not exist.
Result<void> write_many_accounts(const std::filesystem::path& data_dir, uint64_t count,
                                 const Clock& clock);

}  // namespace satgate::bench
