#include "store/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/text.h"

namespace hone {
namespace {

constexpr int kPatience = 10'000;  // milliseconds that a call waits for other processes

Error failed(sqlite3* database, int code) {
  const ErrorId id = code == SQLITE_FULL                               ? ErrorId::disk_full
                     : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ErrorId::malformed
                                                                       : ErrorId::io;
  const char* why = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  const char* path = database != nullptr ? sqlite3_db_filename(database, "main") : nullptr;
  return fail(id, fmt::format("the index '{}': {}", printable(path != nullptr ? path : ""), why));
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement& Statement::bind(int parameter, std::string_view text) {
  const int code = sqlite3_bind_text64(statement_.get(), parameter + 1, text.data(), text.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (failed_ == SQLITE_OK) failed_ = code;
  return *this;
}

Statement& Statement::bind(int parameter, int64_t number) {
  const int code = sqlite3_bind_int64(statement_.get(), parameter + 1, number);
  if (failed_ == SQLITE_OK) failed_ = code;
  return *this;
}

Result<bool> Statement::step() {
  if (failed_ != SQLITE_OK) return failed(database_, failed_);
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return failed(database_, code);
}

Status Statement::run() {
  while (TRY(step())) continue;
  return ok();
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return text != nullptr ? std::string(text, static_cast<size_t>(size)) : std::string();
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Result<Database> Database::open(const std::string& path) {
  Database database;
  sqlite3* handle = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &handle, kFlags, nullptr);
  database.database_.reset(handle);
  if (code != SQLITE_OK) return failed(handle, code);
  sqlite3_busy_timeout(handle, kPatience);
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) const {
  Statement statement;
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      &handle, nullptr);
  statement.statement_.reset(handle);
  statement.database_ = database_.get();
  if (code != SQLITE_OK) return failed(database_.get(), code);
  return statement;
}

int64_t Database::changes() const { return sqlite3_changes64(database_.get()); }

Status Database::run(std::string_view sql) const { return TRY(prepare(sql)).run(); }

}  // namespace hone
