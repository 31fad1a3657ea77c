#include "ir/dtype.h"

#include <array>

#include "base/checked.h"

namespace hone {
namespace {

struct Row {
  std::string_view name;
  int bits, onnx;
  std::string_view safetensors;
};
constexpr std::array kRows{
#define DTYPE(id, name, bits, onnx, safetensors) Row{name, bits, onnx, safetensors},
#include "ir/dtype.def"
#undef DTYPE
};
const Row& row(DType d) { return kRows[static_cast<size_t>(d)]; }

}  // namespace

std::string_view name(DType dtype) { return row(dtype).name; }
int bits(DType dtype) { return row(dtype).bits; }
int onnx_number(DType dtype) { return row(dtype).onnx; }
std::string_view safetensors_name(DType dtype) { return row(dtype).safetensors; }

std::optional<DType> dtype_named(std::string_view name) {
  for (size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

std::optional<DType> dtype_of_onnx(int64_t number) {
  for (size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].onnx == number) return static_cast<DType>(i);
  return std::nullopt;
}

std::optional<int64_t> bytes_for(DType dtype, int64_t count) {
  if (count < 0) return std::nullopt;
  const int width = bits(dtype);
  if (width >= 8) return checked_mul<int64_t>(count, width / 8);
  if (width == 0) return 0;
  const int per_byte = 8 / width;
  return count / per_byte + (count % per_byte != 0);
}

}  // namespace hone
