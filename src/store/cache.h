// Files by key in a folder, that many processes may use at once: those not used for longest go
// when they get too many.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"

namespace hone {

// The content of a file lies in FOLDER/objects/KEY, its size, hash and last use in FOLDER/index.db.
// Either may lack what the other has, after a fault: what is not in both is not in the cache. An
// index that SQLite cannot read is begun anew.
class Cache {
 public:
  // Makes the folder, for this user alone, where it is not there.
  static Result<std::unique_ptr<Cache>> open(std::string folder, uint64_t max_bytes);

  // Copies what is kept under the key to `path`, atomically. False, and nothing written, where
  // there is nothing, or where its bytes are not those that were put: these are removed.
  Result<bool> get(std::string_view key, const std::string& path);
  // Keeps a copy of the file under the key, durably, and removes those not used for longest until
  // all take at most max_bytes. A file that is larger by itself is not kept. Keys: hexadecimal
  // digits.
  Status put(std::string_view key, const std::string& path);

  struct Statistics {
    uint64_t files = 0, bytes = 0;
    uint64_t hits = 0, misses = 0;  // of get, since the cache was made or cleared
  };
  Result<Statistics> statistics();
  // Removes everything; returns what there was.
  Result<Statistics> clear();

  const std::string& folder() const { return folder_; }
  uint64_t max_bytes() const { return max_bytes_; }

 private:
  Cache(std::string folder, uint64_t max_bytes)
      : folder_(std::move(folder)), max_bytes_(max_bytes) {}
  Status open_index();
  std::string object(std::string_view key) const { return folder_ + "/objects/" + std::string(key); }
  struct Entry {
    uint64_t bytes = 0;
    std::string sha256;
  };
  Result<bool> find(std::string_view key, Entry& entry);
  Status count(std::string_view counter);
  Status drop(std::string_view key);
  Status make_room();

  std::string folder_;
  uint64_t max_bytes_;
  std::mutex mutex_;  // guards database_
  Database database_;
};

}  // namespace hone
