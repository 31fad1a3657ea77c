// Conversions of element types.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "backends/cpu/movement.h"
#include "kernels/conversions/conversions.h"

namespace hone::cpu {
namespace {

// Elements of two bytes that hold a float.
struct F16 {
  uint16_t bits;
};
struct Bf16 {
  uint16_t bits;
};

// Calls f with a value of the type of the elements; false for dtypes that are not converted here.
template <class F>
bool with_type(DType dtype, F f) {
  switch (dtype) {
    case DType::f32: f(float{}); return true;
    case DType::f64: f(double{}); return true;
    case DType::f16: f(F16{}); return true;
    case DType::bf16: f(Bf16{}); return true;
    case DType::boolean: f(bool{}); return true;
    case DType::i8: f(int8_t{}); return true;
    case DType::u8: f(uint8_t{}); return true;
    case DType::i16: f(int16_t{}); return true;
    case DType::u16: f(uint16_t{}); return true;
    case DType::i32: f(int32_t{}); return true;
    case DType::u32: f(uint32_t{}); return true;
    case DType::i64: f(int64_t{}); return true;
    default: return false;
  }
}

template <class T>
constexpr bool kHalf = std::is_same_v<T, F16> || std::is_same_v<T, Bf16>;

// Of a float or double: towards zero, kept within the range; NaN is 0.
template <class Y, class X>
Y whole(X x) {
  const auto value = double(x);
  constexpr auto low = double(std::numeric_limits<Y>::min());
  constexpr auto high = double(std::numeric_limits<Y>::max());  // of 64 bits: the next power of two
  if (std::isnan(value)) return 0;
  if (value <= low) return std::numeric_limits<Y>::min();
  if (value >= high) return std::numeric_limits<Y>::max();
  return static_cast<Y>(value);
}

template <class X, class Y>
Y one(X x) {
  if constexpr (std::is_same_v<Y, bool>)
    return x != X{};
  else if constexpr (std::is_floating_point_v<X> && std::is_integral_v<Y>)
    return whole<Y>(x);
  else
    return static_cast<Y>(x);
}

template <class X, class Y>
void convert(const X* x, Y* y, int64_t n) {
  const kernels::ConversionKernels& k = kernels::conversion_kernels();
  const auto bits = [](auto* p) {
    using Bits = std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(p)>>,
                                    const uint16_t, uint16_t>;
    return reinterpret_cast<Bits*>(p);
  };
  if constexpr (std::is_same_v<X, Y>) {
    std::memcpy(y, x, size_t(n) * sizeof(X));
  } else if constexpr (std::is_same_v<X, F16> && std::is_same_v<Y, float>) {
    k.f16_to_f32(bits(x), y, n);
  } else if constexpr (std::is_same_v<X, Bf16> && std::is_same_v<Y, float>) {
    k.bf16_to_f32(bits(x), y, n);
  } else if constexpr (std::is_same_v<X, float> && std::is_same_v<Y, F16>) {
    k.f32_to_f16(x, bits(y), n);
  } else if constexpr (std::is_same_v<X, float> && std::is_same_v<Y, Bf16>) {
    k.f32_to_bf16(x, bits(y), n);
  } else if constexpr (!kHalf<X> && !kHalf<Y>) {
    for (int64_t i = 0; i < n; ++i) y[i] = one<X, Y>(x[i]);
  }
}

// Halves are converted from and to f32 alone: from wider numbers they would be rounded twice.
bool is_converted(DType from, DType to) {
  const auto half = [](DType d) { return d == DType::f16 || d == DType::bf16; };
  const auto known = [](DType d) { return with_type(d, [](auto) {}); };
  if (from == to) return known(from);
  if (half(from)) return to == DType::f32;
  if (half(to)) return from == DType::f32;
  return known(from) && known(to);
}

Support accepts(const Graph& graph, const Node& node) {
  const DType from = graph[node.inputs[0]].type.tensor.dtype;
  const DType to = graph[node.outputs[0]].type.tensor.dtype;
  if (is_converted(from, to)) return yes();
  return no("not from " + std::string(name(from)) + " to " + std::string(name(to)));
}

Status run(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (!is_converted(x.dtype(), y.dtype())) return not_accepted(c);
  with_type(x.dtype(), [&]<class X>(X) {
    with_type(y.dtype(), [&]<class Y>(Y) {
      const X* from = reinterpret_cast<const X*>(x.data());
      Y* to = reinterpret_cast<Y*>(y.mutable_data());
      pool.parallel_for(y.count(), kGrain, [&](int64_t begin, int64_t end) {
        convert(from + begin, to + begin, end - begin);
      });
    });
  });
  return ok();
}

}  // namespace

const CpuKernel cast_kernel{"cast", accepts, run};

}  // namespace hone::cpu
