// ONNX operators of the family "reduction".
#include "import/onnx/translate.h"

namespace hone::onnx {

std::span<const Translation> reduction_translations() { return {}; }

}  // namespace hone::onnx
