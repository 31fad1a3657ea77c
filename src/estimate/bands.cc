#include "estimate/bands.h"

#include <algorithm>
#include <array>

#include "base/checked.h"

namespace hone::estimate {
namespace {

// Windows over images with channels last, or first.
constexpr std::array<std::string_view, 6> kWindowsLast{
    "channels_last_conv",     "channels_last_depthwise_conv", "channels_last_separable_conv",
    "channels_last_max_pool", "channels_last_average_pool",   "quantized_conv"};
constexpr std::array<std::string_view, 3> kWindowsFirst{"conv", "max_pool", "average_pool"};
// Each row of the result is made of one row of the first input.
constexpr std::array<std::string_view, 6> kRows{
    "linear", "quantized_linear", "block_linear", "layer_normalization", "rms_normalization",
    "swiglu"};

template <size_t N>
bool has(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

int64_t first_of(const Infer& c, std::string_view attribute) {
  const auto attr = c.attribute(attribute);
  const auto* list = attr ? std::get_if<Integers>(&*attr) : nullptr;
  return list && !list->empty() ? list->front() : 1;
}

}  // namespace

std::optional<int64_t> band_bytes(const Step& step, const Model& model) {
  if (!step.known || step.in->empty() || !step.in->front().type) return std::nullopt;
  const TensorType& tensor = step.in->front().type->tensor;
  const auto shape = tensor.shape.fixed();
  const auto count = shape ? checked_product(*shape) : std::nullopt;
  if (!count || *count == 0 || shape->empty()) return std::nullopt;
  const auto bytes = [&](int64_t elements) { return bytes_for(tensor.dtype, elements); };
  const std::string_view name = step.op->name;
  if (has(kRows, name) || step.op->is(Trait::elementwise)) return bytes(shape->back());
  const bool last = has(kWindowsLast, name);
  if (shape->size() != 4 || !(last || has(kWindowsFirst, name))) return std::nullopt;
  const Infer c = step.call(model);
  // The first convolution of channels_last may read channels first.
  const auto first = c.attribute("channels_first");
  const bool planes =
      !last || (first && std::get_if<int64_t>(&*first) && std::get<int64_t>(*first) != 0);
  const int64_t height = planes ? (*shape)[2] : (*shape)[1];
  const int64_t line = *count / ((*shape)[0] * height);
  const int64_t lines = (first_of(c, "kernel_shape") - 1) * first_of(c, "dilations") + 1;
  return bytes(line * std::min(lines, height));
}

}  // namespace hone::estimate
