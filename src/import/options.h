// What the user allows while a model is read, for all importers.
#pragma once

#include <cstdint>

#include "base/limits.h"
#include "base/mapped_file.h"

namespace hone {

// What to do about files of weights that are not there.
enum class MissingWeights : uint8_t {
  refuse,
  leave_out,  // constants name their file, but cannot be read
};

struct ImportOptions {
  Limits limits = {};
  Links links = Links::refuse;  // in the names of files of weights
  MissingWeights missing = MissingWeights::refuse;
};

}  // namespace hone
