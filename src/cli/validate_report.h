// What `hone validate` finds of models, and its JSON and reports.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "calibrate/model_timer.h"
#include "calibrate/published/errors.h"
#include "cli/floors.h"
#include "estimate/analysis.h"
#include "estimate/calibration.h"
#include "estimate/quantity.h"
#include "report/document.h"

namespace hone::cli {

using calibrate::ErrorCase;
using calibrate::ErrorSummary;

struct Prediction {
  std::string model;
  estimate::Quantity latency;
  double macs = 0, bytes = 0, parameters = 0;
  std::vector<estimate::OperatorCost> operators;
  std::vector<std::string> types;  // of each operator
  std::optional<estimate::Quantity> process_memory;
};

struct Outcome {
  Prediction predicted;
  calibrate::ModelTime time;
  double process_bytes = std::numeric_limits<double>::quiet_NaN();  // measured; NaN: it was not
};

// Simpler ways on the same data, each without the model that it estimates.
struct Baseline {
  std::string name;
  ErrorSummary summary;
  std::vector<double> errors;  // of each model, signed; NaN where there is no estimate
};

struct ModelValidation {
  int threads = 1;
  std::string hash;  // SHA-256 of the estimates
  std::vector<Outcome> outcomes;
  std::vector<Baseline> baselines;
};

std::vector<ErrorCase> cases_of(const std::vector<Outcome>& outcomes);
// Of the memory of processes, where it was measured.
std::vector<ErrorCase> memory_cases(const std::vector<Outcome>& outcomes);
// Measured twice: the error that no estimate can be below.
double retest(const std::vector<Outcome>& outcomes);

void write_validation(JsonWriter& json, const ModelValidation& validation,
                      const std::optional<FloorsReport>& floors);
// `calibration` is the one that the estimates rest on; none where it is another machine's.
report::Report validation_report(const ModelValidation& validation,
                                 const std::optional<estimate::Calibration>& calibration);

}  // namespace hone::cli
