// ONNX operators of the family "math".
#include "import/onnx/translate.h"

namespace hone::onnx {

std::span<const Translation> math_translations() { return {}; }

}  // namespace hone::onnx
