// A few calls of SQLite, with errors as results.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hone {

class Database;

// A prepared statement. Parameters and columns count from 0.
class Statement {
 public:
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, int64_t number);
  // Is there a row?
  Result<bool> step();
  Status run();  // to its end
  std::string text(int column) const;
  int64_t integer(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  sqlite3* database_ = nullptr;
  int failed_ = 0;  // the first binding that did not work
};

// One connection. Statements must not outlive it. Other processes may use the file at the same
// time: a call waits for them for some seconds, then fails with `io`.
class Database {
 public:
  static Result<Database> open(const std::string& path);
  Result<Statement> prepare(std::string_view sql) const;
  Status run(std::string_view sql) const;
  int64_t changes() const;  // rows that the last statement inserted, updated or deleted

  // One transaction: nothing of it is done where `body` fails, or the process dies.
  template <class Body>
  Status transact(Body&& body) const {
    TRY(run("BEGIN IMMEDIATE"));
    Status done = body();
    if (done) done = run("COMMIT");
    if (!done) (void)run("ROLLBACK");
    return done;
  }

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace hone
