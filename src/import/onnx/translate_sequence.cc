// ONNX sequences, optionals and strings.
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

constexpr Translation kTable[] = {
    {"", "ConcatFromSequence", 11, "concat_from_sequence"},
    {"", "Optional", 15, "optional"},
    {"", "OptionalGetElement", 15, "optional_get_element"},
    {"", "OptionalHasElement", 15, "optional_has_element"},
    {"", "RegexFullMatch", 20, "regex_full_match"},
    {"", "SequenceAt", 11, "sequence_at"},
    {"", "SequenceConstruct", 11, "sequence_construct"},
    {"", "SequenceEmpty", 11, "sequence_empty"},
    {"", "SequenceErase", 11, "sequence_erase"},
    {"", "SequenceInsert", 11, "sequence_insert"},
    {"", "SequenceLength", 11, "sequence_length"},
    {"", "SplitToSequence", 11, "split_to_sequence"},
    {"", "StringConcat", 20, "string_concat"},
    {"", "StringNormalizer", 10, "string_normalizer"},
    {"", "StringSplit", 20, "string_split"},
    {"", "TfIdfVectorizer", 9, "tf_idf_vectorizer"},
};

}  // namespace

std::span<const Translation> sequence_translations() { return kTable; }

}  // namespace hone::onnx
