// ONNX sequences, optionals and strings.
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Values = std::vector<ValueId>;

Result<Values> sequence_empty(NodeContext& c) {
  return c.emit("sequence_empty", {}, {{"dtype", TRY(c.dtype("dtype", DType::f32))}});
}

Result<Values> optional(NodeContext& c) {
  Builder::Given attrs;
  if (c.has("type")) attrs.emplace_back("type", TRY(c.type("type")));
  return c.emit("optional", c.inputs(), std::move(attrs));
}

constexpr Translation kTable[] = {
    {"", "ConcatFromSequence", 11, "concat_from_sequence"},
    {"", "Optional", 15, {}, optional},
    {"", "OptionalGetElement", 15, "optional_get_element"},
    {"", "OptionalHasElement", 15, "optional_has_element"},
    {"", "SequenceAt", 11, "sequence_at"},
    {"", "SequenceConstruct", 11, "sequence_construct"},
    {"", "SequenceEmpty", 11, {}, sequence_empty},
    {"", "SequenceErase", 11, "sequence_erase"},
    {"", "SequenceInsert", 11, "sequence_insert"},
    {"", "SequenceLength", 11, "sequence_length"},
    {"", "SplitToSequence", 11, "split_to_sequence"},
};

}  // namespace

std::span<const Translation> sequence_translations() { return kTable; }

}  // namespace hone::onnx
