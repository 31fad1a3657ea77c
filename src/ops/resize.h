// How a resize makes each position of its output: what the reference and fast kernels share.
#pragma once

#include <vector>

#include "ops/common.h"

namespace hone {

// The elements that make up one position of the output, and their weights. Empty: outside.
struct ResizeTap {
  int64_t index;
  double weight;
};
using ResizeTaps = std::vector<ResizeTap>;

struct Resampling {
  bool nearest = false;  // one tap of weight 1 each
  double outside = 0;
  struct Axis {
    int64_t in = 0, out = 0;
    bool changes = false;
    std::vector<ResizeTaps> taps;  // of each position of the output
  };
  std::vector<Axis> axes;

  Extents shape() const;
};
Result<Resampling> resampling_of(Call& c);

}  // namespace hone
