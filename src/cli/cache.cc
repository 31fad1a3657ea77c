// `hone cache`: what the cache of compiled artefacts holds, and emptying it.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/artefact_cache.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

void write(JsonWriter& json, const Cache& cache, const Cache::Statistics& s, bool cleared) {
  json.begin_object();
  json.member("folder", cache.folder());
  json.member("max_bytes", cache.max_bytes());
  json.member(cleared ? "removed_artefacts" : "artefacts", s.files);
  json.member(cleared ? "removed_bytes" : "bytes", s.bytes);
  json.member(cleared ? "removed_measurements" : "measurements", s.measurements);
  if (!cleared) {
    json.member("hits", s.hits);
    json.member("misses", s.misses);
  }
  json.end_object();
}

std::string report(const Cache& cache, const Cache::Statistics& s) {
  return fmt::format(
      "{}\n{}", printable(cache.folder()),
      table({{"artefacts", std::to_string(s.files)},
             {"size", human_bytes(s.bytes) + " of " + human_bytes(cache.max_bytes())},
             {"measurements", std::to_string(s.measurements)},
             {"hits", std::to_string(s.hits)},
             {"misses", std::to_string(s.misses)}}));
}

Result<int> run(const Arguments& arguments) {
  const bool clear = arguments.positional(0) == "clear";
  if (!clear && arguments.positional(0) != "stats") {
    Error error = fail(ErrorId::usage,
                       "`hone cache` does not know '" + printable(arguments.positional(0)) + "'");
    error.hint = "it takes stats or clear";
    return error;
  }
  const auto cache = TRY(open_cache(arguments.config));
  const Cache::Statistics statistics = TRY(clear ? cache->clear() : cache->statistics());
  if (arguments.json)
    put_json([&](JsonWriter& json) { write(json, *cache, statistics, clear); });
  else if (clear)
    put(fmt::format("{}: {} artefacts removed, {}, and {} measurements\n",
                    printable(cache->folder()), statistics.files, human_bytes(statistics.bytes),
                    statistics.measurements));
  else
    put(report(*cache, statistics));
  return 0;
}

}  // namespace

const Command& cache_command() {
  static const Command command{
      .name = "cache",
      .summary = "What the cache of compiled artefacts holds, or empty it.",
      .examples =
          "$ hone cache stats\n"
          "$ hone cache clear",
      .details =
          "`hone compile` keeps a copy of each artefact, and takes it where the same hone compiles "
          "the\nsame model in the same way again. Settings: cache.dir, cache.max_bytes; what was "
          "not "
          "used for\nlongest goes first. Measured times of kernels, by CPU, are kept there as "
          "well. "
          "Processes may share a\ncache.",
      .positionals = {{"ACTION", "stats or clear"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
