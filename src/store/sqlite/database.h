// SQLite with RAII and Results. One Database is one connection; callers see to it that one thread
// uses it at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace satgate::store::sqlite {

class Database;

// A prepared statement. Bind from 1, read columns from 0, as in SQLite itself. Text is bound
// without a copy: it must outlive the next `step`, `run` or `reset`.
class Statement {
 public:
  Statement& bind(int index, int64_t value);
  Statement& bind(int index, std::string_view text);
  Statement& bind_blob(int index, std::string_view bytes);
  Statement& bind_null(int index);
  template <class T>
  Statement& bind_optional(int index, const std::optional<T>& value) {
    return value ? bind(index, *value) : bind_null(index);
  }

  Result<bool> step();  // true: there is a row
  Result<void> run();   // steps to the end and resets
  void reset();

  int64_t integer(int column) const;
  std::string_view text(int column) const;  // also blobs; valid until the next step
  bool is_null(int column) const;
  int columns() const;
  std::string_view column_name(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  // WAL, synchronous=FULL (a commit is on disk when it returns), foreign keys, busy time-out.
  static Result<Database> open(const std::filesystem::path& path);
  // For reports; works beside a running gateway and on a stopped one.
  static Result<Database> open_read_only(const std::filesystem::path& path);

  Result<Statement> prepare(std::string_view sql);
  Result<void> execute(const std::string& sql);  // any number of statements
  Result<int64_t> query_integer(std::string_view sql);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Database(sqlite3* database) : database_(database) {}
  std::unique_ptr<sqlite3, Close> database_;
};

// Rolls back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Result<void> commit();
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace satgate::store::sqlite
