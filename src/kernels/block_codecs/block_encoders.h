// Makes the blocks of ir/blocks of rows of f32, for each instruction set with the same bits.
//
// The formats with searched scales look for those that give the least weighted squared error:
// sixteen runs (the elements that share a scale) at a time, one in each lane, so that no sum
// crosses lanes. For each run they try a range of scales with the nearest codes and solve for the
// best scale (and offset) of those codes; then the scales are rounded to what the block stores,
// with their neighbours tried on the real error, and the block's own scale is solved for again. The
// plain formats do what their reference does, unless there are weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hone::kernels {

// `count` consecutive blocks of one row; `importance` is null, or has a weight >= 0 for each
// element. What is not finite gives blocks that decode to anything.
using EncodeBlocks = void (*)(const float* x, const float* importance, int64_t count,
                              std::byte* blocks);

struct BlockEncoder {
  std::string_view name;  // as in ir/blocks/block_formats.def
  int64_t elements;       // of a block
  int64_t bytes;
  EncodeBlocks encode;
};
// The encoder of a format for the CPU that runs this; null where there is none.
const BlockEncoder* block_encoder(std::string_view name);

// The encoders of one instruction set.
struct SearchedEncoders {
  EncodeBlocks q4_0, q4_1, q5_0, q5_1;  // with importance only
  EncodeBlocks q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs, nf4;
};
extern const SearchedEncoders kSearchedPortable;
#if defined(__x86_64__)
extern const SearchedEncoders kSearchedAvx2;
extern const SearchedEncoders kSearchedAvx512;
#endif
const SearchedEncoders& searched_encoders();

}  // namespace hone::kernels
