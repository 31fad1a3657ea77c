// ONNX operators of the family "indexing".
#include "import/onnx/translate.h"

namespace hone::onnx {

std::span<const Translation> indexing_translations() { return {}; }

}  // namespace hone::onnx
