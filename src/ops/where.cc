// Selection between two tensors by a condition, and limits on the values of one.
#include "ops/common.h"

namespace hone {
namespace {

Result<Types> infer_where(const Infer& c) {
  Shape shape = TRY(broadcast(c.shape(1), c.shape(2)).context("inferring where"));
  shape = TRY(broadcast(c.shape(0), shape).context("inferring where"));
  return Types{Type(c.dtype(1), std::move(shape))};
}

std::optional<Known> propagate_where(const Infer& c, size_t) {
  const Known *condition = c.known(0), *a = c.known(1), *b = c.known(2);
  if (!condition || !a || !b) return std::nullopt;
  size_t n = 1;
  for (const Known* k : {condition, a, b})
    if (k->size() != 1) n = k->size();
  for (const Known* k : {condition, a, b})
    if (k->size() != n && k->size() != 1) return std::nullopt;
  Known out;
  for (size_t i = 0; i < n; ++i) {
    auto element = [&](const Known& k) { return k[k.size() == 1 ? 0 : i]; };
    const Dim which = element(*condition), x = element(*a), y = element(*b);
    if (which.is(1) || x == y)
      out.push_back(x);
    else
      out.push_back(which.is(0) ? y : Dim::unknown());
  }
  return out;
}

Status reference_where(Call& c) {
  const Tensor &condition = c.in(0), &a = c.in(1), &b = c.in(2);
  Tensor& y = *TRY(c.out(0));
  Odometer at(y.shape(),
              {broadcast_strides(condition.shape(), y.shape()),
               broadcast_strides(a.shape(), y.shape()), broadcast_strides(b.shape(), y.shape())});
  if (at.empty()) return ok();
  int64_t i = 0;
  do {
    const bool first = load_integer(condition, at.offset(0)) != 0;
    copy_element(first ? a : b, at.offset(first ? 1 : 2), y, i++);
  } while (at.next());
  return ok();
}

Result<Types> infer_clip(const Infer& c) {
  for (size_t i : {1, 2}) {
    if (!c.has(i) || !c.shape(i).ranked) continue;
    const Dim count = element_count(c.shape(i));
    if (count.is_constant() && !count.is(1))
      return shape_error(
          c, "input " + std::to_string(i) + " must be a scalar, has shape " + c.shape(i).str());
  }
  return same_as_first(c);
}

std::optional<Known> propagate_clip(const Infer& c, size_t) {
  if (!c.known(0)) return std::nullopt;
  Known out;
  for (Dim d : *c.known(0)) {
    for (size_t i : {1, 2}) {
      if (!c.has(i)) continue;
      if (!c.known(i) || c.known(i)->size() != 1) return std::nullopt;
      const Dim& limit = (*c.known(i))[0];
      d = i == 1 ? max(d, limit) : min(d, limit);
    }
    out.push_back(std::move(d));
  }
  return out;
}

template <class T>
T limited(T x, const std::optional<T>& low, const std::optional<T>& high) {
  if (low && x < *low) x = *low;
  if (high && x > *high) x = *high;
  return x;
}

template <class T, class Load>
std::optional<T> bound(Call& c, size_t i, Load load) {
  if (!c.has(i)) return std::nullopt;
  return T(load(c.in(i), 0));
}

Status reference_clip(Call& c) {
  for (size_t i : {1, 2})
    if (c.has(i) && c.in(i).count() != 1)
      return shape_error(c, "input " + std::to_string(i) + " must be a scalar");
  if (is_unsigned(c.dtype(0))) {
    const auto low = bound<uint64_t>(c, 1, load_integer),
               high = bound<uint64_t>(c, 2, load_integer);
    return map_number(c, {}, [=](int64_t x) { return int64_t(limited(uint64_t(x), low, high)); });
  }
  const auto low = bound<double>(c, 1, load_real), high = bound<double>(c, 2, load_real);
  const auto least = bound<int64_t>(c, 1, load_integer), most = bound<int64_t>(c, 2, load_integer);
  return map_number(
      c, [=](double x) { return limited(x, low, high); },
      [=](int64_t x) { return limited(x, least, most); });
}

}  // namespace

const OpDef& where_op() {
  static const OpDef def{
      .name = "where",
      .doc = "x where the condition is true, else y; all three broadcast together.",
      .inputs = {{"condition", DType::boolean}, {"x", kAny, 'T'}, {"y", kAny, 'T'}},
      .outputs = {{"z", kAny, 'T'}},
      .traits = Trait::elementwise,
      .infer = infer_where,
      .propagate = propagate_where,
      .reference = reference_where,
  };
  return def;
}

const OpDef& clip_op() {
  static const OpDef def{
      .name = "clip",
      .doc = "min(max(x, low), high), scalar limits, each optional; high wins when low > high.",
      .inputs = {{"x", kNumbers, 'T'},
                 {"low", kNumbers, 'T', Port::Presence::optional},
                 {"high", kNumbers, 'T', Port::Presence::optional}},
      .outputs = {{"y", kNumbers, 'T'}},
      .traits = Trait::elementwise,
      .infer = infer_clip,
      .propagate = propagate_clip,
      .cost = elementwise_cost<2>,
      .reference = reference_clip,
      .examples = {R"(graph clip_both(x: f32[2,3]) -> (y) { y = clip(x, f32{-0.5}, f32{0.5}) })",
                   R"(graph clip_below(x: i32[2,3]) -> (y) { y = clip(x, i32{2}) })",
                   R"(graph clip_above(x: f32[2,3]) -> (y) { y = clip(x, _, f32{0.5}) })"},
  };
  return def;
}

}  // namespace hone
