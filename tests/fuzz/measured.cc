// Fuzzes texts of what was measured: the choices in an artefact, the times that the cache
// remembers, and the peaks in a report. Only times that can be, come of them.
#include <stdlib.h>

#include <filesystem>

#include "api/choices.h"
#include "backends/backends.h"
#include "measure/machine_peaks.h"
#include "target.h"

namespace {

void read_choices(std::string_view text) {
  hone::Model model;
  model.metadata[std::string(hone::kChoicesKey)] = text;
  std::vector<hone::Decision> decisions;
  std::string machine;
  for (const hone::v1::Choice& choice : hone::choices_of(model)) {
    decisions.push_back(
        {choice.question, choice.chosen, choice.source, choice.seconds, choice.nodes});
    machine = choice.machine;
  }
  if (decisions.empty()) return;
  model.metadata[std::string(hone::kChoicesKey)] = hone::print_choices(decisions, machine);
  hone::fuzz::require(hone::choices_of(model).size() == decisions.size());
}

void read_peaks(std::string_view text) {
  hone::Host host;
  host.cpu = "x";
  const auto all = hone::measure::read_peaks(text, host);
  hone::fuzz::require_clean(all);
  if (!all) return;
  for (const auto& [threads, peaks] : *all) {
    const auto level = hone::measure::level_of(peaks, host, 1, threads);
    hone::fuzz::require(threads > 0 && level.bytes_per_s >= 0 && peaks.f32_flops >= 0);
  }
}

// A cache in which somebody has written; of this process alone.
class Memory {
 public:
  Memory() {
    std::string folder = (std::filesystem::temp_directory_path() / "hone_fuzz_XXXXXX").string();
    hone::fuzz::require(mkdtemp(folder.data()) != nullptr);
    options_ = {.measure = "cached", .measure_threads = 1, .cache = folder};
    cache_ = hone::Cache::open(folder, 1 << 20).take();
    chooser_ = hone::Chooser::make(options_, hone::cpu_backend(), hone::Model(), limits_).take();
    hone::fuzz::require(recall("").seconds.empty());  // which machine it is, is known from now on
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    std::error_code ignored;
    std::filesystem::remove_all(options_.cache, ignored);
  }

  hone::Times recall(std::string_view text) {
    hone::fuzz::require_clean(cache_->remember(chooser_->machine(), question_.name, text, true));
    return chooser_->choosing().stopwatch(question_);
  }

 private:
  const hone::Limits limits_;
  hone::v1::CompileOptions options_;
  hone::Question question_{"conv", {{"direct", nullptr}, {"winograd", nullptr}}};
  std::unique_ptr<hone::Cache> cache_;
  std::unique_ptr<hone::Chooser> chooser_;
};

void recall_times(std::string_view text) {
  static Memory memory;
  const hone::Times times = memory.recall(text);
  hone::fuzz::require(times.seconds.empty() || times.seconds.size() == 2);
  for (const double seconds : times.seconds) hone::fuzz::require(seconds > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = hone::fuzz::text(data, size);
  if (text.starts_with('{')) {
    read_choices(text);
    read_peaks(text);
  } else {
    recall_times(text);
  }
  return 0;
}
