// What quantized graphs spell out: real numbers that come from bytes or go to them.
#pragma once

#include <optional>
#include <vector>

#include "passes/byte_panels.h"

namespace hone {

// One scale and zero point for all of the bytes.
struct ByteScale {
  ValueId bytes;
  DType dtype = DType::u8;
  float scale = 1;
  ValueId zero;  // invalid: 0
};
// Where v is what dequantize_linear makes of bytes with a known scale.
std::optional<ByteScale> dequantized(const Model& model, const Graph& graph, ValueId v);
// Where the node makes bytes with a known scale.
std::optional<ByteScale> requantized(const Model& model, const Graph& graph, NodeId node);

class EpilogueChain;
// Takes bytes that are made of the chain's result, and of nothing else of it: sets their zero
// point, and gives what the result is multiplied with; 1 where there are none.
Result<float> take_quantization(Rewriter& rewriter, EpilogueChain& chain, ValueId& zero);
// Numbers that are limited at most become bytes in one step: with other scales, bias and limits,
// which then need no multiplier. Changes these; the multiplier that is left.
float fold_multiplier(float multiplier, EpilogueChain& chain, std::vector<float>& scales,
                      std::vector<float>& bias);

// The operators on two computed operands: into sums, and into bytes again.
struct PairOps {
  std::string_view integer, requantized;
};
// A product of numbers that are made of bytes becomes one of the bytes: quantized again where
// nothing else sees the numbers, or else exact sums that are multiplied with the scales.
Status replace_pair(Rewriter& rewriter, NodeId product, const PairOps& ops, const ByteScale& a,
                    const ByteScale& b);

// The sums of products of bytes have to fit in 32 bits where they stand for real numbers.
inline constexpr int64_t kDeepestSum = int64_t{1} << 15;
// Is the product of two scales as exact as they are? Bytes times an infinite scale, or one that has
// vanished, are not the numbers that they stand for.
bool multiplies_exactly(float a, float b);

// A constant of bytes that stands for real numbers: one scale, or one for each slice of `axis`.
struct ScaledBytes {
  ByteWeights weights;        // dtype, id and zero, for `columns` columns
  std::vector<float> scales;  // one for each column
};
Result<std::optional<ScaledBytes>> scaled_bytes(const Model& model, const Graph& graph, ValueId v,
                                                int32_t axis, int64_t columns);

}  // namespace hone
