#include "ops/control.h"

#include <algorithm>
#include <cstring>

namespace hone {
namespace {

// Copies `count` elements that lie one after another.
void copy_run(const Tensor& a, int64_t from, Tensor& b, int64_t to, int64_t count) {
  const int width = bits(a.dtype());
  if (a.dtype() == DType::string || width < 8) {
    for (int64_t i = 0; i < count; ++i) copy_element(a, from + i, b, to + i);
    return;
  }
  const int64_t bytes = width / 8;
  if (count > 0)
    std::memcpy(b.mutable_data() + to * bytes, a.data() + from * bytes, size_t(count * bytes));
}

int64_t product(const Extents& shape, size_t from, size_t to) {
  int64_t n = 1;
  for (size_t i = from; i < to; ++i) n *= shape[i];
  return n;
}

uint64_t size_of(const Tensor& t) {
  if (t.dtype() != DType::string) return uint64_t(t.byte_size());
  uint64_t bytes = 0;
  for (const std::string& s : t.strings()) bytes += sizeof s + s.size();
  return bytes;
}

}  // namespace

Status expect_arguments(const Infer& c, std::string_view graph, const Types& arguments) {
  const Types formal = c.graph_inputs(graph);
  if (formal.size() != arguments.size())
    return fail(ErrorId::bad_arity, std::string(c.op().name) + ": the graph '" +
                                        std::string(graph) + "' takes " +
                                        std::to_string(formal.size()) + " inputs, is given " +
                                        std::to_string(arguments.size()));
  for (size_t i = 0; i < formal.size(); ++i)
    if (!compatible(formal[i], arguments[i]))
      return type_error(c, "input " + std::to_string(i) + " of the graph '" + std::string(graph) +
                               "' takes " + formal[i].str() + ", is given " + arguments[i].str());
  return ok();
}

Status expect_results(const Infer& c, std::string_view graph, size_t count) {
  const size_t have = c.graph_outputs(graph).size();
  if (have == count) return ok();
  return fail(ErrorId::bad_arity, std::string(c.op().name) + ": the graph '" + std::string(graph) +
                                      "' has " + std::to_string(have) + " outputs, " +
                                      std::to_string(count) + " are needed");
}

Result<Type> either(const Infer& c, const Type& a, const Type& b) {
  auto both = join(a, b);
  if (!both) return type_error(c, "a value cannot be " + a.str() + " or " + b.str());
  both->tensor.encoding = {};
  return *std::move(both);
}

Result<Type> without_axis(const Infer& c, const Type& type, int64_t axis) {
  if (!type.is_tensor()) return type_error(c, "cannot slice " + type.str());
  Type out(type.tensor.dtype, type.tensor.shape);
  if (!out.tensor.shape.ranked) return out;
  auto& dims = out.tensor.shape.dims;
  dims.erase(dims.begin() + TRY(normal_axis(axis, int64_t(dims.size()))));
  return out;
}

Result<Type> with_axis(const Infer& c, const Type& type, int64_t axis, Dim extent) {
  if (!type.is_tensor()) return type_error(c, "cannot stack " + type.str());
  Type out(type.tensor.dtype, type.tensor.shape);
  if (!out.tensor.shape.ranked) return out;
  auto& dims = out.tensor.shape.dims;
  dims.insert(dims.begin() + TRY(normal_axis(axis, int64_t(dims.size()) + 1)), std::move(extent));
  return out;
}

Result<std::vector<Datum>> run_nested(Call& c, std::string_view graph,
                                      std::span<const Datum> arguments) {
  if (!c.runner) return fail(ErrorId::internal, "nested graphs cannot be run here");
  auto results = TRY(c.runner->run(c.graph(graph), arguments));
  if (results.size() != c.graph_outputs(graph).size())
    return fail(ErrorId::internal, "a nested graph gave a wrong number of outputs");
  return results;
}

Result<bool> truth(const Infer& c, const Datum& datum) {
  if (datum.kind != Datum::Kind::tensor || datum.tensor.dtype() != DType::boolean ||
      datum.tensor.count() != 1)
    return shape_error(c, "a condition must be a single boolean, is " + datum.type().str());
  return load_integer(datum.tensor, 0) != 0;
}

Result<Tensor> slice_at(const Call& c, const Tensor& x, int64_t axis, int64_t index) {
  const auto [outer, extent, inner] = split_at(x.shape(), axis);
  Extents shape = x.shape();
  shape.erase(shape.begin() + axis);
  Tensor y = TRY(Tensor::make(x.dtype(), std::move(shape), c.memory_limit));
  for (int64_t o = 0; o < outer; ++o)
    copy_run(x, (o * extent + index) * inner, y, o * inner, inner);
  return y;
}

Status Stack::push(const Call& c, const Datum& part) {
  if (part.kind != Datum::Kind::tensor) return type_error(c, "cannot stack " + part.type().str());
  const Tensor& t = part.tensor;
  if (!parts_.empty() && t.dtype() != parts_[0].dtype())
    return type_error(c, "cannot stack " + part.type().str() + " on " + parts_[0].type().str());
  if (!parts_.empty() && t.shape() != parts_[0].shape())
    return shape_error(c, "cannot stack " + part.type().str() + " on " + parts_[0].type().str());
  const auto total = checked_add(bytes_, size_of(t));
  if (!total || *total > c.memory_limit.bytes())
    return fail(ErrorId::over_memory, std::string(c.op().name) + ": the outputs of " +
                                          std::to_string(parts_.size() + 1) +
                                          " iterations take too much memory");
  bytes_ = *total;
  parts_.push_back(t);
  return ok();
}

Result<Tensor> Stack::join(const Call& c, const TensorType& element, int64_t axis, bool reverse,
                           int64_t extent) const {
  Extents shape;
  if (!parts_.empty())
    shape = parts_[0].shape();
  else if (element.shape.ranked)
    for (const Dim& d : element.shape.dims) shape.push_back(d.constant().value_or(0));
  const auto at = size_t(TRY(normal_axis(axis, int64_t(shape.size()) + 1)));
  shape.insert(shape.begin() + int64_t(at), extent);
  const DType dtype = parts_.empty() ? element.dtype : parts_[0].dtype();
  Tensor y = TRY(Tensor::make(dtype, shape, c.memory_limit));
  if (y.count() == 0) return y;
  const int64_t outer = product(shape, 0, at), inner = product(shape, at + 1, shape.size());
  for (int64_t k = 0; k < size(); ++k) {
    const Tensor& part = parts_[size_t(reverse ? size() - 1 - k : k)];
    for (int64_t o = 0; o < outer; ++o)
      copy_run(part, o * inner, y, (o * extent + k) * inner, inner);
  }
  return y;
}

}  // namespace hone
