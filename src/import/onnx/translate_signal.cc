// ONNX signal processing: Fourier transforms, windows, the mel scale.
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Values = std::vector<ValueId>;

// Before opset 20 the axis was an attribute.
Result<Values> dft_17(NodeContext& c) {
  const int64_t axis = TRY(c.integer("axis", 1));
  Builder::Given attrs;
  for (const char* name : {"inverse", "onesided"})
    if (c.has(name)) attrs.emplace_back(name, TRY(c.integer(name)));
  const ValueId at = c.builder().constant(Tensor::scalar(DType::i64, double(axis)));
  return c.emit("dft", {c.input(0), c.input(1), at}, std::move(attrs));
}

constexpr Translation kTable[] = {
    {"", "BlackmanWindow", 17, "blackman_window"},
    {"", "DFT", 17, {}, dft_17, first_inputs(1)},
    {"", "DFT", 20, "dft"},
    {"", "HammingWindow", 17, "hamming_window"},
    {"", "HannWindow", 17, "hann_window"},
    {"", "MelWeightMatrix", 17, "mel_weight_matrix"},
    {"", "STFT", 17, "stft"},
};

}  // namespace

std::span<const Translation> signal_translations() { return kTable; }

}  // namespace hone::onnx
