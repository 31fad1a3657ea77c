// PNG images, decoded by libpng.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace hone {

struct PngSize {
  uint64_t width = 0, height = 0;  // pixels
};

struct PngImage {
  PngSize size;
  size_t channels = 0;          // 1 grey, 2 grey and alpha, 3 red green blue, 4 and alpha
  bool wide = false;            // samples of 16 bits instead of 8
  std::vector<std::byte> data;  // rows from the top, pixels from the left, channels; 16 bits as u16

  uint32_t largest() const { return wide ? 65535 : 255; }
  // 0 to largest(); channel < channels.
  uint32_t sample(uint64_t y, uint64_t x, size_t channel) const;
};

bool looks_like_png(std::span<const std::byte> file);

// From the header alone, so that an image of the wrong size is refused before it is decoded.
Result<PngSize> png_size(std::span<const std::byte> file);

// Palettes become colours, fewer bits than 8 become 8, a transparent colour becomes alpha. The
// numbers are those of the file: nothing is corrected for gamma or a colour profile. The ledger is
// charged for the pixels.
Result<PngImage> read_png(std::span<const std::byte> file, Ledger& ledger);

}  // namespace hone
