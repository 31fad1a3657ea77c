// f32 matrix products whose right-hand matrix is packed while they run, because it is not constant
// or only gathered then; kernels/gemm multiplies matrices that have been packed before. Compiled
// for several instruction sets. Raw pointers only.
#pragma once

#include <cstdint>

namespace hone::kernels {

inline constexpr int64_t kPanel = 16;  // columns of a packed panel
// Rows of a panel that are packed at a time: so many stay in the first-level cache, and the panel
// fits on the stack.
inline constexpr int64_t kPanelDepth = 512;
struct Panel {
  alignas(64) float rows[kPanelDepth * kPanel];
};

// Packs k (at most kPanelDepth) rows of `columns` (at most kPanel) columns of b, zeros where there
// are fewer.
void pack_panel(const float* b, int64_t row_stride, int64_t column_stride, int64_t k,
                int64_t columns, float* panel);

// c[i][j] = sum over p of a[i][p] * panel[p][j], plus c[i][j] when `add`: called for one block of
// the contracted axis after the other, always in ascending order, so results do not depend on how
// rows and panels are shared out to threads. k may be 0.
void multiply_panel(const float* a, int64_t a_row, int64_t a_column, int64_t rows, int64_t k,
                    const float* panel, float* c, int64_t c_row, int64_t columns, bool add);

// Is there NaN among `rows` rows of `columns` (at most kPanel) columns?
bool has_nan(const float* c, int64_t c_row, int64_t rows, int64_t columns);

}  // namespace hone::kernels
