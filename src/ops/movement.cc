#include "ops/movement.h"

#include <algorithm>
#include <numbers>
#include <numeric>

#include "base/hash.h"

namespace hone {

Status expect_list(const Infer& c, size_t i) {
  if (!c.has(i)) return ok();
  const Shape& shape = c.shape(i);
  if (!shape.ranked) return ok();
  if (shape.rank() > 1)
    return shape_error(
        c, "input " + std::to_string(i) + " must be a vector, has shape " + shape.str());
  if (shape.rank() == 1)
    if (auto n = shape.dims[0].constant(); n && *n > kMaxKnown)
      return shape_error(c, "input " + std::to_string(i) + " has " + std::to_string(*n) +
                                " elements, at most " + std::to_string(kMaxKnown) + " make sense");
  return ok();
}

std::optional<int64_t> list_length(const Infer& c, size_t i) {
  if (const Known* known = c.known(i)) return int64_t(known->size());
  if (!c.has(i) || !c.shape(i).ranked) return std::nullopt;
  if (c.shape(i).rank() == 0) return 1;
  return c.shape(i).dims[0].constant();
}

bool has_elements(const Infer& c, size_t i) {
  if (!c.has(i)) return false;
  const Shape& shape = c.shape(i);
  return !shape.ranked || shape.rank() != 1 || !shape.dims[0].is(0);
}

std::optional<int64_t> rank_of(const Infer& c, size_t i) {
  if (!c.shape(i).ranked) return std::nullopt;
  return int64_t(c.shape(i).rank());
}

Result<Types> fixed_type(DType dtype, std::vector<Dim> dims) {
  return Types{Type(dtype, Shape(std::move(dims)))};
}

Result<Integers> permutation(const Infer& c, int64_t rank) {
  Integers perm(static_cast<size_t>(rank));
  if (!c.given("perm")) {
    std::iota(perm.rbegin(), perm.rend(), 0);
    return perm;
  }
  perm = c.list("perm");
  if (int64_t(perm.size()) != rank)
    return attribute_error(c, "perm has " + std::to_string(perm.size()) + " elements for " +
                                  std::to_string(rank) + " axes");
  return normal_axes(perm, rank, "perm");
}

Status no_negative(const Infer& c, const std::vector<Dim>& dims) {
  for (const Dim& d : dims)
    if (auto n = d.constant(); n && *n < 0)
      return shape_error(c, "the output would have shape " + Shape(dims).str());
  return ok();
}

Status view_as_inferred(Call& c) {
  const Tensor& x = c.in(0);
  const Shape& shape = c.out_type(0).tensor.shape;
  const auto extents = shape.fixed();
  if (!extents || checked_product(*extents) != x.count())
    return shape_error(c, "cannot make " + Shape::of(x.shape()).str() + " into " + shape.str());
  c.set(0, x.reshaped(*extents));
  return ok();
}

Result<int64_t> normal_index(const Infer& c, int64_t index, int64_t extent) {
  if (index < -extent || index >= extent)
    return value_error(c, "index " + std::to_string(index) + " is out of range for " +
                              std::to_string(extent) + " elements");
  return index < 0 ? index + extent : index;
}

Result<Integers> normal_indices(const Infer& c, const Tensor& indices, int64_t extent) {
  Integers out = integers(indices);
  for (int64_t& i : out) i = TRY(normal_index(c, i, extent));
  return out;
}

void fill(Tensor& to, const Tensor& a, int64_t from) {
  for (int64_t i = 0; i < to.count(); ++i) copy_element(a, from, to, i);
}

Result<Merge> merge_named(const Infer& c, const std::string& name) {
  if (name == "none") return Merge::none;
  if (name == "add") return Merge::add;
  if (name == "mul") return Merge::mul;
  if (name == "max") return Merge::max;
  if (name == "min") return Merge::min;
  return attribute_error(c, "reduction must be none, add, mul, max or min, is \"" + name + "\"");
}

Merger::Merger(Merge merge, Tensor& y) : merge_(merge), y_(y), real_(is_float(y.dtype())) {
  if (merge_ == Merge::none || !real_) return;
  sums_ = reals(y);
  touched_.resize(sums_.size());
}

void Merger::update(int64_t at, const Tensor& updates, int64_t from) {
  if (merge_ == Merge::none) return copy_element(updates, from, y_, at);
  if (real_) {
    double& a = sums_[size_t(at)];
    const double b = load_real(updates, from);
    touched_[size_t(at)] = true;
    switch (merge_) {
      case Merge::add: a += b; break;
      case Merge::mul: a *= b; break;
      case Merge::max: a = std::isnan(b) || b > a ? b : a; break;
      default: a = std::isnan(b) || b < a ? b : a; break;
    }
    return;
  }
  const int64_t a = load_integer(y_, at), b = load_integer(updates, from);
  const bool less = is_unsigned(y_.dtype()) ? uint64_t(a) < uint64_t(b) : a < b;
  int64_t merged = a;
  switch (merge_) {
    case Merge::add: merged = int64_t(uint64_t(a) + uint64_t(b)); break;
    case Merge::mul: merged = int64_t(uint64_t(a) * uint64_t(b)); break;
    case Merge::max: merged = less ? b : a; break;
    default: merged = less ? a : b; break;
  }
  store_integer(y_, at, merged);
}

void Merger::finish() {
  for (size_t i = 0; i < touched_.size(); ++i)
    if (touched_[i]) store_real(y_, int64_t(i), sums_[i]);
}

uint64_t random_bits(uint64_t key, uint64_t counter) {
  return finalize64(finalize64(key * 0xd1342543de82ef95u + (counter + 1) * kMixStep));
}

double random_uniform_at(uint64_t key, uint64_t counter) {
  return double(random_bits(key, counter) >> 11) * 0x1p-53;
}

double random_normal_at(uint64_t key, uint64_t counter) {
  const double u = 1 - random_uniform_at(key, 2 * counter);  // (0, 1]
  const double angle = 2 * std::numbers::pi * random_uniform_at(key, 2 * counter + 1);
  return std::sqrt(-2 * std::log(u)) * std::cos(angle);
}

}  // namespace hone
