// From a model file to what one run of it does on the kernels of this build, without packing
// weights.
#pragma once

#include <string>

#include "api/open.h"
#include "estimate/workload.h"
#include "runtime/backend.h"

namespace hone {

struct OpenedWorkload {
  estimate::Workload work;
  std::string format;
  uint64_t file_bytes = 0;
  int64_t parameters = 0;  // elements of constants that are no sizes or axes
};

// Symbols that `bindings` leaves open are 1. A batch is the size of the symbol that is the first
// axis of inputs; fails with `usage` where there is none. 0: as the file has it.
Result<OpenedWorkload> open_workload(const std::string& path, const OpenOptions& options,
                                     const Dim::Bindings& bindings, int64_t batch = 0);

}  // namespace hone
