// What operators that move, select and address elements share.
#pragma once

#include "ops/common.h"

namespace hone {

// Fails unless input i, if given, is a vector or scalar short enough to be known (axes, pads,
// sizes).
Status expect_list(const Infer& c, size_t i);
// The number of elements of a vector or scalar; none when it cannot be told.
std::optional<int64_t> list_length(const Infer& c, size_t i);
// An optional input is absent, or an empty vector that stands for "not given".
bool has_elements(const Infer& c, size_t i);
// The rank of input i; none when unranked.
std::optional<int64_t> rank_of(const Infer& c, size_t i);
Result<Types> fixed_type(DType dtype, std::vector<Dim> dims);

// The permutation of a transpose of `rank` axes, each in [0, rank): the attribute, checked, or the
// reversal.
Result<Integers> permutation(const Infer& c, int64_t rank);

// Fails when a constant extent is negative.
Status no_negative(const Infer& c, const std::vector<Dim>& dims);
// The kernel of views: output 0 is input 0 under its inferred shape.
Status view_as_inferred(Call& c);

// An index in [-extent, extent) as [0, extent). Fails with `bad_value`.
Result<int64_t> normal_index(const Infer& c, int64_t index, int64_t extent);
// The indices of a tensor normalized against one extent.
Result<Integers> normal_indices(const Infer& c, const Tensor& indices, int64_t extent);

// Visits all positions with `base` added to the first operand's offset: visit(output, input).
template <class F>
void walk(const Extents& shape, std::vector<int64_t> strides, int64_t base, F visit) {
  Odometer at(shape, {std::move(strides)});
  if (at.empty()) return;
  int64_t i = 0;
  do visit(i++, base + at.offset(0));
  while (at.next());
}

// Where the elements of an output come from: position p from base + sum p_i * strides_i.
struct Strided {
  int64_t base = 0;
  std::vector<int64_t> strides;
};
Result<Strided> slice_source(const Call& c);

// The same along each axis for itself: position p from the sum of offsets[i][p_i]; -1: outside.
using AxisOffsets = std::vector<Integers>;
Result<AxisOffsets> pad_source(const Call& c, const Extents& out);

// All elements of `to` become element `from` of a.
void fill(Tensor& to, const Tensor& a, int64_t from);

// Merging of updates into elements ("none", "add", "mul", "max", "min"), exact: floats are kept in
// double until finish().
enum class Merge : uint8_t { none, add, mul, max, min };
Result<Merge> merge_named(const Infer& c, const std::string& name);
class Merger {
 public:
  // `y` holds the elements that are updated.
  Merger(Merge merge, Tensor& y);
  void update(int64_t at, const Tensor& updates, int64_t from);
  void finish();

 private:
  Merge merge_;
  Tensor& y_;
  bool real_;
  std::vector<double> sums_;
  std::vector<bool> touched_;
};

// Uniform random bits that depend on the key and the counter alone (SplitMix64's finalizer).
uint64_t random_bits(uint64_t key, uint64_t counter);
// Uniform in [0, 1) with 53 bits, and standard normal (Box & Muller 1958).
double random_uniform_at(uint64_t key, uint64_t counter);
double random_normal_at(uint64_t key, uint64_t counter);

}  // namespace hone
