// Elements added at, or removed from, both ends of axes.
#include <algorithm>

#include "ops/movement.h"

namespace hone {
namespace {

constexpr int64_t kMost = int64_t{1} << 56;  // of a pad: sums of a few cannot overflow

enum class Mode : uint8_t { constant, reflect, edge, wrap };

Result<Mode> mode_of(const Infer& c) {
  const std::string& name = c.text("mode");
  if (name == "constant") return Mode::constant;
  if (name == "reflect") return Mode::reflect;
  if (name == "edge") return Mode::edge;
  if (name == "wrap") return Mode::wrap;
  return attribute_error(c, "mode must be constant, reflect, edge or wrap, is \"" + name + "\"");
}

// How much is added before and after each axis; none when it cannot be told.
struct Amounts {
  std::vector<Dim> before, after;
};
Result<std::optional<Amounts>> amounts(const Infer& c, int64_t rank) {
  using Maybe = std::optional<Amounts>;
  Integers axes;
  if (c.has(3)) {
    const auto given = c.integers(3);
    if (!given) return Maybe();
    axes = TRY(normal_axes(*given, rank));
  } else {
    for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
  }
  if (auto n = list_length(c, 1); n && *n != 2 * int64_t(axes.size()))
    return shape_error(c,
                       std::to_string(*n) + " pads for " + std::to_string(axes.size()) + " axes");
  const Known* pads = c.known(1);
  if (!pads) return Maybe();
  for (const Dim& pad : *pads)
    if (auto n = pad.constant(); n && (*n > kMost || *n < -kMost))
      return value_error(c, "a pad of " + std::to_string(*n) + " elements");
  Amounts out{std::vector<Dim>(size_t(rank), Dim(0)), std::vector<Dim>(size_t(rank), Dim(0))};
  for (size_t i = 0; i < axes.size(); ++i) {
    out.before[size_t(axes[i])] = (*pads)[i];
    out.after[size_t(axes[i])] = (*pads)[axes.size() + i];
  }
  return Maybe(std::move(out));
}

Result<Types> infer(const Infer& c) {
  TRY(mode_of(c));
  TRY(expect_list(c, 1));
  TRY(expect_list(c, 3));
  const auto rank = rank_of(c, 0);
  if (!rank) return Types{Type(c.dtype(0), Shape::unranked())};
  const auto by = TRY(amounts(c, *rank));
  if (!by) return Types{Type(c.dtype(0), Shape::unknown(size_t(*rank)))};
  std::vector<Dim> dims = c.shape(0).dims;
  for (size_t i = 0; i < dims.size(); ++i) {
    dims[i] = dims[i] + by->before[i] + by->after[i];
    if (dims[i].is_unknown() && c.shape(0).dims[i].is_constant() && by->before[i].is_constant() &&
        by->after[i].is_constant())
      return shape_error(c, "the output is too large to address");
  }
  TRY(no_negative(c, dims));
  return fixed_type(c.dtype(0), std::move(dims));
}

// Where element `at` (relative to the kept elements, of which there are n > 0) is taken from.
int64_t source(Mode mode, int64_t at, int64_t n) {
  if (at >= 0 && at < n) return at;
  switch (mode) {
    case Mode::edge: return at < 0 ? 0 : n - 1;
    case Mode::wrap: return floor_mod(at, n);
    default: break;
  }
  if (n == 1) return 0;
  const int64_t period = 2 * (n - 1), within = floor_mod(at, period);
  return within < n ? within : period - within;
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  Tensor zero = TRY(Tensor::make(x.dtype(), {}));
  const Tensor& outside = c.has(2) ? c.in(2) : zero;
  Tensor& y = *TRY(c.out(0));
  const AxisOffsets from = TRY(pad_source(c, y.shape()));
  if (y.count() == 0) return ok();
  Odometer at(y.shape(), {});
  int64_t to = 0;
  do {
    int64_t offset = 0;
    for (size_t i = 0; i < x.rank() && offset >= 0; ++i) {
      const int64_t part = from[i][size_t(at.position()[i])];
      offset = part < 0 ? -1 : offset + part;
    }
    if (offset < 0)
      copy_element(outside, 0, y, to++);
    else
      copy_element(x, offset, y, to++);
  } while (at.next());
  return ok();
}

}  // namespace

Result<AxisOffsets> pad_source(const Call& c, const Extents& out) {
  const Tensor& x = c.in(0);
  const Mode mode = TRY(mode_of(c));
  const auto by = TRY(amounts(c, int64_t(x.rank())));
  if (!by) return value_error(c, "the pads are not known");
  if (c.has(2) && c.in(2).count() != 1)
    return shape_error(c, "the constant has " + std::to_string(c.in(2).count()) + " elements");
  const std::vector<int64_t> own = strides_of(x.shape());
  AxisOffsets from(x.rank());
  if (std::ranges::count(out, 0) > 0) return from;
  for (size_t i = 0; i < x.rank(); ++i) {
    const int64_t n = x.shape()[i], before = *by->before[i].constant(),
                  after = *by->after[i].constant();
    const int64_t low = before < 0 ? -before : 0, high = after < 0 ? n + after : n;
    if (mode != Mode::constant && high <= low)
      return shape_error(c, "axis " + std::to_string(i) + " has no elements to pad with");
    for (int64_t k = 0; k < out[i]; ++k) {
      const int64_t at = k - before;
      if (mode == Mode::constant)
        from[i].push_back(at >= 0 && at < n ? at * own[i] : -1);
      else
        from[i].push_back((low + source(mode, at - low, high - low)) * own[i]);
    }
  }
  return from;
}

const OpDef& pad_op() {
  static const OpDef def{
      .name = "pad",
      .doc =
          "x with pads = [before each axis…, after each axis…] elements added: a constant "
          "(default 0), mirrored without the edge (reflect), the edge, or wrapped around. "
          "Negative pads remove elements first.",
      .inputs = {{"x", kAny, 'T'},
                 {"pads", DType::i64},
                 {"constant_value", kAny, 'T', Port::Presence::optional},
                 {"axes", kIndices, 0, Port::Presence::optional}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"mode", AttrKind::text, false, "constant",
                 "\"constant\", \"reflect\", \"edge\" or \"wrap\""}},
      .infer = infer,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph pad_constant(x: f32[2,3], v: f32[]) -> (y) {
        y = pad(x, i64[4]{1, -1, 0, 2}, v)
      })",
                   R"(graph pad_reflect(x: f32[2,5]) -> (y) {
        y = pad(x, i64[2]{3, 2}, _, i64[1]{-1}) <mode="reflect">
      })",
                   R"(graph pad_edge(x: f32[2,3]) -> (y) {
        y = pad(x, i64[4]{1, 2, 0, 3}) <mode="edge">
      })",
                   R"(graph pad_wrap(x: f32[2,3]) -> (y) {
        y = pad(x, i64[4]{1, 2, 0, 4}) <mode="wrap">
      })"},
  };
  return def;
}

}  // namespace hone
