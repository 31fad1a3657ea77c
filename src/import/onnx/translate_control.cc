// ONNX operators of the family "control".
#include "import/onnx/translate.h"

namespace hone::onnx {

std::span<const Translation> control_translations() { return {}; }

}  // namespace hone::onnx
