// How constants lie in a safetensors file: names, element types and shapes of their tensors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/safetensors.h"
#include "ir/model.h"

namespace hone {

// The name of the tensor of a named constant: injective, never the one that the format reserves,
// and never that of an attachment.
std::string tensor_name(const std::string& constant);

// Attachments are tensors of bytes, of names that begin so.
inline constexpr std::string_view kAttached = "__attached__.";
SafetensorsSource attachment_tensor(const std::string& name, std::span<const std::byte> bytes);

// Bytes where the format has no such element type, or elements of less than a byte.
struct TensorLayout {
  std::string dtype;
  std::vector<int64_t> shape;
};
TensorLayout layout_of(const Constant& constant, uint64_t size);

// The tensor of a named constant that holds these bytes, which must outlive it.
SafetensorsSource container_tensor(const Constant& constant, std::span<const std::byte> bytes);

}  // namespace hone
