// What operators that run nested graphs share: matching arguments, conditions, stacking of results.
#pragma once

#include "ops/common.h"

namespace hone {

// Fails unless the graph takes arguments of these types (as far as types are known).
Status expect_arguments(const Infer& c, std::string_view graph, const Types& arguments);
// Fails unless the graph has this many outputs.
Status expect_results(const Infer& c, std::string_view graph, size_t count);
// What a value may be that has one type or the other.
Result<Type> either(const Infer& c, const Type& a, const Type& b);

// The type without an axis, and with one more; unranked types stay so.
Result<Type> without_axis(const Infer& c, const Type& type, int64_t axis);
Result<Type> with_axis(const Infer& c, const Type& type, int64_t axis, Dim extent);

Result<std::vector<Datum>> run_nested(Call& c, std::string_view graph,
                                      std::span<const Datum> arguments);
// The only element of a boolean tensor.
Result<bool> truth(const Infer& c, const Datum& datum);

// Element `index` along an axis, which goes away.
Result<Tensor> slice_at(const Call& c, const Tensor& x, int64_t axis, int64_t index);

// Tensors of one shape gathered over the iterations of a loop, to be joined along a new axis.
class Stack {
 public:
  Status push(const Call& c, const Datum& part);
  // Joined along `axis`, backwards if `reverse`, followed by zeros up to `extent` parts. Without
  // any part the shape is that of `element`, where unknown extents are 0.
  Result<Tensor> join(const Call& c, const TensorType& element, int64_t axis, bool reverse,
                      int64_t extent) const;
  int64_t size() const { return int64_t(parts_.size()); }

 private:
  std::vector<Tensor> parts_;
  uint64_t bytes_ = 0;
};

}  // namespace hone
