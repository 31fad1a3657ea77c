#include "ir/check_data.h"

#include <algorithm>

namespace hone {
namespace {

// A tensor without elements may lie nowhere; one that was never made has no axes either.
bool is_made(const Tensor& tensor) {
  return tensor.defined() ||
         (tensor.count() == 0 && tensor.rank() > 0 && tensor.dtype() != DType::string);
}

bool fits(const Tensor& tensor, const TensorType& type) {
  if (!is_made(tensor) || tensor.dtype() != type.dtype) return false;
  if (!type.shape.ranked) return true;
  if (tensor.rank() != type.shape.rank()) return false;
  for (size_t i = 0; i < tensor.rank(); ++i) {
    const Dim& dim = type.shape.dims[i];
    if (dim.is_constant() && !dim.is(tensor.shape()[i])) return false;
  }
  return true;
}

}  // namespace

bool fits(const Datum& datum, const Type& type) {
  if (type.is_tensor()) return datum.kind == Datum::Kind::tensor && fits(datum.tensor, type.tensor);
  switch (type.wrappers[0]) {
    case Type::Wrapper::sequence:
      if (datum.kind != Datum::Kind::sequence) return false;
      break;
    case Type::Wrapper::optional:
      if (datum.kind != Datum::Kind::optional || datum.items.size() > 1) return false;
      break;
    case Type::Wrapper::map: {
      const Tensor& keys = datum.tensor;
      if (datum.kind != Datum::Kind::map || !is_made(keys) || keys.dtype() != type.key ||
          keys.rank() != 1 || static_cast<size_t>(keys.count()) != datum.items.size())
        return false;
      break;
    }
  }
  const Type element = type.element();
  return std::ranges::all_of(datum.items, [&](const Datum& item) { return fits(item, element); });
}

bool are_booleans(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b <= std::byte{1}; });
}

void normalize_booleans(std::span<std::byte> bytes) {
  for (std::byte& b : bytes) b = std::byte{b != std::byte{0}};
}

}  // namespace hone
