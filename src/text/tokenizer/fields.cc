#include "text/tokenizer/fields.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hone::tokenizer {

Error FieldReader::wrong(std::string_view what) const {
  return fail(ErrorId::malformed, fmt::format("the stored tokenizer names {} (before byte {})",
                                              what, cursor_.offset()));
}

Status FieldReader::characters(std::string& value) {
  TRY(text(value));
  return is_utf8(value) ? ok() : Status(wrong("a text that is not UTF-8"));
}

}  // namespace hone::tokenizer
