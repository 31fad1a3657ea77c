// How a constant or a state is stored, apart from its logical element type and shape.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ir/blocks/block_format.h"
#include "ir/dtype.h"

namespace hone {

// dense:  elements of the logical dtype in C order, sub-byte types packed low bits first.
// affine: integers `storage` with scale (and zero point): x = (q - zero) * scale, per tensor
//         (axis = -1), per slice along `axis` (block = 0), or per `block` elements along `axis`.
//         The bytes are followed by nothing: scale and zero point are constants of their own.
// blocks: blocks of a format, which hold their scales themselves, along the last axis.
struct Encoding {
  enum class Kind : uint8_t { dense, affine, blocks };
  Kind kind = Kind::dense;
  DType storage = DType::i8;  // affine
  int32_t axis = -1;          // affine
  int32_t block = 0;          // affine
  bool has_zero_point = false;
  const BlockFormat* format = nullptr;  // blocks; of all_block_formats()

  static Encoding of_blocks(const BlockFormat& format);
  // Of numbers that are stored as f16 or bf16, and the other way round; none for other dtypes and
  // encodings. The bytes are those of a dense tensor of that dtype.
  static std::optional<Encoding> of_halves(DType dtype);
  std::optional<DType> halves() const;

  bool is_dense() const { return kind == Kind::dense; }
  bool operator==(const Encoding&) const = default;
  std::string str()
      const;  // "" for dense, "affine(i8, axis=0, block=32, zero_point)", "blocks(q4_k)"
};

}  // namespace hone
