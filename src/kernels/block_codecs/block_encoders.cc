#include "kernels/block_codecs/block_encoders.h"

#include <array>

#include "kernels/block_codecs/plain_encoders.h"
#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

// The reference's way without weights, the search with them.
template <EncodeBlocks kPlain, EncodeBlocks SearchedEncoders::* kSearched>
void plain_or_searched(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  if (importance == nullptr) return kPlain(x, nullptr, count, blocks);
  (searched_encoders().*kSearched)(x, importance, count, blocks);
}
template <EncodeBlocks SearchedEncoders::* kSearched>
void searched(const float* x, const float* importance, int64_t count, std::byte* blocks) {
  (searched_encoders().*kSearched)(x, importance, count, blocks);
}

using S = SearchedEncoders;
constexpr std::array kEncoders{
    BlockEncoder{"q4_0", 32, 18, plain_or_searched<plain_q4_0, &S::q4_0>},
    BlockEncoder{"q4_1", 32, 20, plain_or_searched<plain_q4_1, &S::q4_1>},
    BlockEncoder{"q5_0", 32, 22, plain_or_searched<plain_q5_0, &S::q5_0>},
    BlockEncoder{"q5_1", 32, 24, plain_or_searched<plain_q5_1, &S::q5_1>},
    BlockEncoder{"q8_0", 32, 34, plain_q8_0},
    BlockEncoder{"q2_k", 256, 84, searched<&S::q2_k>},
    BlockEncoder{"q3_k", 256, 110, searched<&S::q3_k>},
    BlockEncoder{"q4_k", 256, 144, searched<&S::q4_k>},
    BlockEncoder{"q5_k", 256, 176, searched<&S::q5_k>},
    BlockEncoder{"q6_k", 256, 210, searched<&S::q6_k>},
    BlockEncoder{"iq4_nl", 32, 18, searched<&S::iq4_nl>},
    BlockEncoder{"iq4_xs", 256, 136, searched<&S::iq4_xs>},
    BlockEncoder{"mxfp4", 32, 17, plain_mxfp4},
    BlockEncoder{"nf4", 64, 34, searched<&S::nf4>},
    BlockEncoder{"tq1_0", 256, 54, plain_tq1_0},
    BlockEncoder{"tq2_0", 256, 66, plain_tq2_0},
};

}  // namespace

const SearchedEncoders& searched_encoders() {
#if defined(__x86_64__)
  static const SearchedEncoders& best = best_of(kSearchedPortable, kSearchedAvx2, kSearchedAvx512);
  return best;
#else
  return kSearchedPortable;
#endif
}

const BlockEncoder* block_encoder(std::string_view name) {
  for (const BlockEncoder& encoder : kEncoders) {
    if (encoder.name == name) return &encoder;
  }
  return nullptr;
}

}  // namespace hone::kernels
