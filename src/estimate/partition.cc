#include "estimate/partition.h"

#include <algorithm>
#include <unordered_set>

namespace hone::estimate {
namespace {

// Beside the product itself; the order is that of computing.
constexpr std::string_view kEpilogues[] = {"bias", "residual"};

void append(std::string& list, std::string_view what) {
  if (!list.empty()) list += ", ";
  list += what;
}

std::string epilogue_of(const Node& node) {
  std::string with;
  for (size_t i = 0; i < node.inputs.size() && i < node.op->inputs.size(); ++i)
    if (node.inputs[i].valid() &&
        std::ranges::find(kEpilogues, node.op->inputs[i].name) != std::end(kEpilogues))
      append(with, node.op->inputs[i].name);
  for (const NamedAttr& attr : node.attrs)
    if (const auto* text = std::get_if<std::string>(&attr.value);
        text && attr.name == "activation" && *text != "none" && !text->empty())
      append(with, *text);
  return with;
}

}  // namespace

std::vector<Group> partition_of(const Workload& workload) {
  std::vector<Group> groups;
  const Graph& graph = workload.program->model().main();
  for (size_t i = 0; i < workload.steps.size(); ++i) {
    const Step& step = workload.steps[i];
    if (step.nothing) continue;
    const Node& node = graph[step.node];
    Group group{i, std::string(node.op->name), epilogue_of(node), {}};
    if (!node.name.empty()) group.sources.push_back(node.name);
    for (const std::string& source : node.provenance)
      if (source != node.name) group.sources.push_back(source);
    groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<const Group*> largest_groups(const std::vector<Group>& groups, size_t count) {
  std::vector<const Group*> largest;
  for (const Group& g : groups)
    if (g.sources.size() > 1) largest.push_back(&g);
  std::ranges::stable_sort(largest, std::greater<>(),
                           [](const Group* g) { return g->sources.size(); });
  if (largest.size() > count) largest.resize(count);
  return largest;
}

size_t sources_of(const std::vector<Group>& groups) {
  std::unordered_set<std::string_view> seen;
  for (const Group& g : groups) seen.insert(g.sources.begin(), g.sources.end());
  return seen.size();
}

}  // namespace hone::estimate
