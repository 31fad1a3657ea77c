// Arithmetic sequences.
#include <limits>

#include "ops/movement.h"

namespace hone {
namespace {

constexpr DTypes kPorts = kFloats | DType::i16 | DType::i32 | DTypes(DType::i64);

// ceil((limit - start) / delta), at least 0; none on overflow.
std::optional<int64_t> fixed_count(int64_t start, int64_t limit, int64_t delta) {
  using Wide = __int128;
  Wide distance = Wide(limit) - start, step = delta;
  if (step < 0) {
    distance = -distance;
    step = -step;
  }
  if (distance <= 0) return 0;
  const Wide count = (distance + step - 1) / step;
  if (count > std::numeric_limits<int64_t>::max()) return std::nullopt;
  return int64_t(count);
}

const Dim* scalar(const Infer& c, size_t i) {
  const Known* known = c.known(i);
  return known && known->size() == 1 ? &(*known)[0] : nullptr;
}

Result<Types> infer(const Infer& c) {
  for (size_t i = 0; i < 3; ++i)
    if (const Dim count = element_count(c.shape(i)); count.is_constant() && !count.is(1))
      return shape_error(c, "input " + std::to_string(i) + " has " + count.str() + " elements");
  const Dim *start = scalar(c, 0), *limit = scalar(c, 1), *delta = scalar(c, 2);
  if (delta && delta->is(0)) return value_error(c, "delta is 0");
  if (!start || !limit || !delta || !delta->is_constant())
    return fixed_type(c.dtype(0), {Dim::unknown()});
  if (start->is_constant() && limit->is_constant()) {
    const auto count = fixed_count(*start->constant(), *limit->constant(), *delta->constant());
    if (!count) return value_error(c, "the number of elements overflows");
    return fixed_type(c.dtype(0), {*count});
  }
  const bool down = *delta->constant() < 0;
  const Dim distance = down ? *start - *limit : *limit - *start;
  const Dim step = down ? Dim(0) - *delta : *delta;
  return fixed_type(c.dtype(0), {max(ceil_div(distance, step), 0)});
}

std::optional<Known> propagate(const Infer& c, size_t) {
  const Dim *start = scalar(c, 0), *limit = scalar(c, 1), *delta = scalar(c, 2);
  if (!start || !limit || !delta || !delta->is_constant() || delta->is(0)) return std::nullopt;
  const auto length = (*limit - *start).constant();
  if (!length) return std::nullopt;
  const auto count = fixed_count(0, *length, *delta->constant());
  if (!count || *count > kMaxKnown) return std::nullopt;
  Known out;
  for (int64_t i = 0; i < *count; ++i) out.push_back(*start + Dim(i) * *delta);
  return out;
}

Status reference(Call& c) {
  const DType dtype = c.dtype(0);
  if (!is_float(dtype)) {
    const int64_t start = load_integer(c.in(0), 0), delta = load_integer(c.in(2), 0);
    if (delta == 0) return value_error(c, "delta is 0");
    const auto count = fixed_count(start, load_integer(c.in(1), 0), delta);
    if (!count) return value_error(c, "the number of elements overflows");
    Tensor& y = *TRY(c.out(0, {*count}));
    for (int64_t i = 0; i < *count; ++i)
      store_integer(y, i, int64_t(uint64_t(start) + uint64_t(i) * uint64_t(delta)));
    return ok();
  }
  const double start = load_real(c.in(0), 0), delta = load_real(c.in(2), 0);
  const double count = std::ceil((load_real(c.in(1), 0) - start) / delta);
  if (std::isnan(count) || count >= 0x1p62)
    return value_error(c, "the number of elements is " + std::to_string(count));
  Tensor& y = *TRY(c.out(0, {count > 0 ? int64_t(count) : 0}));
  for (int64_t i = 0; i < y.count(); ++i) store_real(y, i, start + double(i) * delta);
  return ok();
}

}  // namespace

const OpDef& range_op() {
  static const OpDef def{
      .name = "range",
      .doc =
          "start, start + delta, … up to and without limit: max(ceil((limit - start) / delta), 0) "
          "elements.",
      .inputs = {{"start", kPorts, 'T'}, {"limit", kPorts, 'T'}, {"delta", kPorts, 'T'}},
      .outputs = {{"y", kPorts, 'T'}},
      .infer = infer,
      .propagate = propagate,
      .reference = reference,
      .examples = {R"(graph range_down() -> (y) { y = range(i64{10}, i64{3}, i64{-2}) })",
                   R"(graph range_real() -> (y) { y = range(f32{0.5}, f32{2.0}, f32{0.25}) })"},
  };
  return def;
}

}  // namespace hone
