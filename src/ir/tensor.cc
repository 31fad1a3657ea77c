// Making tensors: aligned zeroed memory, views, copies, and the types of run-time values.
#include "ir/tensor.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/checked.h"
#include "base/pages.h"
#include "base/text.h"

namespace hone {
namespace {

// Bytes of a budget, for as long as it lives.
struct Taken {
  std::shared_ptr<MemoryBudget> budget;
  uint64_t bytes;
  Taken(std::shared_ptr<MemoryBudget> of, uint64_t n) : budget(std::move(of)), bytes(n) {}
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;
  ~Taken() { budget->give(bytes); }
};

// Memory, and what it takes of a budget.
struct Owned {
  std::shared_ptr<void> taken;
  std::shared_ptr<void> memory;
  Owned(std::shared_ptr<void> of, std::shared_ptr<void> m)
      : taken(std::move(of)), memory(std::move(m)) {}
};

// For tensors that are small or repeat an existing one.
Tensor make_or_die(DType dtype, Extents shape) {
  auto made = Tensor::make(dtype, std::move(shape), std::numeric_limits<int64_t>::max());
  CHECK(made.ok());
  return made.take();
}

}  // namespace

Result<Tensor> Tensor::make(DType dtype, Extents shape, const Allowance& allowance) {
  const auto describe = [&] { return TensorType{dtype, Shape::of(shape), {}}.str(); };
  const auto count = checked_product(shape);
  const auto bytes = count ? bytes_for(dtype, *count) : std::nullopt;
  const auto size =
      dtype == DType::string && count ? checked_mul<int64_t>(*count, sizeof(std::string)) : bytes;
  if (!bytes || !size)
    return fail(ErrorId::overflow, "the size of " + describe() + " is no 64-bit number");
  const auto needed = static_cast<uint64_t>(*size);
  const auto too_large = [&] {
    const uint64_t left = allowance.bytes();
    return fail(ErrorId::over_memory,
                describe() + " needs " + human_bytes(needed) +
                    (left < needed ? ", " + human_bytes(left) + " may be used" : std::string()));
  };
  const auto not_given = [&] {
    Error error = fail(ErrorId::over_memory,
                       "the system does not give " + human_bytes(needed) + " for " + describe());
    error.hint = "it has no more memory for this process; try smaller inputs or another machine";
    return error;
  };
  if (needed > allowance.bytes()) return too_large();
  std::shared_ptr<void> taken;
  if (allowance.budget()) {
    // Tensors of few bytes cost what it takes to keep them.
    const uint64_t cost = std::max(needed, kTensorOverhead);
    if (!allowance.budget()->take(cost)) return too_large();
    taken = std::make_shared<Taken>(allowance.budget(), cost);
  }
  Tensor t;
  t.dtype_ = dtype;
  t.count_ = *count;
  t.bytes_ = *bytes;
  t.shape_ = std::move(shape);
  if (dtype == DType::string) {
    try {
      t.strings_ = std::make_shared<std::vector<std::string>>(static_cast<size_t>(*count));
    } catch (const std::bad_alloc&) {
      return not_given();
    }
    t.owner_ = std::move(taken);
    return t;
  }
  std::shared_ptr<std::byte> memory = zeroed_memory(needed);
  if (!memory) return not_given();
  t.data_ = memory.get();
  t.owner_ = std::move(memory);
  if (taken) t.owner_ = std::make_shared<Owned>(std::move(taken), std::move(t.owner_));
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

Result<Tensor> Tensor::clone(const Allowance& allowance) const {
  if (!defined()) return *this;
  Tensor t = TRY(make(dtype_, shape_, allowance));
  if (strings_ != nullptr) *t.strings_ = *strings_;
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

namespace {

// `depth` wrappers of the type have been opened.
bool is_of(const Datum& datum, const Type& wanted, size_t depth) {
  if (depth == wanted.wrappers.size()) {
    const Tensor& t = datum.tensor;
    const Shape& shape = wanted.tensor.shape;
    if (datum.kind != Datum::Kind::tensor || !t.defined() || t.dtype() != wanted.tensor.dtype)
      return false;
    if (!shape.ranked || depth > 0) return true;
    if (shape.rank() != t.rank()) return false;
    for (size_t i = 0; i < t.rank(); ++i)
      if (shape.dims[i].is_constant() && !shape.dims[i].is(t.shape()[i])) return false;
    return true;
  }
  switch (wanted.wrappers[depth]) {
    case Type::Wrapper::sequence:
      if (datum.kind != Datum::Kind::sequence) return false;
      break;
    case Type::Wrapper::optional:
      if (datum.kind != Datum::Kind::optional || datum.items.size() > 1) return false;
      break;
    case Type::Wrapper::map:
      if (datum.kind != Datum::Kind::map || !datum.tensor.defined() ||
          datum.tensor.dtype() != wanted.key ||
          uint64_t(datum.tensor.count()) != datum.items.size())
        return false;
      break;
  }
  return std::ranges::all_of(datum.items,
                             [&](const Datum& item) { return is_of(item, wanted, depth + 1); });
}

}  // namespace

uint64_t Datum::overhead() const {
  uint64_t bytes = items.size() * (sizeof(Datum) + kTensorOverhead);
  for (const Datum& item : items) bytes += item.overhead();
  return bytes;
}

bool Datum::is_of(const Type& wanted) const { return hone::is_of(*this, wanted, 0); }

bool are_booleans(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b <= std::byte{1}; });
}

void normalize_booleans(std::span<std::byte> bytes) {
  for (std::byte& b : bytes) b = std::byte{b != std::byte{0}};
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
