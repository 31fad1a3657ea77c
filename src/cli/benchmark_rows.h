// What `hone benchmark` has measured, as tables, JSON and CSV.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/compiler.h"
#include "measure/benchmark.h"
#include "measure/machine_peaks.h"
#include "measure/sample_file.h"

namespace hone::cli {

struct ModelUnderTest {
  std::string name;  // the file, or the operator and its sizes
  measure::Subject subject;
  std::string expected_from;  // the backend
  std::string precision;      // what most bytes of the weights are stored as
  std::optional<int64_t> macs, flops;
  uint64_t file_bytes = 0;
  std::string op, dims;  // of a single operator; "" for a model
  uint64_t touched = 0;  // bytes of its inputs, weights and outputs
  Compiled compiled;     // where an engine takes it
};

struct Row {
  const ModelUnderTest* model;
  int threads;
  const measure::MachinePeaks* peaks;
  measure::Measured measured;
  bool first = false;  // the engine that others are compared with
  std::optional<measure::Interval>
      ratio;  // of the time to that of the first engine, in the same rounds
};

// Of the peak of multiply-adds of floats.
std::optional<double> fraction_of_peak(const Row& row);

// "machine": what these figures were measured on.
void write_machine(JsonWriter& json);
void write(JsonWriter& json, const measure::MachinePeaks& peaks, int threads);
void write(JsonWriter& json, const Row& row);

std::string report(const measure::MachinePeaks& peaks, int threads);
std::string report(const ModelUnderTest& model, const std::vector<Row>& rows);
std::string report_operators(const std::vector<Row>& rows);

// What the machine is now, for samples.
measure::VisitKey environment_of(const std::string& command);

// Appends all samples to a file as measure/sample_file.h has it.
Status append_samples(const std::string& path, const std::vector<Row>& rows,
                      const std::string& command);

}  // namespace hone::cli
