// What the bank takes from the machine, replaceable by tests.
#pragma once

#include <cstdint>
#include <string>

#include "base/limits.h"
#include "store/data_dir.h"
#include "store/files.h"

namespace satgate::store {

struct BankHooks {
  Files* files = &system_files();
  std::string boot_id = machine_boot_id();
  uint64_t segment_bytes = limits::journal_segment_bytes;
  int64_t keeper_ms = 200;  // how far the books are behind, without flush_books()
};

}  // namespace satgate::store
