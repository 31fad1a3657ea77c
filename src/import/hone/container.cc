#include "import/hone/container.h"

#include <string_view>

namespace hone {
namespace {

constexpr std::string_view kReserved = "__metadata__";  // no tensor of the container is called so

}  // namespace

std::string tensor_name(const std::string& constant) {
  return constant.starts_with(kReserved) ? constant + "_" : constant;
}

TensorLayout layout_of(const Constant& constant, uint64_t size) {
  const Encoding& encoding = constant.type.encoding;
  const DType stored = encoding.is_dense() ? constant.type.dtype : encoding.storage;
  const auto extents = constant.type.shape.fixed();
  const std::string_view dtype = safetensors_name(stored);
  if (bits(stored) < 8 || !extents || !safetensors_bits(dtype))
    return {"U8", {static_cast<int64_t>(size)}};
  return {std::string(dtype), *extents};
}

SafetensorsSource container_tensor(const Constant& constant, std::span<const std::byte> bytes) {
  TensorLayout layout = layout_of(constant, bytes.size());
  return {tensor_name(constant.name),
          std::move(layout.dtype),
          std::move(layout.shape),
          bytes.size(),
          bytes,
          {}};
}

}  // namespace hone
