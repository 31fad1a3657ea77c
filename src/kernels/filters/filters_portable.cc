// Packs filters with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/filters/filters_impl.h"

namespace hone::kernels {

const FilterKernels kFiltersPortable = kFilters;

}  // namespace hone::kernels
