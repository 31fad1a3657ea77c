// Run-time data: tensors, and the sequences, optionals and maps that hold them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/memory_budget.h"
#include "base/result.h"
#include "ir/dtype.h"
#include "ir/type.h"

namespace hone {

using Extents = std::vector<int64_t>;

// Elements in C order; sub-byte types packed low bits first. Copies share the bytes: a tensor is
// written only by whoever made it, before it is handed on.
class Tensor {
 public:
  Tensor() = default;
  // Zero-filled. Fails with `overflow` or `over_memory`. Of strings, the elements themselves count,
  // not their characters.
  static Result<Tensor> make(DType dtype, Extents shape,
                             const Allowance& allowance = uint64_t{1} << 40);
  // A view of bytes that `owner` keeps alive (null: the caller does). size must fit.
  static Tensor view(DType dtype, Extents shape, std::byte* data, std::shared_ptr<void> owner);
  static Tensor of_strings(Extents shape, std::vector<std::string> elements);
  // Small tensors for tests and shape arithmetic.
  static Tensor of(Extents shape, std::vector<float> elements);
  static Tensor of(Extents shape, std::vector<int64_t> elements);
  static Tensor scalar(DType dtype, double value);

  DType dtype() const { return dtype_; }
  const Extents& shape() const { return shape_; }
  size_t rank() const { return shape_.size(); }
  int64_t count() const { return count_; }
  int64_t byte_size() const { return bytes_; }
  TensorType type() const { return {dtype_, Shape::of(shape_), {}}; }

  const std::byte* data() const { return data_; }
  std::byte* mutable_data() { return data_; }
  // Unchecked access as C++ type; T's size must be the dtype's.
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data_), static_cast<size_t>(count_)};
  }
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(data_), static_cast<size_t>(count_)};
  }
  const std::vector<std::string>& strings() const { return *strings_; }
  std::vector<std::string>& mutable_strings() { return *strings_; }

  // The same elements under another shape of equal count (shares the bytes).
  Tensor reshaped(Extents shape) const;
  // A deep copy.
  Tensor clone() const;
  Result<Tensor> clone(const Allowance& allowance) const;
  bool defined() const { return data_ != nullptr || strings_ != nullptr; }
  // Is this the one tensor that holds the bytes? Not so for a view of what the caller keeps alive.
  bool sole_owner() const { return (strings_ ? strings_.use_count() : owner_.use_count()) == 1; }

 private:
  DType dtype_ = DType::f32;
  Extents shape_;
  int64_t count_ = 0, bytes_ = 0;
  std::byte* data_ = nullptr;
  std::shared_ptr<void> owner_;
  std::shared_ptr<std::vector<std::string>> strings_;
};

// A run-time value of any type.
struct Datum {
  enum class Kind : uint8_t { tensor, sequence, optional, map };
  Kind kind = Kind::tensor;
  Tensor tensor;             // tensor; map: the keys, one axis
  std::vector<Datum> items;  // sequence: elements; optional: none or one; map: values, by key
  Type empty_type;           // of an empty sequence or optional: what it would hold

  Datum() = default;
  Datum(Tensor t) : tensor(std::move(t)) {}  // NOLINT
  Type type() const;
  // Is it of this type, as far as the type says? Everything in it is looked at; but shapes inside
  // sequences, optionals and maps do not count: they are checked when an element is taken out.
  bool is_of(const Type& wanted) const;
  // What keeping it takes beside the bytes of its tensors: for each item and what is in it.
  uint64_t overhead() const;
};

// Bytes that a tensor takes at least, about.
inline constexpr uint64_t kTensorOverhead = 256;

// Booleans are stored as 0 and 1: other bytes would be true to one reader and false to the next.
bool are_booleans(std::span<const std::byte> bytes);
void normalize_booleans(std::span<std::byte> bytes);  // what is not 0 becomes 1

// The one dtype converter. Elements as double: exact for all floats and for integers up to 2^53.
// Booleans are 0 and 1. Not for strings and complex numbers.
double load_real(const Tensor& t, int64_t index);
// Elements as int64: floats are truncated and saturated, NaN is 0; u64 keeps its bits.
int64_t load_integer(const Tensor& t, int64_t index);
// Stores with the rounding of ONNX Cast: to nearest even for floats, truncation to integers
// with wrap-around from integers and saturation from floats; bool is value != 0.
void store_real(Tensor& t, int64_t index, double value);
void store_integer(Tensor& t, int64_t index, int64_t value);
std::vector<double> reals(const Tensor& t);
std::vector<int64_t> integers(const Tensor& t);

// Bit conversions of the small floats (IEEE round to nearest even).
float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);
// float8/float4 of the given dtype; encoding saturates when `saturate` (else NaN or infinity).
// f8e8m0 rounds away from zero and drops the sign (the default of ONNX Cast); f4e2m1 always
// saturates and writes NaN as -0.
float minifloat_to_f32(DType dtype, uint8_t bits);
uint8_t f32_to_minifloat(DType dtype, float value, bool saturate = true);

// C-order strides of a shape, in elements.
std::vector<int64_t> strides_of(const Extents& shape);

}  // namespace hone
