#include "store/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mapped_file.h"
#include "base/pages.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "store/folder_lock.h"

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

// What the cache cannot do is no fault of what uses it.
void warn_of(const Error& error) {
  LOG(warn, "the cache is not used", {{"reason", error.message}});
}
void warn_of(const Status& status) {
  if (!status) warn_of(status.error());
}

// A descriptor of a file, and its content: of the same file, whatever becomes of its name.
struct OpenFile {
  int descriptor = -1;
  MappedFile mapped;

  static Result<OpenFile> open(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0)
      return fail(errno == ENOENT ? ErrorId::not_found : ErrorId::io,
                  "cannot open '" + printable(path) + "'");
    auto mapped = MappedFile::open(fmt::format("/proc/self/fd/{}", descriptor));
    if (mapped) return OpenFile(descriptor, mapped.take());
    close(descriptor);
    return mapped.take_error();
  }
  OpenFile(int d, MappedFile m) : descriptor(d), mapped(std::move(m)) {}
  OpenFile(OpenFile&& other) noexcept
      : descriptor(std::exchange(other.descriptor, -1)), mapped(std::move(other.mapped)) {}
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile() {
    if (descriptor >= 0) close(descriptor);
  }
};

struct FileRemover {
  std::string path;
  ~FileRemover() { unlink(path.c_str()); }
};

constexpr std::string_view kFresh = ".new-";

// Beside the object, of no other process or thread.
std::string fresh_name(const std::string& object) {
  static std::atomic<uint64_t> number{0};
  const fs::path path(object);
  return (path.parent_path() /
          fmt::format("{}{}-{}-{}", kFresh, getpid(), number++, path.filename().string()))
      .string();
}

constexpr const char* kIndex =
    "/index-2.db";  // the number is that of its tables, and of what their columns mean

constexpr const char* kTables[] = {
    "CREATE TABLE IF NOT EXISTS files (key TEXT PRIMARY KEY, bytes INTEGER NOT NULL,"
    " sha256 TEXT NOT NULL, used_us INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS by_use ON files (used_us)",
    "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS measurements (machine TEXT NOT NULL, question TEXT NOT NULL,"
    " times TEXT NOT NULL, made_us INTEGER NOT NULL, PRIMARY KEY (machine, question))",
    "CREATE INDEX IF NOT EXISTS by_age ON measurements (made_us)",
};
constexpr int64_t kMostMeasurements = 20'000;

}  // namespace

Result<std::unique_ptr<Cache>> Cache::open(std::string folder, uint64_t max_bytes, int threads,
                                           std::chrono::milliseconds patience) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  std::unique_ptr<Cache> cache(new Cache(std::move(folder), max_bytes, threads, patience));
  TRY(make_folder(cache->folder_));
  TRY(make_folder(cache->folder_ + "/objects"));
  Status opened = cache->open_index();
  if (!opened && opened.error().id == ErrorId::malformed) opened = cache->begin_anew();
  TRY(opened);
  return cache;
}

bool Cache::exists(const std::string& folder) {
  return access((folder + kIndex).c_str(), R_OK | W_OK) == 0;
}

Status Cache::open_index() {
  database_ = TRY(Database::open(folder_ + kIndex));
  // In one transaction, for each waits for the disk; and only where some are missing, for it waits
  // for other processes, too.
  Statement count = TRY(database_.prepare(
      "SELECT count(*) FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"));
  if (TRY(count.step()) && count.integer(0) >= int64_t(std::size(kTables))) return ok();
  return database_.transact([&]() -> Status {
    for (const std::string_view table : kTables) TRY(database_.run(table));
    return ok();
  });
}

Status Cache::check_index() {
  Statement check = TRY(database_.prepare("PRAGMA quick_check(1)"));
  if (TRY(check.step()) && check.text(0) == "ok") return ok();
  return fail(ErrorId::malformed, "the index is damaged: " + printable(check.text(0)));
}

// One process at a time, and not where another has just done it.
Status Cache::begin_anew() {
  database_ = Database();
  const FolderLock lock = TRY(FolderLock::take(folder_ + "/lock", patience_));
  Status opened = open_index();
  if (opened) opened = check_index();
  if (opened || opened.error().id != ErrorId::malformed) return opened;
  LOG(warn, "the index of the cache is damaged and begun anew", {{"folder", folder_}});
  database_ = Database();
  for (const char* end : {"", "-journal"}) unlink((folder_ + kIndex + end).c_str());
  TRY(open_index());
  remove_objects_without_entry();
  return ok();
}

Status Cache::with_index(const std::function<Status()>& use) {
  const std::lock_guard lock(mutex_);
  if (given_up_) return *given_up_;
  Status used = use();
  if (used || used.error().id != ErrorId::malformed) return used;
  if (Status anew = begin_anew(); !anew) {
    if (anew.error().id == ErrorId::over_time) given_up_ = anew.error();
    return anew;
  }
  return use();
}

Result<bool> Cache::find(std::string_view key, Entry& entry) {
  bool found = false;
  TRY(with_index([&]() -> Status {
    Statement select = TRY(database_.prepare("SELECT bytes, sha256 FROM files WHERE key = ?"));
    found = TRY(select.bind(0, key).step());
    if (found) entry = {static_cast<uint64_t>(select.integer(0)), select.text(1)};
    return ok();
  }));
  return found;
}

Status Cache::record(std::string_view key, bool found) {
  return with_index([&]() -> Status {
    if (found) {
      Statement touch = TRY(database_.prepare("UPDATE files SET used_us = ? WHERE key = ?"));
      TRY(touch.bind(0, now_us()).bind(1, key).run());
    }
    Statement add =
        TRY(database_.prepare("INSERT INTO counters (name, value) VALUES (?, 1)"
                              " ON CONFLICT (name) DO UPDATE SET value = value + 1"));
    return add.bind(0, found ? "hits" : "misses").run();
  });
}

// Of this entry alone: another process may have put another one meanwhile.
Status Cache::drop(std::string_view key, const Entry& entry) {
  return with_index([&]() -> Status {
    Statement remove = TRY(database_.prepare("DELETE FROM files WHERE key = ? AND sha256 = ?"));
    TRY(remove.bind(0, key).bind(1, entry.sha256).run());
    // Another process may have put another object there since.
    if (database_.changes() > 0) unlink(object(key).c_str());
    return ok();
  });
}

std::string Cache::hash_of(const MappedFile& file) const {
  ThreadPool pool(threads_);
  return sha256_of_parts(file.bytes(), pool, release_pages);  // it is not all in memory at a time
}

// What is copied goes to the disk while its hash is computed.
Result<bool> Cache::hand_out(std::string_view key, const Entry& entry, const std::string& path) {
  const auto file = OpenFile::open(object(key));
  if (file && file->mapped.size() == entry.bytes) {
    AtomicFile out = TRY(AtomicFile::create(path));
    TRY(out.copy(file->descriptor, file->mapped.bytes()));
    TRY(out.begin_settling());
    if (hash_of(file->mapped) == entry.sha256) {
      TRY(out.commit());
      return true;
    }
  }
  // Somebody may have removed it just now; damage is worth a word.
  if (file)
    LOG(warn, "a file of the cache was damaged and is dropped", {{"key", std::string(key)}});
  warn_of(drop(key, entry));
  return false;
}

Result<bool> Cache::get(std::string_view key, const std::string& path) {
  if (!is_key(key)) return fail(ErrorId::internal, "no key of a cache: " + printable(key));
  Entry entry;
  auto known = find(key, entry);
  if (!known) {
    warn_of(known.take_error());
    return false;
  }
  const bool found = *known && TRY(hand_out(key, entry, path));
  warn_of(record(key, found));
  return found;
}

Status Cache::make(std::string_view key, const std::string& path, const Writer& write) {
  if (!is_key(key)) return fail(ErrorId::internal, "no key of a cache: " + printable(key));
  const std::string fresh = fresh_name(object(key));
  Status written = write(fresh);
  const FileRemover remover{fresh};  // unless it gets its place
  if (!written) {
    const ErrorId id = written.error().id;
    if (id != ErrorId::io && id != ErrorId::not_found && id != ErrorId::disk_full) return written;
    warn_of(written);
    return write(path);
  }
  Entry entry;
  {
    const OpenFile file = TRY(OpenFile::open(fresh));
    AtomicFile out = TRY(AtomicFile::create(path));
    TRY(out.copy(file.descriptor, file.mapped.bytes()));
    TRY(out.begin_settling());
    entry = {file.mapped.size(), hash_of(file.mapped)};
    TRY(out.commit());
  }
  if (entry.bytes <= max_bytes_) warn_of(keep(key, fresh, entry));
  return ok();
}

Status Cache::keep(std::string_view key, const std::string& fresh, const Entry& entry) {
  if (rename(fresh.c_str(), object(key).c_str()) != 0)
    return fail(ErrorId::io, "cannot put '" + printable(fresh) + "' in its place");
  std::vector<std::string> removed;
  const Status kept = with_index([&]() -> Status {
    removed.clear();
    return database_.transact([&]() -> Status {
      Statement insert = TRY(database_.prepare(
          "INSERT OR REPLACE INTO files (key, bytes, sha256, used_us) VALUES (?, ?, ?, ?)"));
      TRY(insert.bind(0, key)
              .bind(1, static_cast<int64_t>(entry.bytes))
              .bind(2, entry.sha256)
              .bind(3, now_us())
              .run());
      return make_room(removed);
    });
  });
  if (!kept) removed = {std::string(key)};
  // Only now: what the index keeps after a failure is still there.
  for (const std::string& old : removed)
    if (is_key(old)) unlink(object(old).c_str());
  return kept;
}

// Within a transaction.
Status Cache::make_room(std::vector<std::string>& removed) {
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
    removed.push_back(key);
  }
  return ok();
}

Result<std::optional<std::string>> Cache::remembered(std::string_view machine,
                                                     std::string_view question) {
  std::optional<std::string> times;
  TRY(with_index([&]() -> Status {
    Statement select =
        TRY(database_.prepare("SELECT times FROM measurements WHERE machine = ? AND question = ?"));
    if (TRY(select.bind(0, machine).bind(1, question).step())) times = select.text(0);
    return ok();
  }));
  return times;
}

Result<std::string> Cache::remember(std::string_view machine, std::string_view question,
                                    std::string_view times, bool replace) {
  TRY(with_index([&]() -> Status {
    return database_.transact([&]() -> Status {
      Statement insert = TRY(
          database_.prepare(replace ? "INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?)"
                                    : "INSERT OR IGNORE INTO measurements VALUES (?, ?, ?, ?)"));
      TRY(insert.bind(0, machine).bind(1, question).bind(2, times).bind(3, now_us()).run());
      Statement bound = TRY(database_.prepare(
          "DELETE FROM measurements WHERE rowid IN (SELECT rowid FROM measurements"
          " ORDER BY made_us DESC LIMIT -1 OFFSET ?)"));
      return bound.bind(0, kMostMeasurements).run();
    });
  }));
  return TRY(remembered(machine, question)).value_or(std::string(times));
}

Status Cache::alone(const std::function<void()>& measure) const {
  const FolderLock lock = TRY(FolderLock::take(folder_ + "/measuring", patience_));
  measure();
  return ok();
}

Result<Cache::Statistics> Cache::statistics() {
  Statistics s;
  TRY(with_index([&]() -> Status {
    s = {};
    Statement sum = TRY(database_.prepare("SELECT count(*), coalesce(sum(bytes), 0) FROM files"));
    if (TRY(sum.step())) {
      s.files = static_cast<uint64_t>(sum.integer(0));
      s.bytes = static_cast<uint64_t>(sum.integer(1));
    }
    Statement counters = TRY(database_.prepare("SELECT name, value FROM counters"));
    while (TRY(counters.step()))
      (counters.text(0) == "hits" ? s.hits : s.misses) = static_cast<uint64_t>(counters.integer(1));
    Statement measurements = TRY(database_.prepare("SELECT count(*) FROM measurements"));
    if (TRY(measurements.step())) s.measurements = static_cast<uint64_t>(measurements.integer(0));
    return ok();
  }));
  return s;
}

// Files that are being made are left alone until they are a day old.
void Cache::remove_objects_without_entry() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_ + "/objects", error)) {
    std::error_code ignored;
    const std::string name = entry.path().filename().string();
    const bool fresh = name.starts_with(kFresh);
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(entry.path(), ignored);
    if (is_key(name) || (fresh && age > std::chrono::hours(24))) fs::remove(entry.path(), ignored);
  }
}

Result<Cache::Statistics> Cache::clear() {
  const Statistics before = TRY(statistics());
  TRY(with_index([&]() -> Status {
    return database_.transact([&]() -> Status {
      TRY(database_.run("DELETE FROM files"));
      TRY(database_.run("DELETE FROM measurements"));
      return database_.run("DELETE FROM counters");
    });
  }));
  remove_objects_without_entry();  // there are no entries now
  return before;
}

}  // namespace hone
