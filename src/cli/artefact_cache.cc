#include "cli/artefact_cache.h"

#include <cstdlib>
#include <string>

namespace hone::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

// XDG base directories: a path that is not absolute counts as none.
Result<std::string> cache_folder(const Config& config) {
  if (std::string folder = config.text("cache.dir"); !folder.empty()) return folder;
  if (const std::string caches = environment("XDG_CACHE_HOME"); caches.starts_with('/'))
    return caches + "/hone";
  if (const std::string home = environment("HOME"); home.starts_with('/'))
    return home + "/.cache/hone";
  Error error = fail(ErrorId::not_found, "there is no folder for the cache: HOME is not set");
  error.hint = "name one by the setting cache.dir, or HONE_CACHE_DIR in the environment";
  return error;
}

Result<std::unique_ptr<Cache>> open_cache(const Config& config, int threads) {
  return Cache::open(TRY(cache_folder(config)), config.bytes("cache.max_bytes"), threads);
}

}  // namespace hone::cli
