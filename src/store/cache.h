// Files by key in a folder, that many processes may use at once: those not used for longest go
// when they get too many.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/mapped_file.h"
#include "base/result.h"
#include "store/database.h"

namespace hone {

// The content of a file lies in FOLDER/objects/KEY, its size, hash and last use in
// FOLDER/index-2.db. Either may lack what the other has, after a fault: what is not in both is not
// in the cache. An index that SQLite cannot read is begun anew, by one process at a time. Faults of
// the cache are warnings in the log: whoever uses it gets on without.
class Cache {
 public:
  // How long a process waits for another one that has the cache for itself.
  static constexpr std::chrono::milliseconds kPatience{60'000};

  // Makes the folder where it is not there, for this user alone. Hashes are computed on `threads`
  // threads, 0 for one for each CPU.
  static Result<std::unique_ptr<Cache>> open(std::string folder, uint64_t max_bytes,
                                             int threads = 1,
                                             std::chrono::milliseconds patience = kPatience);

  // Was one opened there before?
  static bool exists(const std::string& folder);

  // Copies what is kept under the key to `path`, atomically. False, and nothing written, where
  // there is nothing, or where its bytes are not those that were put: these are removed.
  Result<bool> get(std::string_view key, const std::string& path);
  // `write(file)` writes a file that only the cache knows. It is copied to `path`, atomically, and
  // kept under the key; those not used for longest go until all take at most max_bytes. A file that
  // is larger by itself is not kept. Fails as `write` does; where the cache's folder does not take
  // the file, `write` is called again with `path` itself. Keys: hexadecimal digits.
  using Writer = std::function<Status(const std::string& file)>;
  Status make(std::string_view key, const std::string& path, const Writer& write);

  // What was measured on a machine, as texts: the first that is told stays, unless it is to be
  // replaced; which one it is now comes back. Those told longest ago go when there are many.
  Result<std::string> remember(std::string_view machine, std::string_view question,
                               std::string_view times, bool replace);
  Result<std::optional<std::string>> remembered(std::string_view machine,
                                                std::string_view question);
  // Calls `measure` while no other process or thread that uses this cache is in it: what is timed
  // is not to be disturbed. Fails with `over_time`, and does not call it, where another one does
  // not come to its end.
  Status alone(const std::function<void()>& measure) const;

  struct Statistics {
    uint64_t files = 0, bytes = 0;
    uint64_t hits = 0, misses = 0;  // of get, since the cache was made or cleared
    uint64_t measurements = 0;      // that are remembered
  };
  Result<Statistics> statistics();
  // Removes everything; returns what there was.
  Result<Statistics> clear();

  const std::string& folder() const { return folder_; }
  uint64_t max_bytes() const { return max_bytes_; }

 private:
  Cache(std::string folder, uint64_t max_bytes, int threads, std::chrono::milliseconds patience)
      : folder_(std::move(folder)), max_bytes_(max_bytes), threads_(threads), patience_(patience) {}
  Status open_index();
  Status check_index();
  Status begin_anew();
  // Calls `use` with the index, and once more after a damaged one was begun anew.
  Status with_index(const std::function<Status()>& use);
  std::string object(std::string_view key) const {
    return folder_ + "/objects/" + std::string(key);
  }
  struct Entry {
    uint64_t bytes = 0;
    std::string sha256;  // of parts
  };
  Result<bool> find(std::string_view key, Entry& entry);
  Result<bool> hand_out(std::string_view key, const Entry& entry, const std::string& path);
  std::string hash_of(const MappedFile& file) const;
  Status record(std::string_view key, bool found);
  Status drop(std::string_view key, const Entry& entry);
  Status keep(std::string_view key, const std::string& fresh, const Entry& entry);
  Status make_room(std::vector<std::string>& removed);  // removed: keys whose objects are to go
  void remove_objects_without_entry();

  std::string folder_;
  uint64_t max_bytes_;
  int threads_;
  std::chrono::milliseconds patience_;
  std::mutex mutex_;  // guards what follows
  Database database_;
  std::optional<Error> given_up_;  // a damaged index that could not be begun anew in time
};

}  // namespace hone
