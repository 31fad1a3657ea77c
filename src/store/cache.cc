#include "store/cache.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mapped_file.h"
#include "base/text.h"

namespace hone {
namespace {

namespace fs = std::filesystem;

int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Status make_folder(const std::string& path) {
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  if (!error && mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    error = std::error_code(errno, std::generic_category());
  if (error)
    return fail(ErrorId::io,
                fmt::format("cannot make the folder '{}': {}", printable(path), error.message()));
  return ok();
}

bool is_key(std::string_view key) {
  return !key.empty() && key.size() <= 128 && std::ranges::all_of(key, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

constexpr std::string_view kTables[] = {
    "CREATE TABLE IF NOT EXISTS files (key TEXT PRIMARY KEY, bytes INTEGER NOT NULL,"
    " sha256 TEXT NOT NULL, used_us INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS by_use ON files (used_us)",
    "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
};

}  // namespace

Result<std::unique_ptr<Cache>> Cache::open(std::string folder, uint64_t max_bytes) {
  std::unique_ptr<Cache> cache(new Cache(std::move(folder), max_bytes));
  TRY(make_folder(cache->folder_));
  TRY(make_folder(cache->folder_ + "/objects"));
  Status opened = cache->open_index();
  if (!opened && opened.error().id == ErrorId::malformed) {
    LOG(warn, "the index of the cache is damaged and begun anew", {{"folder", cache->folder_}});
    cache->database_ = Database();
    for (const char* name : {"/index.db", "/index.db-journal"})
      unlink((cache->folder_ + name).c_str());
    opened = cache->open_index();
  }
  TRY(opened);
  return cache;
}

Status Cache::open_index() {
  database_ = TRY(Database::open(folder_ + "/index.db"));
  for (const std::string_view table : kTables) TRY(database_.run(table));
  return ok();
}

Result<bool> Cache::find(std::string_view key, Entry& entry) {
  const std::lock_guard lock(mutex_);
  Statement select = TRY(database_.prepare("SELECT bytes, sha256 FROM files WHERE key = ?"));
  if (!TRY(select.bind(0, key).step())) return false;
  entry.bytes = static_cast<uint64_t>(select.integer(0));
  entry.sha256 = select.text(1);
  return true;
}

Status Cache::count(std::string_view counter) {
  const std::lock_guard lock(mutex_);
  Statement add = TRY(
      database_.prepare("INSERT INTO counters (name, value) VALUES (?, 1)"
                        " ON CONFLICT (name) DO UPDATE SET value = value + 1"));
  return add.bind(0, counter).run();
}

Status Cache::drop(std::string_view key) {
  const std::lock_guard lock(mutex_);
  Statement remove = TRY(database_.prepare("DELETE FROM files WHERE key = ?"));
  TRY(remove.bind(0, key).run());
  unlink(object(key).c_str());
  return ok();
}

Result<bool> Cache::get(std::string_view key, const std::string& path) {
  if (!is_key(key)) return fail(ErrorId::internal, "no key of a cache: " + printable(key));
  Entry entry;
  if (!TRY(find(key, entry))) {
    TRY(count("misses"));
    return false;
  }
  const auto file = MappedFile::open(object(key));
  if (!file || file->size() != entry.bytes || sha256_hex(file->bytes()) != entry.sha256) {
    // Somebody may have removed it just now; damage is worth a word.
    if (file) LOG(warn, "a file of the cache was damaged and is dropped", {{"key", std::string(key)}});
    TRY(drop(key));
    TRY(count("misses"));
    return false;
  }
  AtomicFile out = TRY(AtomicFile::create(path));
  TRY(out.write(file->bytes()));
  TRY(out.commit());
  {
    const std::lock_guard lock(mutex_);
    Statement touch = TRY(database_.prepare("UPDATE files SET used_us = ? WHERE key = ?"));
    TRY(touch.bind(0, now_us()).bind(1, key).run());
  }
  TRY(count("hits"));
  return true;
}

Status Cache::put(std::string_view key, const std::string& path) {
  if (!is_key(key)) return fail(ErrorId::internal, "no key of a cache: " + printable(key));
  const MappedFile file = TRY(MappedFile::open(path));
  if (file.size() > max_bytes_) return ok();
  const std::string sha256 = sha256_hex(file.bytes());
  AtomicFile copy = TRY(AtomicFile::create(object(key)));
  TRY(copy.write(file.bytes()));
  TRY(copy.commit());
  const std::lock_guard lock(mutex_);
  return database_.transact([&]() -> Status {
    Statement insert = TRY(database_.prepare(
        "INSERT OR REPLACE INTO files (key, bytes, sha256, used_us) VALUES (?, ?, ?, ?)"));
    TRY(insert.bind(0, key)
            .bind(1, static_cast<int64_t>(file.size()))
            .bind(2, sha256)
            .bind(3, now_us())
            .run());
    return make_room();
  });
}

// Within a transaction.
Status Cache::make_room() {
  Statement sum = TRY(database_.prepare("SELECT coalesce(sum(bytes), 0) FROM files"));
  if (!TRY(sum.step())) return ok();
  auto total = static_cast<uint64_t>(sum.integer(0));
  std::vector<std::string> oldest;
  Statement select = TRY(database_.prepare("SELECT key, bytes FROM files ORDER BY used_us, key"));
  while (total > max_bytes_ && TRY(select.step())) {
    oldest.push_back(select.text(0));
    total -= std::min(total, static_cast<uint64_t>(select.integer(1)));
  }
  for (const std::string& key : oldest) {
    Statement remove = TRY(database_.prepare("DELETE FROM files WHERE key = ?"));
    TRY(remove.bind(0, key).run());
    if (is_key(key)) unlink(object(key).c_str());
  }
  return ok();
}

Result<Cache::Statistics> Cache::statistics() {
  const std::lock_guard lock(mutex_);
  Statistics s;
  Statement sum = TRY(database_.prepare("SELECT count(*), coalesce(sum(bytes), 0) FROM files"));
  if (TRY(sum.step())) {
    s.files = static_cast<uint64_t>(sum.integer(0));
    s.bytes = static_cast<uint64_t>(sum.integer(1));
  }
  Statement counters = TRY(database_.prepare("SELECT name, value FROM counters"));
  while (TRY(counters.step()))
    (counters.text(0) == "hits" ? s.hits : s.misses) = static_cast<uint64_t>(counters.integer(1));
  return s;
}

Result<Cache::Statistics> Cache::clear() {
  const Statistics before = TRY(statistics());
  const std::lock_guard lock(mutex_);
  TRY(database_.transact([&]() -> Status {
    TRY(database_.run("DELETE FROM files"));
    return database_.run("DELETE FROM counters");
  }));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_ + "/objects", error)) {
    std::error_code ignored;
    if (is_key(entry.path().filename().string())) fs::remove(entry.path(), ignored);
  }
  return before;
}

}  // namespace hone
