// Positions of the elements that are not zero.
#include "ops/movement.h"

namespace hone {
namespace {

constexpr DTypes kPorts = kNumbers | kMinifloats | kSubByteInts | DType::boolean;

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  std::vector<int64_t> found;
  for (int64_t i = 0; i < x.count(); ++i)
    if (is_float(x.dtype()) ? load_real(x, i) != 0 : load_integer(x, i) != 0) found.push_back(i);
  const auto n = int64_t(found.size());
  Tensor& y = *TRY(c.out(0, {int64_t(x.rank()), n}));
  const std::vector<int64_t> strides = strides_of(x.shape());
  for (size_t axis = 0; axis < x.rank(); ++axis)
    for (int64_t k = 0; k < n; ++k)
      y.as<int64_t>()[size_t(int64_t(axis) * n + k)] =
          found[size_t(k)] / strides[axis] % x.shape()[axis];
  return ok();
}

}  // namespace

const OpDef& non_zero_op() {
  static const OpDef def{
      .name = "non_zero",
      .doc = "The positions of the elements of x that are not zero, in C order, as i64[rank, n].",
      .inputs = {{"x", kPorts}},
      .outputs = {{"positions", DType::i64}},
      .infer =
          [](const Infer& c) {
            const auto rank = rank_of(c, 0);
            return fixed_type(DType::i64, {rank ? Dim(*rank) : Dim::unknown(), Dim::unknown()});
          },
      .reference = reference,
      .examples = {R"(graph non_zero_mask() -> (y) { y = non_zero(i64[2,3]{1, 0, 2, 0, 0, 3}) })"},
  };
  return def;
}

}  // namespace hone
