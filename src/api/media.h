// Images and recordings as inputs.
//
// The file has exactly the size of the input; nothing is resized, cropped or resampled. Sizes that
// are bound are known, others are taken from the file.
//
// A PNG image fits [N,C,H,W] and [N,H,W,C] with N = 1, [C,H,W], [H,W,C] and [H,W]. C is 1, 3 or 4:
// colours become grey as in ITU-R BT.601, grey is repeated for each colour, alpha is dropped or
// taken as opaque. Where C is not fixed, it comes first and is that of the image without alpha.
// Floats run from pixel_low to pixel_high, integers from 0 to 255.
//
// A WAV recording fits [N,C,T] with N = 1, [C,T] and, with one channel, [T]. Floats run from -1 to
// 1; integers take samples of their own type as they are.
#pragma once

#include <cstddef>
#include <span>

#include "base/limits.h"
#include "base/result.h"
#include "hone/hone.h"
#include "ir/tensor.h"

namespace hone {

bool looks_like_media(std::span<const std::byte> file);

Result<Tensor> load_media(std::span<const std::byte> file, const TensorType& type,
                          const v1::LoadOptions& options, const Limits& limits);

}  // namespace hone
