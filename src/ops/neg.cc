// Negation.
#include "ops/common.h"

namespace hone {

const OpDef& neg_op() {
  static const OpDef def{
      .name = "neg",
      .doc = "-x. The smallest signed integer stays itself.",
      .inputs = {{"x", kFloats | kSigned, 'T'}},
      .outputs = {{"y", kFloats | kSigned, 'T'}},
      .traits = Trait::involution | Trait::elementwise,
      .infer = same_as_first,
      .reference =
          [](Call& c) {
            return map_number(
                c, [](double x) { return -x; }, [](int64_t x) { return int64_t(0 - uint64_t(x)); });
          },
  };
  return def;
}

}  // namespace hone
