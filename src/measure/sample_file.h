// The registry of measurements: raw samples as CSV, only ever appended to, with what they were
// measured on. docs/benchmark.md describes the columns.
//
// A visit (one engine with one case, once) is a block of rows that is written at once and closed by
// a row `visit`, so that whoever dies while writing leaves rows that nothing closes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "measure/energy.h"
#include "measure/noise.h"

namespace hone::measure {

// What one visit belongs to and what it was measured on.
struct VisitKey {
  std::string session;  // what was measured by one command, and what went on with it
  std::string utc;      // 2020-01-02T03:04:05Z
  std::string cpu, kernels, hone;
  double load_average = 0;  // over the last minute, before the visit
  std::string suite, command;
  std::string subject;  // the file, or the operator and its sizes
  std::string engine, version;
  int threads = 1, round = 0;
};

struct VisitEnergy {
  EnergyReading reading;  // of all runs
  int64_t runs = 1;
};

struct Visit {
  VisitKey key;
  std::vector<TimeSample> samples;
  double load_s = 0, first_s = 0;
  uint64_t idle_memory_bytes = 0, resident_memory_bytes = 0, peak_memory_bytes = 0;
  std::vector<VisitEnergy> energy;
};

// The columns, as the first line has them.
std::string_view sample_columns();
// The rows of a visit, without the columns.
std::string rows_of(const Visit& visit);

struct SampleFile {
  std::vector<Visit> visits;  // those that are whole
  size_t abandoned = 0;       // rows of others
};
// Strict but for a last line that is not whole. Fails with `bad_samples` ("FILE:LINE, column NAME:
// what"), or where there is no file.
Result<SampleFile> parse_samples(std::string_view text, const std::string& name);
Result<SampleFile> read_samples(const std::string& path);

// Appends to a file with these columns, or makes one; what is left of a last line is cut off first.
// Others may append meanwhile. Fails with `bad_samples` where the columns are others.
Status append_visits(const std::string& path, const std::vector<Visit>& visits);
// The same with nothing to append: whether it can be done.
Status check_appendable(const std::string& path);

// $XDG_DATA_HOME/hone/measurements, by default ~/.local/share/hone/measurements; empty without a
// home.
std::string user_measurement_folder();
// The file of a CPU in it; empty without a home.
std::string default_sample_file(std::string_view cpu);

std::string utc_now();
double load_average();

}  // namespace hone::measure
