// Transposes of planes of 4-byte elements, for each instruction set.
#pragma once

#include <cstdint>

namespace hone::kernels {

using Word = uint32_t __attribute__((may_alias));  // floats or integers

struct TransposeKernels {
  // out[j * out_row + i] = in[i * in_row + j] for rows i and columns j.
  void (*plane)(const Word* in, int64_t in_row, Word* out, int64_t out_row, int64_t rows,
                int64_t columns);
  // out[i] = in[order[i]].
  void (*permute)(const Word* in, const int32_t* order, Word* out, int64_t n);
};

extern const TransposeKernels kTransposesPortable;
#if defined(__x86_64__)
extern const TransposeKernels kTransposesAvx2;
extern const TransposeKernels kTransposesAvx512;
#endif

// The best ones for the CPU that runs this.
const TransposeKernels& transpose_kernels();

}  // namespace hone::kernels
