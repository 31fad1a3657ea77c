// Fuzzes the PNG reader: images have the size of their header, and each pixel can be read.
#include "formats/png.h"

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hone::Limits limits = hone::fuzz::limits();
  hone::Ledger ledger(limits);
  const auto file = hone::fuzz::bytes(data, size);
  const auto image = hone::read_png(file, ledger);
  hone::fuzz::require_clean(image);
  if (!image) return 0;
  const auto announced = hone::png_size(file);
  hone::fuzz::require(announced.ok() && announced->width == image->size.width &&
                      announced->height == image->size.height);
  hone::fuzz::require(image->data.size() == image->size.width * image->size.height *
                                                image->channels * (image->wide ? 2 : 1));
  uint64_t sum = 0;
  for (uint64_t y = 0; y < image->size.height; ++y)
    for (uint64_t x = 0; x < image->size.width; ++x)
      for (size_t c = 0; c < image->channels; ++c) sum += image->sample(y, x, c);
  hone::fuzz::require(sum <= image->data.size() * image->largest());
  return 0;
}
