// What many operators share: shape rules, axis handling, and the plain loops of reference kernels.
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/checked.h"
#include "ir/op.h"

namespace hone {

// --- inference ---------------------------------------------------------------------------------

// The type of input 0, dense.
Result<Types> same_as_first(const Infer& c);
// Input 0's dtype, all inputs broadcast together (NumPy rules).
Result<Types> broadcast_all(const Infer& c);
// As broadcast_all, with dtype bool.
Result<Types> broadcast_to_bool(const Infer& c);

// NumPy broadcasting of two shapes. A symbolic extent against a constant other than 1 gives the
// constant. Fails with `shape_mismatch`.
Result<Shape> broadcast(const Shape& a, const Shape& b);
// An axis in [-rank, rank) as [0, rank); the message names `what`. Fails with `bad_attribute`.
Result<int64_t> normal_axis(int64_t axis, int64_t rank, std::string_view what = "axis");
// Same for several; duplicates are refused.
Result<Integers> normal_axes(const Integers& axes, int64_t rank, std::string_view what = "axes");
// The extent that two operands share: a number wins over a symbol, a symbol over the unknown. None
// on contradiction; or an error that names `what`.
std::optional<Dim> same_extent(const Dim& a, const Dim& b);
Result<Dim> same_extent(const Infer& c, const Dim& a, const Dim& b, std::string_view what);
// "shape_mismatch" with a message of the form "<op>: <why>".
Error shape_error(const Infer& c, std::string why);
Error value_error(const Infer& c, std::string why);
Error attribute_error(const Infer& c, std::string why);
Error type_error(const Infer& c, std::string why);
// Fails unless ranked input i has this rank; an unranked one passes.
Status expect_rank(const Infer& c, size_t i, size_t rank);
// Fails unless input i broadcasts to `target` without enlarging it.
Status expect_broadcastable(const Infer& c, size_t i, const Shape& target);
// Fails unless ranked input i has one axis, of this extent where both are known.
Status expect_vector(const Infer& c, size_t i, const Dim& extent);
// A shape from known elements (unknown ones become unknown dims); when the elements are not known
// but their number is, a shape of that rank.
Shape shape_from(const Infer& c, size_t input);

// --- propagation of shape arithmetic -------------------------------------------------------------

// Element-wise on known inputs 0 and 1 with scalar or equal-length broadcasting.
std::optional<Known> propagate_binary(const Infer& c, Dim (*f)(const Dim&, const Dim&));
std::optional<Known> propagate_first(const Infer& c, size_t slot);
// True only if so for all sizes that the symbols can stand for.
bool at_least(const Dim& d, int64_t least);
bool at_most(const Dim& d, int64_t most);

// --- cost ----------------------------------------------------------------------------------------

// `flops` for each element of output 0; everything read and written once.
template <int flops>
Cost elementwise_cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  cost.flops = element_count(out[0].tensor.shape) * Dim(flops);
  return cost;
}
// Moves bytes, computes nothing.
Cost movement_cost(const Infer& c, const Types& out);

// --- reference loops -----------------------------------------------------------------------------

// out[0][i] = f(in[0][i]) in double, rounded once to the dtype.
Status map_real(Call& c, const std::function<double(double)>& f);
// The same where integers stay integers: f for floats, g for integer dtypes (wrap-around).
Status map_number(Call& c, const std::function<double(double)>& f,
                  const std::function<int64_t(int64_t)>& g);
// Broadcast element-wise over all inputs. `f` gets the elements of one position.
Status zip_real(Call& c, const std::function<double(double, double)>& f);
// Floats by f; signed and unsigned integers by g and h; bool by g.
Status zip_number(Call& c, const std::function<double(double, double)>& f,
                  const std::function<int64_t(int64_t, int64_t)>& g,
                  const std::function<uint64_t(uint64_t, uint64_t)>& h);

// Of elements [first, first + n) of x.
struct Moments {
  double mean = 0, variance = 0;
};
Moments moments_of(const Tensor& x, int64_t first, int64_t n);

// The datum as output i, after a check that it is what inference promised, in every item too.
Status hand_on(Call& c, size_t i, Datum datum);

// Walks all positions of `shape` in C order, with the flat offset into each operand given by its
// strides (0 where broadcast). Call next() until it returns false.
class Odometer {
 public:
  Odometer(const Extents& shape, std::vector<std::vector<int64_t>> strides);
  bool empty() const { return empty_; }
  int64_t offset(size_t operand) const { return offsets_[operand]; }
  const Extents& position() const { return position_; }
  bool next();

 private:
  Extents shape_, position_;
  std::vector<std::vector<int64_t>> strides_;
  std::vector<int64_t> offsets_;
  bool empty_;
};
// Strides of an operand of shape `from` broadcast to `to`.
std::vector<int64_t> broadcast_strides(const Extents& from, const Extents& to);

// Calls visit(i, p, q) for all positions of `shape`: flat index and the offsets of a and b there.
template <class F>
void zip(const Tensor& a, const Tensor& b, const Extents& shape, F visit) {
  Odometer at(shape, {broadcast_strides(a.shape(), shape), broadcast_strides(b.shape(), shape)});
  if (at.empty()) return;
  int64_t i = 0;
  do visit(i++, at.offset(0), at.offset(1));
  while (at.next());
}

// Copies element `from` of a to element `to` of b, any dtype including strings and sub-byte.
void copy_element(const Tensor& a, int64_t from, Tensor& b, int64_t to);

// Splits a shape around an axis: elements before, along, after.
struct AxisSplit {
  int64_t outer, axis, inner;
};
AxisSplit split_at(const Extents& shape, int64_t axis);

// --- declarations --------------------------------------------------------------------------------

// y[i] = f(x[i]) for floats.
template <double (*f)(double)>
OpDef real_function(std::string_view name, std::string_view doc, Trait extra = Trait::none) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"x", kFloats, 'T'}},
          .outputs = {{"y", kFloats, 'T'}},
          .traits = Trait::elementwise | extra,
          .infer = same_as_first,
          .reference = [](Call& c) { return map_real(c, f); }};
}

}  // namespace hone
