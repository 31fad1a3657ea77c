// 16-bit floats as constants of their own dtype, and as f32 that is stored in them: the same bytes.
#pragma once

#include <optional>

#include "ir/model.h"

namespace hone {

// A dense constant of f16 or bf16 as f32; none of others, and of scalars: blocks lie along an axis.
inline std::optional<Constant> stored_wide(const Constant& halves) {
  const auto encoding = Encoding::of_halves(halves.type.dtype);
  if (!encoding || !halves.type.encoding.is_dense() || halves.type.shape.rank() == 0)
    return std::nullopt;
  Constant wide = halves;
  wide.type.dtype = DType::f32;
  wide.type.encoding = *encoding;
  return wide;
}

// The other way round; none where the constant is not stored so.
inline std::optional<Constant> stored_dense(const Constant& wide) {
  const auto dtype = wide.type.encoding.halves();
  if (!dtype) return std::nullopt;
  Constant halves = wide;
  halves.type.dtype = *dtype;
  halves.type.encoding = {};
  return halves;
}

}  // namespace hone
