#include "import/hone/container.h"

#include <algorithm>
#include <string_view>

namespace hone {
namespace {

constexpr std::string_view kReserved = "__metadata__";  // no tensor of the container is called so

}  // namespace

std::string tensor_name(const std::string& constant) {
  if (constant.starts_with(kReserved)) return constant + "_";
  // With more of them in front it could be what another name becomes.
  const size_t marks = std::min(constant.find_first_not_of('_'), constant.size());
  const std::string_view stem = std::string_view(constant).substr(marks);
  const bool taken = marks >= 2 && stem.starts_with(kAttached.substr(2));
  return taken ? "_" + constant : constant;
}

SafetensorsSource attachment_tensor(const std::string& name, std::span<const std::byte> bytes) {
  return {std::string(kAttached) + name, "U8", {int64_t(bytes.size())}, bytes.size(), bytes, {}};
}

TensorLayout layout_of(const Constant& constant, uint64_t size) {
  const DType stored = stored_dtype(constant.type);
  const auto extents = stored_extents(constant.type);
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
