// The packed weights of block_linear: what the pass that makes them and the kernels agree on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ir/op.h"

namespace hone::block_linear {

// Inputs.
inline constexpr size_t kCodes = 1, kRowScale = 4, kScale = 5, kMinimum = 6, kFine = 7;

// Panels of 16 columns, in units of 32 rows of W: [panels, units, bytes of a unit].
inline constexpr int64_t kColumns = 16, kUnit = 32;
inline constexpr int64_t unit_bytes(int64_t bits) { return kColumns * kUnit * bits / 8; }
inline constexpr bool has_codes_of(int64_t bits) { return (bits >= 2 && bits <= 6) || bits == 8; }

// Codes of other widths than 2, 4 and 8 bits lie in two planes: so many bits in the first one.
inline constexpr int64_t low_bits(int64_t bits) {
  return bits == 3 ? 2 : bits == 5 || bits == 6 ? 4 : bits;
}

// Where row k, 0 <= k < kUnit, and column j lie in a plane of `width` bits.
struct Place {
  int64_t byte, shift;
};
inline constexpr Place place(int64_t width, int64_t k, int64_t j) {
  constexpr int64_t kGroup = 4;
  const int64_t group = k / kGroup;
  return {group % width * kGroup * kColumns + j * kGroup + k % kGroup, group / width * width};
}

// The code of row k and column j of a unit; and puts it there, where there are zeros.
uint8_t code_at(const uint8_t* unit, int64_t bits, int64_t k, int64_t j);
void put_code(uint8_t* unit, int64_t bits, int64_t k, int64_t j, uint8_t code);

// Rows of W, and elements of x, that share a scale where weights are in runs.
inline constexpr int64_t kRun = 256;

// Elements of x that share a scale: those of a block of W, unless the attribute says otherwise.
int64_t row_block(const Infer& c);

// Which inputs of a call the packed weights are.
struct WeightInputs {
  size_t codes = kCodes, scale = kScale, minimum = kMinimum, fine = kFine;
};
// Those of block_gather, behind its indices.
inline constexpr WeightInputs kGatherInputs{1, 2, 3, 4};
// Attributes and types of packed weights for this many rows of W; `columns` of them.
Status expect_weights(const Infer& c, const WeightInputs& in, const Dim& depth);
// The attributes that say how weights lie, for the declaration of an operator.
std::vector<AttrDef> weight_attrs(std::vector<AttrDef> more);

// W[k, j] of packed weights.
class Weights {
 public:
  explicit Weights(const Call& c, const WeightInputs& in = {});
  // As products take it, an integer times a scale, less a minimum: the code less zero, or what it
  // stands for in a table; in runs the level, a signed byte.
  int64_t integer(int64_t k, int64_t j) const;
  // Of the block or run that row k lies in.
  float scale(int64_t k, int64_t j) const { return real_at(in_.scale, k, j); }
  float minimum(int64_t k, int64_t j) const { return real_at(in_.minimum, k, j); }
  bool has_minimum() const { return c_.has(in_.minimum); }
  // Rows that share a scale.
  int64_t scale_rows() const { return block_ * super_; }
  // Column j, `depth` rows, as real numbers: levels before they are rounded.
  void column(int64_t j, int64_t depth, float* to) const;

 private:
  // What codes of a block are before they are rounded: (2^8 q + shift) fine / 2^bits.
  struct Rule {
    int64_t shift = 0, fine = 1;
    int bits = 8;
  };
  Rule rule(int64_t block, int64_t j) const;
  int64_t code(int64_t k, int64_t j) const;
  float real_at(size_t input, int64_t k, int64_t j) const;
  const Call& c_;
  WeightInputs in_;
  int64_t bits_, block_, super_, zero_;
  const int64_t* table_ = nullptr;
};

}  // namespace hone::block_linear
