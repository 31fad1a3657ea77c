// ONNX operators of the family "sequence".
#include "import/onnx/translate.h"

namespace hone::onnx {

std::span<const Translation> sequence_translations() { return {}; }

}  // namespace hone::onnx
