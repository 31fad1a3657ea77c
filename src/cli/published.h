// `hone calibrate --table` and `hone validate --table | --energy`: estimates from published tables.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "formats/csv.h"

namespace hone::cli {

struct PublishedTable {
  std::string table, features;           // CSV files
  std::string statistic = "avg";         // or min, max
  std::string leave_out = "device";      // the column of what is left out as a whole
  std::vector<std::string> calibration;  // networks; empty: the default ones, or those of the prior
  std::string prior;                     // a file; empty: from the rest of the table
  std::string source;                    // of the measurements, kept in the prior
  std::string output;                    // of calibrate_table
};
struct PublishedEnergy {
  std::string table;  // a CSV file
  std::string calibration_network = "kws";
};

// A CSV file.
Result<CsvTable> open_table(const std::string& path, const Limits& limits);

// The flags that both commands take for tables, behind their own; and what they say. --prior is for
// `hone validate` alone.
std::vector<Flag> with_table_flags(std::vector<Flag> flags);
// Fails with `usage` where a network is named twice, or not at all.
Result<PublishedTable> published_table(const Arguments& arguments);
// Without --table: its flags say nothing.
Status refuse_table_flags(const Arguments& arguments);

// Fits a prior to the table and writes it to `output`. 0, the exit code.
Result<int> calibrate_table(const PublishedTable& what, const Arguments& arguments);
// Prints errors, coverage and ranks for every run and over all, beside baselines. 0; what a user
// wants to hold is for the caller to compare.
Result<int> validate_table(const PublishedTable& what, const Arguments& arguments);
Result<int> validate_energy_table(const PublishedEnergy& what, const Arguments& arguments);

}  // namespace hone::cli
