// Reductions over any axes: sums, means, products, extrema, norms, logarithms of sums.
#include <algorithm>
#include <cmath>

#include "backends/cpu/cpu.h"
#include "backends/cpu/sums.h"
#include "kernels/reductions/reductions.h"
#include "ops/common.h"

namespace hone::cpu {
namespace {

using kernels::Reduction;

// What is reduced, with neighbouring axes of one kind merged. A result is that of the rows at
// `offsets` from its place: of n elements side by side each, or, where the innermost axes are kept,
// of columns: n results side by side, each of `rows` elements that lie n apart.
struct Plan {
  Extents kept;
  std::vector<int64_t> kept_strides;
  std::vector<int64_t> offsets{0};
  int64_t n = 1, rows = 1;
  bool columns = true;

  int64_t place(int64_t result) const {
    int64_t at = 0;
    for (size_t i = kept.size(); i-- > 0; result /= kept[i])
      at += result % kept[i] * kept_strides[i];
    return at;
  }
  int64_t results() const {
    int64_t count = 1;
    for (const int64_t extent : kept) count *= extent;
    return count;
  }
};

Plan plan_of(const Extents& shape, const std::vector<bool>& reduced) {
  struct Group {
    int64_t extent, stride;
    bool reduced;
  };
  std::vector<Group> groups;  // innermost first
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0; stride *= shape[i]) {
    if (shape[i] == 1) continue;
    if (!groups.empty() && groups.back().reduced == reduced[i])
      groups.back().extent *= shape[i];
    else
      groups.push_back({shape[i], stride, reduced[i]});
  }
  Plan p;
  size_t next = 0;
  if (next < groups.size()) {
    p.columns = !groups[next].reduced;
    p.n = groups[next++].extent;
  }
  if (p.columns && next < groups.size()) p.rows = groups[next++].extent;
  for (; next < groups.size(); ++next) {
    const Group& g = groups[next];
    if (!g.reduced) {
      p.kept.insert(p.kept.begin(), g.extent);
      p.kept_strides.insert(p.kept_strides.begin(), g.stride);
      continue;
    }
    std::vector<int64_t> more;
    for (int64_t k = 0; k < g.extent; ++k)
      for (const int64_t offset : p.offsets) more.push_back(k * g.stride + offset);
    p.offsets = std::move(more);
  }
  return p;
}

Result<std::vector<bool>> reduced_axes(const Call& c) {
  const size_t rank = c.in(0).rank();
  const Integers given = c.has(1) ? integers(c.in(1)) : Integers{};
  if (given.empty()) return std::vector<bool>(rank, c.integer("noop_with_empty_axes") == 0);
  std::vector<bool> reduced(rank, false);
  for (const int64_t axis : TRY(normal_axes(given, int64_t(rank)))) reduced[size_t(axis)] = true;
  return reduced;
}

constexpr int64_t kColumns = 256;  // that are worked on together

// Calls row(result, x) for each result, or columns(first result, x, how many).
template <class Row, class Columns>
void each_result(const Plan& p, const float* x, ThreadPool& pool, Row row, Columns columns) {
  const auto work = int64_t(p.offsets.size()) * p.rows;
  if (!p.columns) {
    pool.parallel_for(p.results(), std::max<int64_t>(1, kGrain / (work * p.n)),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t i = begin; i < end; ++i) row(i, x + p.place(i));
                      });
    return;
  }
  const int64_t blocks = (p.n + kColumns - 1) / kColumns;
  pool.parallel_for(p.results() * blocks,
                    std::max<int64_t>(1, kGrain / (work * std::min(p.n, kColumns))),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t first = i % blocks * kColumns;
                        columns(i / blocks * p.n + first, x + p.place(i / blocks) + first,
                                std::min(kColumns, p.n - first));
                      }
                    });
}

// Calls f(x, count) for pieces of the rows of one result, f(x, rows) for those of its columns.
template <class F>
void each_piece(const Plan& p, const float* x, int64_t most, F f) {
  const int64_t whole = p.columns ? p.rows : p.n, step = p.columns ? p.n : 1;
  for (const int64_t offset : p.offsets)
    for (int64_t first = 0; first < whole; first += most)
      f(x + offset + first * step, std::min(most, whole - first));
}

constexpr int64_t kRows = 512;  // whose sums are of floats

struct Sum {
  Reduction r;

  static double start() { return 0; }
  double row(const Plan& p, const float* x) const {
    double total = 0;
    for (const int64_t offset : p.offsets) total += sum_of(r, x + offset, p.n);
    return total;
  }
  void columns(const Plan& p, const float* x, int64_t n, double* totals) const {
    std::fill_n(totals, n, 0.0);
    for (const int64_t offset : p.offsets) add_columns(r, x + offset, p.n, p.rows, n, totals);
  }
};

struct Extremum {
  Reduction r;

  double start() const { return r == Reduction::maximum ? -INFINITY : INFINITY; }
  double join(double a, double b) const {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? a : b;
    return (b > a) == (r == Reduction::maximum) ? b : a;
  }
  double row(const Plan& p, const float* x) const {
    double total = start();
    each_piece(p, x, kernels::kLongestSum, [&](const float* from, int64_t n) {
      total = join(total, double(kernels::reduction_kernels().row(r, from, n)));
    });
    return total;
  }
  void columns(const Plan& p, const float* x, int64_t n, double* totals) const {
    std::fill_n(totals, n, start());
    float some[kColumns];
    each_piece(p, x, kRows, [&](const float* from, int64_t rows) {
      std::fill_n(some, n, float(start()));
      kernels::reduction_kernels().rows(r, from, p.n, rows, n, some);
      for (int64_t j = 0; j < n; ++j) totals[j] = join(totals[j], double(some[j]));
    });
  }
};

struct Product {
  double start() const { return 1; }
  double row(const Plan& p, const float* x) const {
    double total = 1;
    each_piece(p, x, p.n, [&](const float* from, int64_t n) {
      for (int64_t i = 0; i < n; ++i) total *= double(from[i]);
    });
    return total;
  }
  void columns(const Plan& p, const float* x, int64_t n, double* totals) const {
    std::fill_n(totals, n, 1.0);
    each_piece(p, x, p.rows, [&](const float* from, int64_t rows) {
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < n; ++j) totals[j] *= double(from[i * p.n + j]);
    });
  }
};

// log(sum(exp(x))), the largest taken out before.
struct LogSumExp {
  double start() const { return -INFINITY; }
  static float shift_of(double top) { return std::isfinite(top) ? float(top) : 0.0f; }
  double row(const Plan& p, const float* x) const {
    const float shift = shift_of(Extremum{Reduction::maximum}.row(p, x));
    double total = 0;
    each_piece(p, x, kernels::kLongestSum, [&](const float* from, int64_t n) {
      total += double(kernels::reduction_kernels().exponential_row(from, n, shift));
    });
    return double(shift) + std::log(total);
  }
  void columns(const Plan& p, const float* x, int64_t n, double* totals) const {
    Extremum{Reduction::maximum}.columns(p, x, n, totals);
    float shift[kColumns], some[kColumns];
    for (int64_t j = 0; j < n; ++j) shift[j] = shift_of(totals[j]);
    std::fill_n(totals, n, 0.0);
    each_piece(p, x, kRows, [&](const float* from, int64_t rows) {
      std::fill_n(some, n, 0.0f);
      kernels::reduction_kernels().exponential_rows(from, p.n, rows, n, shift, some);
      for (int64_t j = 0; j < n; ++j) totals[j] += double(some[j]);
    });
    for (int64_t j = 0; j < n; ++j) totals[j] = double(shift[j]) + std::log(totals[j]);
  }
};

// y = last(what is reduced, how many elements that was of).
template <class By, class Last>
Status reduce(Call& c, ThreadPool& pool, By by, Last last) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  float* out = y.as<float>().data();
  if (x.count() == 0) {
    std::fill_n(out, y.count(), float(last(by.start(), 0.0)));
    return ok();
  }
  const Plan p = plan_of(x.shape(), TRY(reduced_axes(c)));
  const int64_t reduced = x.count() / y.count();
  const auto count = double(reduced);
  each_result(
      p, x.as<float>().data(), pool,
      [&](int64_t i, const float* from) { out[i] = float(last(by.row(p, from), count)); },
      [&](int64_t first, const float* from, int64_t n) {
        double totals[kColumns];
        by.columns(p, from, n, totals);
        for (int64_t j = 0; j < n; ++j) out[first + j] = float(last(totals[j], count));
      });
  return ok();
}

template <Reduction r>
Status sum(Call& c, ThreadPool& pool) {
  return reduce(c, pool, Sum{r}, [](double x, double) { return x; });
}
template <Reduction r>
Status extremum(Call& c, ThreadPool& pool) {
  return reduce(c, pool, Extremum{r}, [](double x, double) { return x; });
}
Status run_mean(Call& c, ThreadPool& pool) {
  return reduce(c, pool, Sum{Reduction::sum}, [](double x, double n) { return x / n; });
}
Status run_l2(Call& c, ThreadPool& pool) {
  return reduce(c, pool, Sum{Reduction::square_sum}, [](double x, double) { return std::sqrt(x); });
}
Status run_log_sum(Call& c, ThreadPool& pool) {
  return reduce(c, pool, Sum{Reduction::sum}, [](double x, double) { return std::log(x); });
}
Status run_product(Call& c, ThreadPool& pool) {
  return reduce(c, pool, Product{}, [](double x, double) { return x; });
}
Status run_log_sum_exp(Call& c, ThreadPool& pool) {
  return reduce(c, pool, LogSumExp{}, [](double x, double) { return x; });
}

Support accepts(const Graph& graph, const Node& node) {
  if (graph[node.inputs[0]].type.tensor.dtype != DType::f32) return no("only f32");
  return yes();
}

}  // namespace

const CpuKernel reduce_l1_kernel{"reduce_l1", accepts, sum<Reduction::absolute_sum>};
const CpuKernel reduce_l2_kernel{"reduce_l2", accepts, run_l2};
const CpuKernel reduce_log_sum_kernel{"reduce_log_sum", accepts, run_log_sum};
const CpuKernel reduce_log_sum_exp_kernel{"reduce_log_sum_exp", accepts, run_log_sum_exp};
const CpuKernel reduce_max_kernel{"reduce_max", accepts, extremum<Reduction::maximum>};
const CpuKernel reduce_mean_kernel{"reduce_mean", accepts, run_mean};
const CpuKernel reduce_min_kernel{"reduce_min", accepts, extremum<Reduction::minimum>};
const CpuKernel reduce_prod_kernel{"reduce_prod", accepts, run_product};
const CpuKernel reduce_sum_kernel{"reduce_sum", accepts, sum<Reduction::sum>};
const CpuKernel reduce_sum_square_kernel{"reduce_sum_square", accepts, sum<Reduction::square_sum>};

}  // namespace hone::cpu
