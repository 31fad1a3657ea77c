// Absolute value and sign of numbers.
#include "ops/common.h"

namespace hone {
namespace {

double sign_of(double x) { return std::isnan(x) ? x : double(x > 0) - double(x < 0); }

}  // namespace

const OpDef& abs_op() {
  static const OpDef def{
      .name = "abs",
      .doc = "|x|. The smallest signed integer stays itself.",
      .inputs = {{"x", kNumbers, 'T'}},
      .outputs = {{"y", kNumbers, 'T'}},
      .traits = Trait::idempotent | Trait::elementwise,
      .infer = same_as_first,
      .propagate = [](const Infer& c, size_t) -> std::optional<Known> {
        if (!c.known(0)) return std::nullopt;
        Known out;
        for (const Dim& d : *c.known(0)) out.push_back(max(d, 0 - d));
        return out;
      },
      .reference =
          [](Call& c) {
            const bool natural = is_unsigned(c.dtype(0));
            return map_number(
                c, [](double x) { return std::fabs(x); },
                [natural](int64_t x) { return natural || x >= 0 ? x : int64_t(0 - uint64_t(x)); });
          },
  };
  return def;
}

const OpDef& sign_op() {
  static const OpDef def{
      .name = "sign",
      .doc = "-1, 0 or 1 as x is below, equal to or above 0; NaN stays NaN.",
      .inputs = {{"x", kNumbers, 'T'}},
      .outputs = {{"y", kNumbers, 'T'}},
      .traits = Trait::idempotent | Trait::elementwise,
      .infer = same_as_first,
      .reference =
          [](Call& c) {
            const bool natural = is_unsigned(c.dtype(0));
            return map_number(c, sign_of, [natural](int64_t x) {
              return natural ? int64_t(x != 0) : int64_t(x > 0) - int64_t(x < 0);
            });
          },
  };
  return def;
}

}  // namespace hone
