// What of the model each step computes: lowering makes one step of several nodes of the file.
#pragma once

#include <string>
#include <vector>

#include "estimate/workload.h"

namespace hone::estimate {

struct Group {
  size_t step = 0;
  std::string op;
  std::string with;                  // "bias, residual, relu": what else the kernel computes
  std::vector<std::string> sources;  // nodes of the file, in the order of the lineage
};

// A group for each step that computes something.
std::vector<Group> partition_of(const Workload& workload);
// Of several nodes of the file, most first.
std::vector<const Group*> largest_groups(const std::vector<Group>& groups, size_t count);
// How many nodes of the file the groups stand for; each is counted once.
size_t sources_of(const std::vector<Group>& groups);

}  // namespace hone::estimate
