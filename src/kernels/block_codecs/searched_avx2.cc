// Searched block formats with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/block_codecs/encoders_impl.h"

namespace hone::kernels {

const SearchedEncoders kSearchedAvx2 = kEncoders;

}  // namespace hone::kernels
