// ONNX operators of the family "transformer".
#include "import/onnx/translate.h"

namespace hone::onnx {

std::span<const Translation> transformer_translations() { return {}; }

}  // namespace hone::onnx
