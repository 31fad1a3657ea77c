#include "backends/cpu/broadcast.h"

namespace hone::cpu {

Broadcast::Broadcast(const Extents& out, std::span<const Tensor* const> operands)
    : strides_(operands.size()) {
  std::vector<std::vector<int64_t>> all;
  for (const Tensor* t : operands) all.push_back(broadcast_strides(t->shape(), out));
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i] == 1) continue;
    bool same = !shape_.empty();
    for (size_t k = 0; k < all.size() && same; ++k) same = strides_[k].back() == all[k][i] * out[i];
    if (same) {
      shape_.back() *= out[i];
      for (size_t k = 0; k < all.size(); ++k) strides_[k].back() = all[k][i];
      continue;
    }
    shape_.push_back(out[i]);
    for (size_t k = 0; k < all.size(); ++k) strides_[k].push_back(all[k][i]);
  }
  if (!shape_.empty()) return;
  shape_ = {1};
  for (auto& strides : strides_) strides = {0};
}

void Broadcast::each_row(ThreadPool& pool, int64_t grain, const Row& f) const {
  const int64_t n = shape_.back();
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape_.size(); ++i) rows *= shape_[i];
  if (n == 0 || rows == 0) return;
  // Long rows are cut into pieces.
  const int64_t piece = std::min(n, grain), pieces = (n + piece - 1) / piece;
  pool.parallel_for(rows * pieces, std::max<int64_t>(1, grain / piece),
                    [&](int64_t begin, int64_t end) {
                      std::vector<int64_t> from(strides_.size());
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t first = i % pieces * piece, row = i / pieces;
                        for (size_t k = 0; k < from.size(); ++k)
                          from[k] = first * strides_[k].back();
                        int64_t rest = row;
                        for (size_t axis = shape_.size() - 1; axis-- > 0; rest /= shape_[axis])
                          for (size_t k = 0; k < from.size(); ++k)
                            from[k] += rest % shape_[axis] * strides_[k][axis];
                        f(row * n + first, std::min(piece, n - first), from.data());
                      }
                    });
}

}  // namespace hone::cpu
