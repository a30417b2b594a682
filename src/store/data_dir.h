// The data directory: one gateway at a time, its keys, and which run of the machine it is.
//
//   LOCK               held while a gateway runs; its process id
//   satgate.db         SQLite: tokens, budgets, leases, and the books of the journal
//   journal/*.sgj      the journal
//   audit.key (0600)   signs checkpoints;  audit.pub: verifies them
#pragma once

#include <filesystem>
#include <string>

#include "audit/checkpoint.h"
#include "base/result.h"
#include "store/files.h"

namespace satgate::store {

class DataDir {
 public:
  // Creates it (0700) when missing, and locks it.
  static Result<DataDir> open(const std::filesystem::path& path);

  std::filesystem::path database() const { return path_ / "satgate.db"; }
  std::filesystem::path journal() const { return path_ / "journal"; }
  // The key that signs checkpoints; made at the first start.
  Result<audit::SigningKey> signing_key() const;

 private:
  DataDir(std::filesystem::path path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::filesystem::path path_;
  Fd lock_;
};

std::filesystem::path public_key_path(const std::filesystem::path& data_dir);

// Changes whenever the machine starts: while it stays, what was written is in the page cache at
// least. Empty when it can not be told.
std::string machine_boot_id();

}  // namespace satgate::store
