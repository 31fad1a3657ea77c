// Element types, their sizes and classes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hone {

enum class DType : uint8_t {
#define DTYPE(id, name, bits, onnx, safetensors) id,
#include "ir/dtype.def"
#undef DTYPE
};

inline constexpr int kDTypes = 0
#define DTYPE(id, name, bits, onnx, safetensors) +1
#include "ir/dtype.def"
#undef DTYPE
    ;

std::string_view name(DType dtype);
std::optional<DType> dtype_named(std::string_view name);
// Bits of one element; 0 for strings, whose elements have no fixed size.
int bits(DType dtype);
// Bytes that `count` elements take; sub-byte types are packed, low bits first. None on overflow.
std::optional<int64_t> bytes_for(DType dtype, int64_t count);
// The number of ONNX's TensorProto.DataType, and back.
int onnx_number(DType dtype);
std::optional<DType> dtype_of_onnx(int64_t number);
// The name in a safetensors header; empty where the format has none.
std::string_view safetensors_name(DType dtype);

// A set of element types.
class DTypes {
 public:
  constexpr DTypes() = default;
  constexpr DTypes(DType d) : mask_(uint64_t{1} << static_cast<int>(d)) {}
  friend constexpr DTypes operator|(DTypes a, DTypes b) { return DTypes(a.mask_ | b.mask_); }
  constexpr bool has(DType d) const { return mask_ >> static_cast<int>(d) & 1; }
  static constexpr DTypes all() { return DTypes((uint64_t{1} << kDTypes) - 1); }

 private:
  constexpr explicit DTypes(uint64_t mask) : mask_(mask) {}
  uint64_t mask_ = 0;
};
constexpr DTypes operator|(DType a, DType b) { return DTypes(a) | DTypes(b); }

inline constexpr DTypes kFloats = DType::f32 | DType::f64 | DType::f16 | DType::bf16;
inline constexpr DTypes kFloat8s =
    DType::f8e4m3fn | DType::f8e4m3fnuz | DType::f8e5m2 | DType::f8e5m2fnuz | DTypes(DType::f8e8m0);
inline constexpr DTypes kMinifloats = kFloat8s | DTypes(DType::f4e2m1);
inline constexpr DTypes kSigned = DType::i8 | DType::i16 | DType::i32 | DTypes(DType::i64);
inline constexpr DTypes kUnsigned = DType::u8 | DType::u16 | DType::u32 | DTypes(DType::u64);
inline constexpr DTypes kInts = kSigned | kUnsigned;
inline constexpr DTypes kSubByteInts = DType::i2 | DType::u2 | DType::i4 | DTypes(DType::u4);
inline constexpr DTypes kIndices = DType::i32 | DType::i64;
inline constexpr DTypes kNumbers = kFloats | kInts;
inline constexpr DTypes kComplex = DType::c64 | DType::c128;
inline constexpr DTypes kAny = DTypes::all();

inline bool is_float(DType d) { return (kFloats | kMinifloats).has(d); }
inline bool is_unsigned(DType d) { return (kUnsigned | DType::u2 | DTypes(DType::u4)).has(d); }
inline bool is_integer(DType d) { return (kInts | kSubByteInts).has(d); }
inline bool is_complex(DType d) { return kComplex.has(d); }

}  // namespace hone
