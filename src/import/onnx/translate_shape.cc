// ONNX operators of the family "shape".
#include "import/onnx/translate.h"

namespace hone::onnx {

std::span<const Translation> shape_translations() { return {}; }

}  // namespace hone::onnx
