#include "ops/common.h"

#include <algorithm>

namespace hone {

Result<Types> same_as_first(const Infer& c) {
  return Types{Type(TensorType{c.dtype(0), c.shape(0), {}})};
}

std::optional<Dim> same_extent(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) {
    if (a != b) return std::nullopt;
    return a;
  }
  if (a.is_constant()) return a;
  if (b.is_constant() || a.is_unknown()) return b;
  return a;
}

Result<Dim> same_extent(const Infer& c, const Dim& a, const Dim& b, std::string_view what) {
  auto same = same_extent(a, b);
  if (same) return *std::move(same);
  return shape_error(c, std::string(what) + " must agree, are " + a.str() + " and " + b.str());
}

Error shape_error(const Infer& c, std::string why) {
  return fail(ErrorId::shape_mismatch, std::string(c.op().name) + ": " + std::move(why));
}
Error value_error(const Infer& c, std::string why) {
  return fail(ErrorId::bad_value, std::string(c.op().name) + ": " + std::move(why));
}
Error type_error(const Infer& c, std::string why) {
  return fail(ErrorId::type_mismatch, std::string(c.op().name) + ": " + std::move(why));
}
Error attribute_error(const Infer& c, std::string why) {
  return fail(ErrorId::bad_attribute, std::string(c.op().name) + ": " + std::move(why));
}

Status hand_on(Call& c, size_t i, Datum datum) {
  if (!datum.is_of(c.out_type(i)))
    return type_error(c, "output " + std::to_string(i) + " is " + datum.type().str() +
                             ", or has an item that is not of this type, instead of " +
                             c.out_type(i).str());
  c.set(i, std::move(datum));
  return ok();
}

Status expect_rank(const Infer& c, size_t i, size_t rank) {
  const Shape& shape = c.shape(i);
  if (!shape.ranked || shape.rank() == rank) return ok();
  return shape_error(c, "input " + std::to_string(i) + " must have " + std::to_string(rank) +
                            " axes, has shape " + shape.str());
}

namespace {

Result<Dim> broadcast_dim(const Dim& a, const Dim& b, const Shape& x, const Shape& y) {
  if (a == b && !a.is_unknown()) return a;
  if (a.is(1)) return b;
  if (b.is(1)) return a;
  if (a.is_constant() && b.is_constant())
    return fail(ErrorId::shape_mismatch, "cannot broadcast " + x.str() + " with " + y.str());
  if (a.is_constant()) return a;  // b is 1 or equal to a
  if (b.is_constant()) return b;
  return broadcast(a, b);
}

}  // namespace

Result<Shape> broadcast(const Shape& a, const Shape& b) {
  if (!a.ranked || !b.ranked) return Shape::unranked();
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  const size_t skip = longer.rank() - shorter.rank();
  Shape out = longer;
  for (size_t i = 0; i < shorter.rank(); ++i)
    out.dims[skip + i] = TRY(broadcast_dim(longer.dims[skip + i], shorter.dims[i], a, b));
  return out;
}

Result<Types> broadcast_all(const Infer& c) {
  Shape shape = c.shape(0);
  for (size_t i = 1; i < c.inputs(); ++i)
    shape = TRY(broadcast(shape, c.shape(i)).context("inferring " + std::string(c.op().name)));
  return Types{Type(c.dtype(0), std::move(shape))};
}

Result<Types> broadcast_to_bool(const Infer& c) {
  Types types = TRY(broadcast_all(c));
  types[0].tensor.dtype = DType::boolean;
  return types;
}

Result<int64_t> normal_axis(int64_t axis, int64_t rank, std::string_view what) {
  if (axis < -rank || axis >= rank)
    return fail(ErrorId::bad_attribute, std::string(what) + " " + std::to_string(axis) +
                                            " is out of range for " + std::to_string(rank) +
                                            " axes");
  return axis < 0 ? axis + rank : axis;
}

Result<Integers> normal_axes(const Integers& axes, int64_t rank, std::string_view what) {
  Integers out;
  std::vector<bool> seen(static_cast<size_t>(rank));
  for (int64_t axis : axes) {
    const int64_t at = TRY(normal_axis(axis, rank, what));
    if (seen[size_t(at)])
      return fail(ErrorId::bad_attribute,
                  std::string(what) + " name axis " + std::to_string(at) + " twice");
    seen[size_t(at)] = true;
    out.push_back(at);
  }
  return out;
}

Status expect_broadcastable(const Infer& c, size_t i, const Shape& target) {
  const Shape& own = c.shape(i);
  if (!own.ranked || !target.ranked) return ok();
  bool fits = own.rank() <= target.rank();
  for (size_t k = 0; fits && k < own.rank(); ++k) {
    const Dim& from = own.dims[own.rank() - 1 - k];
    const Dim& to = target.dims[target.rank() - 1 - k];
    fits = !from.is_constant() || !to.is_constant() || from.is(1) || from == to;
  }
  if (fits) return ok();
  return shape_error(c, "input " + std::to_string(i) + " of shape " + own.str() +
                            " does not broadcast to " + target.str());
}

Status expect_vector(const Infer& c, size_t i, const Dim& extent) {
  TRY(expect_rank(c, i, 1));
  const Shape& shape = c.shape(i);
  if (!shape.ranked || !shape.dims[0].is_constant() || !extent.is_constant() ||
      shape.dims[0] == extent)
    return ok();
  return shape_error(c, "input " + std::to_string(i) + " must have " + extent.str() +
                            " elements, has " + shape.dims[0].str());
}

Shape shape_from(const Infer& c, size_t input) {
  if (const Known* known = c.known(input)) {
    std::vector<Dim> dims = *known;
    for (Dim& d : dims)
      if (auto n = d.constant(); n && *n < 0) d = Dim::unknown();
    return Shape(std::move(dims));
  }
  if (!c.has(input)) return Shape::unranked();
  const Shape& shape = c.shape(input);
  if (shape.ranked && shape.rank() == 1)
    if (auto n = shape.dims[0].constant(); n && *n >= 0 && *n <= kMaxKnown)
      return Shape::unknown(size_t(*n));
  return Shape::unranked();
}

std::optional<Known> propagate_binary(const Infer& c, Dim (*f)(const Dim&, const Dim&)) {
  const Known *a = c.known(0), *b = c.known(1);
  if (!a || !b || a->empty() || b->empty()) return std::nullopt;
  if (a->size() != b->size() && a->size() != 1 && b->size() != 1) return std::nullopt;
  Known out;
  for (size_t i = 0; i < std::max(a->size(), b->size()); ++i) {
    const Dim& x = (*a)[a->size() == 1 ? 0 : i];
    const Dim& y = (*b)[b->size() == 1 ? 0 : i];
    out.push_back(x.is_unknown() || y.is_unknown() ? Dim::unknown() : f(x, y));
  }
  return out;
}

std::optional<Known> propagate_first(const Infer& c, size_t) {
  if (const Known* known = c.known(0)) return *known;
  return std::nullopt;
}

bool at_least(const Dim& d, int64_t least) { return !d.is_unknown() && max(d, least) == d; }
bool at_most(const Dim& d, int64_t most) { return !d.is_unknown() && min(d, most) == d; }

Cost movement_cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  cost.flops = 0;
  return cost;
}

Status map_real(Call& c, const std::function<double(double)>& f) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  for (int64_t i = 0; i < x.count(); ++i) store_real(y, i, f(load_real(x, i)));
  return ok();
}

Status map_number(Call& c, const std::function<double(double)>& f,
                  const std::function<int64_t(int64_t)>& g) {
  const Tensor& x = c.in(0);
  if (is_float(x.dtype())) return map_real(c, f);
  Tensor& y = *TRY(c.out(0));
  for (int64_t i = 0; i < x.count(); ++i) store_integer(y, i, g(load_integer(x, i)));
  return ok();
}

Status zip_real(Call& c, const std::function<double(double, double)>& f) {
  const Tensor &a = c.in(0), &b = c.in(1);
  Tensor& y = *TRY(c.out(0));
  zip(a, b, y.shape(), [&](int64_t i, int64_t p, int64_t q) {
    store_real(y, i, f(load_real(a, p), load_real(b, q)));
  });
  return ok();
}

Status zip_number(Call& c, const std::function<double(double, double)>& f,
                  const std::function<int64_t(int64_t, int64_t)>& g,
                  const std::function<uint64_t(uint64_t, uint64_t)>& h) {
  const Tensor &a = c.in(0), &b = c.in(1);
  if (is_float(a.dtype())) return zip_real(c, f);
  Tensor& y = *TRY(c.out(0));
  const bool natural = is_unsigned(a.dtype());
  zip(a, b, y.shape(), [&](int64_t i, int64_t p, int64_t q) {
    const int64_t u = load_integer(a, p), v = load_integer(b, q);
    store_integer(y, i, natural ? int64_t(h(uint64_t(u), uint64_t(v))) : g(u, v));
  });
  return ok();
}

Moments moments_of(const Tensor& x, int64_t first, int64_t n) {
  Moments m;
  for (int64_t i = first; i < first + n; ++i) m.mean += load_real(x, i);
  m.mean /= double(n);
  for (int64_t i = first; i < first + n; ++i) {
    const double d = load_real(x, i) - m.mean;
    m.variance += d * d;
  }
  m.variance /= double(n);
  return m;
}

Odometer::Odometer(const Extents& shape, std::vector<std::vector<int64_t>> strides)
    : shape_(shape),
      position_(shape.size(), 0),
      strides_(std::move(strides)),
      offsets_(strides_.size(), 0),
      empty_(std::any_of(shape.begin(), shape.end(), [](int64_t d) { return d == 0; })) {}

bool Odometer::next() {
  for (size_t axis = shape_.size(); axis-- > 0;) {
    if (++position_[axis] < shape_[axis]) {
      for (size_t k = 0; k < strides_.size(); ++k) offsets_[k] += strides_[k][axis];
      return true;
    }
    for (size_t k = 0; k < strides_.size(); ++k)
      offsets_[k] -= strides_[k][axis] * (shape_[axis] - 1);
    position_[axis] = 0;
  }
  return false;
}

std::vector<int64_t> broadcast_strides(const Extents& from, const Extents& to) {
  std::vector<int64_t> own = strides_of(from), out(to.size(), 0);
  const size_t skip = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i) out[skip + i] = from[i] == 1 ? 0 : own[i];
  return out;
}

void copy_element(const Tensor& a, int64_t from, Tensor& b, int64_t to) {
  if (a.dtype() == DType::string) {
    b.mutable_strings()[size_t(to)] = a.strings()[size_t(from)];
    return;
  }
  const int width = bits(a.dtype());
  if (width >= 8) {
    const size_t bytes = size_t(width) / 8;
    std::copy_n(a.data() + size_t(from) * bytes, bytes, b.mutable_data() + size_t(to) * bytes);
    return;
  }
  const int per_byte = 8 / width;
  const auto mask = uint8_t((1 << width) - 1);
  const int shift_from = int(from % per_byte) * width, shift_to = int(to % per_byte) * width;
  const uint8_t element =
      uint8_t(std::to_integer<uint8_t>(a.data()[from / per_byte]) >> shift_from) & mask;
  std::byte& target = b.mutable_data()[to / per_byte];
  target = std::byte(uint8_t((std::to_integer<uint8_t>(target) & ~uint8_t(mask << shift_to)) |
                             (element << shift_to)));
}

AxisSplit split_at(const Extents& shape, int64_t axis) {
  AxisSplit split{1, shape.empty() ? 1 : shape[size_t(axis)], 1};
  for (size_t i = 0; i < shape.size(); ++i) {
    if (int64_t(i) < axis) split.outer *= shape[i];
    if (int64_t(i) > axis) split.inner *= shape[i];
  }
  return split;
}

}  // namespace hone
