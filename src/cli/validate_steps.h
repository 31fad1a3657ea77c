// Single steps of validated models: their errors by family of kernels, and their times as a table
// that stands in for measuring.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/validate_report.h"
#include "formats/csv.h"

namespace hone::cli {

// Steps of one family in all models.
struct FamilyErrors {
  double estimated = 0, measured = 0;  // seconds of all
  std::vector<ErrorCase> cases;
};
std::map<std::string, FamilyErrors> families_of(const std::vector<Outcome>& outcomes);
std::string families_text(const std::vector<Outcome>& outcomes);

// Estimate and measurement of every step and of whole runs, with a header line.
std::string steps_csv(const std::vector<Outcome>& outcomes);
// Times that an earlier run wrote so.
Result<std::vector<calibrate::ModelTime>> recorded_times(
    const CsvTable& table, const std::vector<Prediction>& predictions);

}  // namespace hone::cli
