// Attention of some rows of queries to one page of keys and values after the other, with a softmax
// that is put right as larger scores come (Milakov & Gimelshein 2018).
//
// What is computed for a row depends on that row and the pages alone, not on the rows beside it:
// every score and every sum is one chain of fused multiply-adds in a fixed order.
#pragma once

#include <cstdint>

namespace hone::kernels {

inline constexpr int64_t kSlotStep = 16;  // rows of keys and values are padded to such multiples

// Keys [depth][key_step] and values [slots][value_step] of one head of one page, in f32; numbers
// behind the last slot or element are finite.
struct AttentionPage {
  const float* keys = nullptr;
  const float* values = nullptr;
  int64_t key_step = 0, value_step = 0;
};

struct AttentionRows {
  int64_t rows = 0, depth = 0;
  const float* queries = nullptr;  // [rows][depth], scaled
  float cap = 0;                   // scores become cap * tanh(score / cap); 0: they stay
  // Of this page: the slots that each row sees are [first, last).
  const int32_t* first = nullptr;
  const int32_t* last = nullptr;
  // What goes on from page to page; in the beginning -infinity, 0 and 0.
  float* most = nullptr;    // [rows] largest score
  float* sums = nullptr;    // [rows] of exp(score - most)
  float* values = nullptr;  // [rows][value_step] sums of exp(score - most) value
  float* scores = nullptr;  // [rows][key_step] scratch
};

struct PagedAttentionKernels {
  void (*attend)(const AttentionRows& rows, const AttentionPage& page);
};

extern const PagedAttentionKernels kPagedAttentionPortable;
#if defined(__x86_64__)
extern const PagedAttentionKernels kPagedAttentionAvx2;
extern const PagedAttentionKernels kPagedAttentionAvx512;
#endif

// The best ones for the CPU that runs this.
const PagedAttentionKernels& paged_attention_kernels();

}  // namespace hone::kernels
