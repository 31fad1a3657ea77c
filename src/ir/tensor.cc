// Making tensors: aligned zeroed memory, views, copies, and the types of run-time values.
#include "ir/tensor.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/checked.h"
#include "base/text.h"

namespace hone {
namespace {

constexpr size_t kAlignment = 64;

// For tensors that are small or repeat an existing one.
Tensor make_or_die(DType dtype, Extents shape) {
  auto made = Tensor::make(dtype, std::move(shape), std::numeric_limits<int64_t>::max());
  CHECK(made.ok());
  return made.take();
}

}  // namespace

Result<Tensor> Tensor::make(DType dtype, Extents shape, uint64_t limit) {
  const auto describe = [&] { return TensorType{dtype, Shape::of(shape), {}}.str(); };
  const auto too_large = [&](uint64_t bytes) {
    return fail(ErrorId::over_memory, describe() + " needs " + human_bytes(bytes));
  };
  const auto count = checked_product(shape);
  const auto bytes = count ? bytes_for(dtype, *count) : std::nullopt;
  if (!bytes) return fail(ErrorId::overflow, "the size of " + describe() + " is no 64-bit number");
  Tensor t;
  t.dtype_ = dtype;
  t.count_ = *count;
  if (dtype == DType::string) {
    const auto size = checked_mul<int64_t>(*count, sizeof(std::string));
    if (!size) return fail(ErrorId::overflow, "the size of " + describe() + " overflows");
    if (static_cast<uint64_t>(*size) > limit) return too_large(static_cast<uint64_t>(*size));
    try {
      t.strings_ = std::make_shared<std::vector<std::string>>(static_cast<size_t>(*count));
    } catch (const std::bad_alloc&) {
      return too_large(static_cast<uint64_t>(*size));
    }
    t.shape_ = std::move(shape);
    return t;
  }
  const auto size = static_cast<uint64_t>(*bytes);
  if (size > limit || size > std::numeric_limits<int64_t>::max() - kAlignment)
    return too_large(size);
  // Whole blocks, at least one: kernels may read a full vector, and `data` is never null.
  const size_t room = (size / kAlignment + (size % kAlignment != 0 || size == 0)) * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, room);
  if (memory == nullptr) return too_large(size);
  t.owner_ = std::shared_ptr<void>(memory, std::free);
  std::memset(memory, 0, room);
  t.data_ = static_cast<std::byte*>(memory);
  t.bytes_ = *bytes;
  t.shape_ = std::move(shape);
  return t;
}

Tensor Tensor::view(DType dtype, Extents shape, std::byte* data, std::shared_ptr<void> owner) {
  CHECK(dtype != DType::string);
  const auto count = checked_product(shape);
  CHECK(count.has_value());
  const auto bytes = bytes_for(dtype, *count);
  CHECK(bytes.has_value());
  Tensor t;
  t.dtype_ = dtype;
  t.shape_ = std::move(shape);
  t.count_ = *count;
  t.bytes_ = *bytes;
  t.data_ = data;
  t.owner_ = std::move(owner);
  return t;
}

Tensor Tensor::of_strings(Extents shape, std::vector<std::string> elements) {
  const auto count = checked_product(shape);
  CHECK(count && static_cast<uint64_t>(*count) == elements.size());
  Tensor t;
  t.dtype_ = DType::string;
  t.shape_ = std::move(shape);
  t.count_ = *count;
  t.strings_ = std::make_shared<std::vector<std::string>>(std::move(elements));
  return t;
}

Tensor Tensor::of(Extents shape, std::vector<float> elements) {
  Tensor t = make_or_die(DType::f32, std::move(shape));
  CHECK(static_cast<uint64_t>(t.count()) == elements.size());
  if (!elements.empty()) std::memcpy(t.data_, elements.data(), elements.size() * sizeof(float));
  return t;
}

Tensor Tensor::of(Extents shape, std::vector<int64_t> elements) {
  Tensor t = make_or_die(DType::i64, std::move(shape));
  CHECK(static_cast<uint64_t>(t.count()) == elements.size());
  if (!elements.empty()) std::memcpy(t.data_, elements.data(), elements.size() * sizeof(int64_t));
  return t;
}

Tensor Tensor::scalar(DType dtype, double value) {
  Tensor t = make_or_die(dtype, {});
  store_real(t, 0, value);
  return t;
}

Tensor Tensor::reshaped(Extents shape) const {
  CHECK(checked_product(shape) == count_);
  Tensor t = *this;
  t.shape_ = std::move(shape);
  return t;
}

Tensor Tensor::clone() const {
  if (!defined()) return *this;
  if (strings_ != nullptr) return of_strings(shape_, *strings_);
  Tensor t = make_or_die(dtype_, shape_);
  if (bytes_ > 0) std::memcpy(t.data_, data_, static_cast<size_t>(bytes_));
  return t;
}

Type Datum::type() const {
  if (kind == Kind::tensor) return tensor.type();
  Type element = empty_type;
  for (size_t i = 0; i < items.size(); ++i) {
    // Elements may differ in shape, but not in what they are.
    auto both = i == 0 ? items[i].type() : join(element, items[i].type());
    if (both) element = *std::move(both);
  }
  switch (kind) {
    case Kind::tensor: break;
    case Kind::sequence: return Type::sequence_of(std::move(element));
    case Kind::optional: return Type::optional_of(std::move(element));
    case Kind::map: return Type::map_of(tensor.dtype(), std::move(element));
  }
  return element;
}

std::vector<int64_t> strides_of(const Extents& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) {
    // Strides of a tensor without elements are not used; they may be anything, but not overflow.
    const auto stride = checked_mul(strides[i], shape[i]);
    strides[i - 1] = stride.value_or(0);
  }
  return strides;
}

}  // namespace hone
