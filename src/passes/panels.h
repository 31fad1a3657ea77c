// Weights in panels, as kernels read them: [ceil(columns / width)][depth][width].
#pragma once

#include <cstdint>
#include <span>

#include "passes/pass.h"

namespace hone {

// Element [k, j] lies at k * row + j * column.
struct PanelSource {
  const float* data;
  int64_t row, column;
};

inline int64_t panel_count(int64_t columns, int64_t width) { return (columns + width - 1) / width; }

// Column j times factors[j]; zeros after the last column.
void pack_panels(const PanelSource& source, int64_t depth, int64_t columns, int64_t width,
                 std::span<const float> factors, float* out);

// Positions of a kernel, at most, that the channels-last form takes: kernels list them all.
inline constexpr int64_t kMostPositions = 4096;

// What packed weights may take together: twice the weights that the model has, at most the memory
// of a run.
Allowance packing_allowance(const PassContext& c);

// The option `width` of a pass.
Result<int64_t> panel_width(PassContext& c);

// Runs Lowering(context, graph, width, memory) over every graph; all packed weights share the
// memory.
template <class Lowering>
Status lower_with_panels(PassContext& c) {
  const int64_t width = TRY(panel_width(c));
  const Allowance memory = packing_allowance(c);
  for (uint32_t g = 0; g < c.model.graphs.size(); ++g)
    TRY(Lowering(c, GraphId{g}, width, memory).run());
  return ok();
}

}  // namespace hone
