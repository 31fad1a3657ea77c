#include "import/arch/encoder.h"

#include <cmath>

#include "import/arch/names.h"

namespace hone::arch {

#define TEXT_ENCODER(name) const TextEncoder& name##_encoder();
#include "import/arch/text_encoders.def"
#undef TEXT_ENCODER

std::span<const TextEncoder* const> all_text_encoders() {
  static const TextEncoder* const kAll[] = {
#define TEXT_ENCODER(name) &name##_encoder(),
#include "import/arch/text_encoders.def"
#undef TEXT_ENCODER
  };
  return kAll;
}

const TextEncoder* text_encoder_of_hf(std::string_view model_type) {
  for (const TextEncoder* e : all_text_encoders())
    if (lists(e->hf_types, model_type)) return e;
  return nullptr;
}

Status StackConfig::check() const {
  constexpr int64_t kMost = 1 << 24;
  TRY(in_range("the number of layers", layers, 1, 4096));
  TRY(in_range("the width", width, 1, kMost));
  TRY(in_range("the number of heads", heads, 1, 65536));
  TRY(in_range("the width of feed-forward", feed_forward, 1, kMost));
  if (width % heads != 0)
    return fail(ErrorId::bad_data, "a width of " + std::to_string(width) +
                                       " does not divide into " + std::to_string(heads) + " heads");
  if (!(epsilon >= 0) || !std::isfinite(epsilon))
    return fail(ErrorId::bad_data, "the epsilon of norms must be a number of at least 0");
  return ok();
}

}  // namespace hone::arch
