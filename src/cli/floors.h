// `hone validate --floors`: errors beside the largest ones that are accepted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "calibrate/floors.h"
#include "cli/command.h"

namespace hone::cli {

struct FloorsReport {
  std::vector<calibrate::FloorCheck> checks;
  std::optional<size_t> lowered;  // with --lower-floors: floors that are lower or new now
  bool hold() const;
};

// Of whole models on this machine.
struct ModelsError {
  int threads = 1;
  double median = 0;
};

// Compares the calibrations that are part of hone, or --calibration, and the models with --floors;
// writes lower ones with --lower-floors. Fails with `inconclusive` where the file has no floors for
// what there is.
Result<FloorsReport> compare_with_floors(const Arguments& arguments,
                                         std::optional<ModelsError> models);

// Before models are measured: is there something to compare them with?
Status require_model_floor(const Arguments& arguments, int threads);

void write(JsonWriter& json, const FloorsReport& report);
std::string text_of(const FloorsReport& report);

}  // namespace hone::cli
