// The plots of reports.
#pragma once

#include <string>
#include <vector>

#include "estimate/analysis.h"
#include "estimate/memory_peak.h"
#include "report/document.h"

namespace hone::report {

// Operators by operations for each byte and operations a second, under what the device can do. The
// slowest ones, where there are more than `most`.
Figure roofline(const estimate::Analysis& analysis, size_t most);

// Bytes of the arena that are in use, step by step, with the fullest one.
Figure memory_timeline(const estimate::Workload& workload, const estimate::MemoryPeak& peak);

// What the time is spent waiting for.
Figure bounds(const estimate::Analysis& analysis);

// 90 % intervals one below the other; the first hundred.
struct Interval {
  std::string name;
  estimate::Quantity quantity;
  bool marked = false;
};
Figure intervals(const std::string& title, std::vector<Interval> rows, std::string (*text)(double),
                 const std::string& axis);

}  // namespace hone::report
