// Quantization with one scale for the whole tensor, one for each slice along an axis, or one for
// each block of the last axis.
#include "kernels/quantization/quantization.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/cpu.h"
#include "backends/cpu/epilogue.h"
#include "ops/quantization.h"

namespace hone::cpu {
namespace {

bool is_byte(DType dtype) { return dtype == DType::u8 || dtype == DType::i8; }

// Bytes on one side, f32 on the other, scales without blocks.
Support accepts(const Graph& graph, const Node& node) {
  const auto type = [&](ValueId v) { return graph[v].type.tensor; };
  const DType x = type(node.inputs[0]).dtype, y = type(node.outputs[0]).dtype;
  if (!(is_byte(x) && y == DType::f32) && !(x == DType::f32 && is_byte(y)))
    return no("only f32 and integers of 8 bits");
  if (type(node.inputs[1]).dtype != DType::f32) return no("only scales in f32");
  const Infer c(*node.op, node.attrs, {}, 1);
  const Shape& shape = graph[node.inputs[0]].type.tensor.shape;
  const bool last =
      shape.ranked && (c.integer("axis") == -1 || c.integer("axis") + 1 == int64_t(shape.rank()));
  if (c.integer("block_size") != 0 && !last) return no("blocks of the last axis only");
  // Only quantize_linear has this attribute.
  if (c.attribute("precision") && c.dtype_attr("precision") != DType::f32)
    return no("only with a precision of f32");
  return yes();
}

// Those of each block of the last axis.
template <class F>
void each_block(const Call& c, ThreadPool& pool, F f) {
  const int64_t row = c.in(0).shape().back(), block = c.integer("block_size");
  const int64_t blocks = c.in(1).shape().back(), rows = row == 0 ? 0 : c.in(0).count() / row;
  const auto scale = c.in(1).as<float>();
  pool.parallel_for(rows, 1 + kGrain / (row + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t first = i * row + b * block, s = i * blocks + b;
        const int64_t zero = c.has(2) ? load_integer(c.in(2), s) : 0;
        f(first, std::min(first + block, (i + 1) * row), scale[size_t(s)], int32_t(zero));
      }
  });
}

// Calls f(begin, end, scale, zero) for elements that share a scale, on all threads.
template <class F>
void each_slice(const Call& c, ThreadPool& pool, F f) {
  if (c.integer("block_size") != 0 && c.in(1).count() != 1) return each_block(c, pool, f);
  const Extents& shape = c.in(0).shape();
  const auto scale = c.in(1).as<float>();
  const auto zero = [&](int64_t i) { return c.has(2) ? int32_t(load_integer(c.in(2), i)) : 0; };
  const int64_t count = c.in(0).count();
  if (scale.size() == 1) {
    return pool.parallel_for(count, kGrain,
                             [&](int64_t begin, int64_t end) { f(begin, end, scale[0], zero(0)); });
  }
  if (count == 0) return;
  const int64_t axis = c.integer("axis");
  const AxisSplit s = split_at(shape, axis < 0 ? axis + int64_t(shape.size()) : axis);
  const int64_t grain = std::max<int64_t>(1, kGrain / s.inner);
  pool.parallel_for(s.outer * s.axis, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      f(i * s.inner, (i + 1) * s.inner, scale[size_t(i % s.axis)], zero(i % s.axis));
  });
}

kernels::ByteRange range(DType dtype) {
  return dtype == DType::i8 ? kernels::ByteRange{-128, 127} : kernels::ByteRange{};
}

Status run_quantize(Call& c, ThreadPool& pool) {
  const float* x = c.in(0).as<float>().data();
  Tensor& out = *TRY(c.out(0));
  auto* y = reinterpret_cast<uint8_t*>(out.mutable_data());
  each_slice(c, pool, [&](int64_t begin, int64_t end, float scale, int32_t zero) {
    kernels::quantization_kernels().quantize(x + begin, end - begin, scale, zero,
                                             range(out.dtype()), y + begin);
  });
  return ok();
}

Status run_dequantize(Call& c, ThreadPool& pool) {
  const auto* x = reinterpret_cast<const uint8_t*>(c.in(0).data());
  const bool is_signed = c.dtype(0) == DType::i8;
  float* y = (*TRY(c.out(0))).as<float>().data();
  each_slice(c, pool, [&](int64_t begin, int64_t end, float scale, int32_t zero) {
    kernels::quantization_kernels().dequantize(x + begin, end - begin, is_signed, zero, scale,
                                               y + begin);
  });
  return ok();
}

// Each is divided, which takes longer than moving it; and few rows are to fill all threads.
constexpr int64_t kDynamicGrain = kGrain / 4;

// The range of all of x, from those of its pieces.
kernels::NumberRange range_of_all(const Call& c, ThreadPool& pool, std::span<const float> x) {
  const auto count = int64_t(x.size());
  const auto pieces = c.scratch<kernels::NumberRange>(count / kDynamicGrain + 1);
  pool.parallel_for(count, kDynamicGrain, [&](int64_t begin, int64_t end) {
    kernels::NumberRange part;
    kernels::quantization_kernels().extend(x.data() + begin, end - begin, &part.least, &part.most);
    pieces.data()[begin / kDynamicGrain] = part;
  });
  kernels::NumberRange all;
  for (int64_t i = 0; i * kDynamicGrain < count; ++i) all.extend(pieces.data()[i]);
  return all;
}

Status run_dynamic(Call& c, ThreadPool& pool) {
  const std::span<const float> x = c.in(0).as<float>();
  Tensor& out = *TRY(c.out(0));
  auto* y = reinterpret_cast<uint8_t*>(out.mutable_data());
  kernels::NumberRange range;
  if (c.has(1))
    range = {c.in(1).as<float>()[0], c.in(1).as<float>()[1]};
  else
    range = range_of_all(c, pool, x);
  const float scale = range.most == range.least ? 1.0f : (range.most - range.least) / 255.0f;
  const auto zero = int32_t(requantize(DType::u8, -range.least / scale, 0));
  pool.parallel_for(int64_t(x.size()), kDynamicGrain, [&](int64_t begin, int64_t end) {
    kernels::quantization_kernels().quantize(x.data() + begin, end - begin, scale, zero, {},
                                             y + begin);
  });
  if (c.outputs() > 1) store_real(*TRY(c.out(1)), 0, scale);
  if (c.outputs() > 2) store_integer(*TRY(c.out(2)), 0, zero);
  return ok();
}

kernels::ScaledBytes scaled(const Call& c, size_t input, std::string_view scale) {
  return {reinterpret_cast<const uint8_t*>(c.in(input).data()), c.dtype(input) == DType::i8,
          c.has(input + 2) ? int32_t(load_integer(c.in(input + 2), 0)) : 0, float(c.real(scale))};
}

Status run_add(Call& c, ThreadPool& pool) {
  Tensor& out = *TRY(c.out(0));
  auto* y = reinterpret_cast<uint8_t*>(out.mutable_data());
  const kernels::ScaledBytes a = scaled(c, 0, "a_scale"), b = scaled(c, 1, "b_scale");
  const kernels::ToBytes to{float(c.real("multiplier")), int32_t(load_integer(c.in(4), 0)),
                            range(out.dtype())};
  const kernels::Epilogue activation = epilogue_of(c, c.inputs(), ActivationNames());
  pool.parallel_for(out.count(), kGrain, [&](int64_t begin, int64_t end) {
    const auto from = [&](kernels::ScaledBytes s) {
      s.bytes += begin;
      return s;
    };
    kernels::quantization_kernels().add(from(a), from(b), activation, to, end - begin, y + begin);
  });
  return ok();
}

Support accepts_all(const Graph&, const Node&) { return yes(); }

}  // namespace

const CpuKernel dequantize_linear_kernel{"dequantize_linear", accepts, run_dequantize};
const CpuKernel dynamic_quantize_linear_kernel{"dynamic_quantize_linear", accepts_all, run_dynamic};
const CpuKernel quantized_add_kernel{"quantized_add", accepts_all, run_add,
                                     CpuKernel::InPlace::any};
const CpuKernel quantize_linear_kernel{"quantize_linear", accepts, run_quantize};

}  // namespace hone::cpu
