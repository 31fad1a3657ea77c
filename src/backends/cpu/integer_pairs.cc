#include "backends/cpu/integer_pairs.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/cpu.h"
#include "backends/cpu/integer_products.h"
#include "base/checked.h"
#include "kernels/quantization/quantization.h"
#include "passes/packing.h"

namespace hone::cpu {
namespace {

using kernels::kDepthGroup, kernels::kIntegerPanel;

// What is too large for a size is too large for memory.
int64_t checked_or_throw(int64_t a, int64_t b) {
  const auto product = checked_mul(a, b);
  if (!product) throw std::bad_alloc();
  return *product;
}

// B in panels, with the sums of its columns.
class Panels {
 public:
  Panels(const BytePair& p, const Call& c, ThreadPool& pool)
      : groups_(kernels::padded_depth(p.k) / kDepthGroup),
        panels_(kernels::integer_panels(p.n)),
        bytes_(c.scratch<int8_t>(checked_or_throw(panels_, groups_ * kIntegerPanel * kDepthGroup))),
        sums_(c.scratch<int32_t>(panels_ * kIntegerPanel)) {
    clear_rest(p);
    const int64_t units = (p.k + kDepthGroup - 1) / kDepthGroup;
    pool.parallel_for(units, 1 + kGrain / std::max<int64_t>(1, p.n),
                      [&](int64_t begin, int64_t end) { pack(p, begin, end); });
    pool.parallel_for(panels_, 1 + kGrain / std::max<int64_t>(1, panel_bytes()),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t i = begin; i < end; ++i)
                          packing::sum_byte_columns(bytes_.data() + i * panel_bytes(), groups_,
                                                    sums_.data() + i * kIntegerPanel);
                      });
  }
  const int8_t* bytes() const { return bytes_.data(); }
  int32_t* sums() { return sums_.data(); }

 private:
  int64_t panel_bytes() const { return groups_ * kIntegerPanel * kDepthGroup; }

  // What packing does not write is zero: groups behind the last whole one, and columns behind n.
  void clear_rest(const BytePair& p) {
    const int64_t whole = p.k / kDepthGroup * kDepthGroup * kIntegerPanel;
    const bool last_is_whole = p.n % kIntegerPanel == 0;
    for (int64_t i = 0; i < panels_; ++i) {
      const int64_t from = i + 1 == panels_ && !last_is_whole ? 0 : whole;
      std::memset(bytes_.data() + i * panel_bytes() + from, 0, size_t(panel_bytes() - from));
    }
  }

  void pack(const BytePair& p, int64_t begin, int64_t end) {
    const uint8_t turn = p.b_signed ? 0 : 0x80;
    if (!p.rows)
      return packing::pack_byte_rows({p.b, p.k, p.n, groups_, turn}, begin, end, bytes_.data());
    std::vector<std::byte> rows(size_t(kDepthGroup * p.n));
    for (int64_t g = begin; g < end; ++g) {
      const int64_t first = g * kDepthGroup, last = std::min(p.k, first + kDepthGroup);
      p.rows(first, last, rows.data());
      packing::pack_byte_rows({rows.data(), last - first, p.n, groups_, turn}, 0, 1,
                              bytes_.data() + g * kDepthGroup * kIntegerPanel);
    }
  }

  int64_t groups_, panels_;
  Scratch<int8_t> bytes_;
  Scratch<int32_t> sums_;
};

// What zero points add to the sums: with z and w those of row i and column j, as the kernels see
// the bytes, -z * (sum of column j - k w) - (sum of row i) * w.
class Terms {
 public:
  Terms(const BytePair& p, int32_t* column_sums, const Call& c)
      : p_(p), columns_(column_sums), zeros_(c.scratch<int32_t>(p.n)) {
    const int32_t less = p.b_signed ? 0 : 128;
    for (int64_t j = 0; j < p.n; ++j) {
      zeros_.data()[j] = p.column_zeros[j] - less;
      columns_[j] = int32_t(uint32_t(columns_[j]) - uint32_t(p.k) * uint32_t(zeros_.data()[j]));
      any_ = any_ || zeros_.data()[j] != 0;
    }
  }

  void add(int64_t row, int32_t* sums) const {
    const int32_t zero = p_.row_zeros[row] + (p_.a_signed ? 128 : 0);
    kernels::ZeroTerms terms{.each = p_.added ? p_.added[row] : 0};
    if (zero != 0) terms.row = -zero, terms.columns = columns_;
    if (any_) {
      int32_t sum = 0;
      kernels::integer_gemm_kernel().row_sums(p_.a + row * p_.k, p_.k, 1, p_.k, &sum);
      terms.other_row = int32_t(-uint32_t(sum));
      terms.other_columns = zeros_.data();
    }
    if (terms.columns || terms.other_columns || terms.each != 0)
      kernels::quantization_kernels().correct(sums, p_.n, terms);
  }

 private:
  const BytePair& p_;
  int32_t* columns_;
  Scratch<int32_t> zeros_;
  bool any_ = false;
};

}  // namespace

void each_product(int64_t count, int64_t k, int64_t n, ThreadPool& pool,
                  const std::function<void(int64_t)>& f) {
  constexpr int64_t kSmall = int64_t{1} << 20;  // bytes
  const auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  };
  const auto bytes = checked_mul(k, n);
  if (count < 2 * int64_t(pool.size()) || !bytes || *bytes > kSmall) return run(0, count);
  // Those of a few bytes each, many for one piece of work.
  pool.parallel_for(count, 1 + kGrain / (1 + *bytes), run);
}

void multiply_pair(const BytePair& pair, int32_t* sums, const Call& c, ThreadPool& pool,
                   const std::function<void(int64_t, const int32_t*)>& finish) {
  if (pair.m == 0 || pair.n == 0) return;
  Panels panels(pair, c, pool);
  kernels::IntegerProduct p;
  p.a = pair.a;
  p.a_step = p.depth = pair.k;
  p.b = panels.bytes();
  p.m = pair.m;
  p.n = pair.n;
  p.epilogue.integers = sums;
  p.epilogue.row = pair.n;
  if (pair.k > 0)
    multiply_all(p, pool);
  else
    std::fill_n(sums, pair.m * pair.n, 0);
  const Terms terms(pair, panels.sums(), c);
  pool.parallel_for(pair.m, 1 + kGrain / pair.n, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      terms.add(i, sums + i * pair.n);
      if (finish) finish(i, sums + i * pair.n);
    }
  });
}

}  // namespace hone::cpu
