#include "passes/panels.h"

#include <algorithm>
#include <charconv>

namespace hone {

void pack_panels(const PanelSource& source, int64_t depth, int64_t columns, int64_t width,
                 std::span<const float> factors, float* out) {
  for (int64_t first = 0; first < columns; first += width) {
    const int64_t used = std::min(width, columns - first);
    const float* from = source.data + first * source.column;
    const float* factor = factors.data() + first;
    for (int64_t k = 0; k < depth; ++k, from += source.row, out += width) {
      for (int64_t j = 0; j < used; ++j) out[j] = factor[j] * from[j * source.column];
      std::fill(out + used, out + width, 0.0f);
    }
  }
}

Allowance packing_allowance(const PassContext& c) {
  constexpr uint64_t kAnySize = uint64_t{64} << 20;
  uint64_t bytes = kAnySize;
  for (const DataSource& source : c.model.sources)
    bytes += 2 * std::min(source.size, c.limits.runtime_memory);
  return std::make_shared<MemoryBudget>(std::min(bytes, c.limits.runtime_memory));
}

Result<int64_t> panel_width(PassContext& c) {
  const std::string& text = c.options["width"];
  int64_t width = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), width);
  if (error == std::errc() && end == text.data() + text.size() && width >= 1 && width <= 1024)
    return width;
  return fail(ErrorId::usage, c.journal.pass + " needs width=W, the columns of a panel");
}

}  // namespace hone
