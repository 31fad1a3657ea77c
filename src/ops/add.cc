// Addition with broadcasting.
#include "ops/common.h"

namespace hone {

const OpDef& add_op() {
  static const OpDef def{
      .name = "add",
      .doc = "a + b with NumPy broadcasting. Integers wrap around.",
      .inputs = {{"a", kNumbers, 'T'}, {"b", kNumbers, 'T'}},
      .outputs = {{"sum", kNumbers, 'T'}},
      .traits = Trait::commutative | Trait::elementwise,
      .infer = broadcast_all,
      .propagate =
          [](const Infer& c, size_t) {
            return propagate_binary(c, [](const Dim& a, const Dim& b) { return a + b; });
          },
      .reference =
          [](Call& c) {
            return zip_number(
                c, [](double a, double b) { return a + b; },
                [](int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); },
                [](uint64_t a, uint64_t b) { return a + b; });
          },
  };
  return def;
}

}  // namespace hone
