// The cache of compiled artefacts that the configuration names.
#pragma once

#include <memory>

#include "base/config.h"
#include "base/result.h"
#include "store/cache.h"

namespace hone::cli {

// `cache.dir`, or hone/ in the user's cache folder (XDG_CACHE_HOME, else ~/.cache).
Result<std::string> cache_folder(const Config& config);
// Threads as Cache::open takes them.
Result<std::unique_ptr<Cache>> open_cache(const Config& config, int threads = 1);

}  // namespace hone::cli
