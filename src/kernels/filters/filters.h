// Filters brought into panels, for each instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hone::kernels {

// One panel of filters [used][channels][positions], filter j times factors[j]. They are f32 at any
// address, as they lie in a file.
struct FilterPanel {
  const std::byte* data;  // of the first filter
  int64_t used, channels, positions, width;
  const float* factors;  // used
};

struct FilterKernels {
  // Rows of the panel are (position, channel); what is behind the last filter is not written. Are
  // all that is packed finite?
  bool (*pack)(const FilterPanel& panel, float* out);
};

extern const FilterKernels kFiltersPortable;
#if defined(__x86_64__)
extern const FilterKernels kFiltersAvx2;
extern const FilterKernels kFiltersAvx512;
#endif

// The best ones for the CPU that runs this.
const FilterKernels& filter_kernels();

}  // namespace hone::kernels
