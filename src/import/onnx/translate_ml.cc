// ONNX operators of the family "ml".
#include "import/onnx/translate.h"

namespace hone::onnx {

std::span<const Translation> ml_translations() { return {}; }

}  // namespace hone::onnx
