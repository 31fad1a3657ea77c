// Distinct elements or slices.
#include <algorithm>
#include <numeric>

#include "ops/movement.h"

namespace hone {
namespace {

constexpr DTypes kPorts = kNumbers | DType::boolean | DTypes(DType::string);

constexpr int64_t kMostEmpty = int64_t{1} << 24;

// Orders elements; NaN comes last and equals itself.
int compare(const Tensor& x, int64_t a, int64_t b) {
  auto order = [](const auto& p, const auto& q) { return p < q ? -1 : q < p ? 1 : 0; };
  if (x.dtype() == DType::string) return order(x.strings()[size_t(a)], x.strings()[size_t(b)]);
  if (is_float(x.dtype())) {
    const double p = load_real(x, a), q = load_real(x, b);
    if (std::isnan(p) || std::isnan(q)) return order(std::isnan(p), std::isnan(q));
    return order(p, q);
  }
  const int64_t p = load_integer(x, a), q = load_integer(x, b);
  return is_unsigned(x.dtype()) ? order(uint64_t(p), uint64_t(q)) : order(p, q);
}

Result<Types> infer(const Infer& c) {
  Shape y{Dim::unknown()};
  if (c.given("axis")) {
    y = c.shape(0);
    if (y.ranked) {
      const auto axis = TRY(normal_axis(c.integer("axis"), int64_t(y.rank())));
      y.dims[size_t(axis)] = Dim::unknown();
    }
  }
  const Type counts(DType::i64, Shape{Dim::unknown()});
  return Types{Type(c.dtype(0), std::move(y)), counts, counts, counts};
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  // Slices along the axis; without axis every element is one.
  AxisSplit split{1, x.count(), 1};
  int64_t axis = 0;
  if (c.given("axis")) {
    axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
    split = split_at(x.shape(), axis);
  }
  const auto [outer, n, inner] = split;
  const int64_t per_slice = n == 0 || x.count() == 0 ? 0 : x.count() / n;
  if (x.count() == 0 && n > kMostEmpty)
    return fail(ErrorId::over_memory, "unique: " + std::to_string(n) + " empty slices");
  auto element = [&](int64_t slice, int64_t k) {
    return (k / inner * n + slice) * inner + k % inner;
  };
  auto compare_slices = [&](int64_t a, int64_t b) {
    for (int64_t k = 0; k < per_slice; ++k)
      if (const int order = compare(x, element(a, k), element(b, k))) return order;
    return 0;
  };
  std::vector<int64_t> sorted(static_cast<size_t>(n));
  std::iota(sorted.begin(), sorted.end(), 0);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](int64_t a, int64_t b) { return compare_slices(a, b) < 0; });
  // Groups of equal slices: the first of each, and which group each slice is in.
  std::vector<int64_t> first, group(static_cast<size_t>(n)), rank, counts;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i == 0 || compare_slices(sorted[i - 1], sorted[i]) != 0) {
      first.push_back(sorted[i]);
      counts.push_back(0);
    }
    ++counts.back();
    group[size_t(sorted[i])] = int64_t(first.size()) - 1;
  }
  // The order of the groups in the output, and its inverse.
  std::vector<int64_t> order(first.size());
  std::iota(order.begin(), order.end(), 0);
  if (c.integer("sorted") == 0)
    std::sort(order.begin(), order.end(),
              [&](int64_t a, int64_t b) { return first[size_t(a)] < first[size_t(b)]; });
  rank.resize(order.size());
  for (size_t i = 0; i < order.size(); ++i) rank[size_t(order[i])] = int64_t(i);

  const auto groups = int64_t(order.size());
  Extents shape{groups};
  if (c.given("axis")) {
    shape = x.shape();
    shape[size_t(axis)] = groups;
  }
  Tensor& y = *TRY(c.out(0, shape));
  if (per_slice > 0)
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t g = 0; g < groups; ++g)
        for (int64_t i = 0; i < inner; ++i)
          copy_element(x, element(first[size_t(order[size_t(g)])], o * inner + i), y,
                       (o * groups + g) * inner + i);
  for (size_t slot = 1; slot < c.outputs(); ++slot) {
    Tensor& t = *TRY(c.out(slot, {slot == 2 ? n : groups}));
    for (int64_t i = 0; i < t.count(); ++i) {
      const auto at = size_t(i);
      t.as<int64_t>()[at] = slot == 1   ? first[size_t(order[at])]
                            : slot == 2 ? rank[size_t(group[at])]
                                        : counts[size_t(order[at])];
    }
  }
  return ok();
}

}  // namespace

const OpDef& unique_op() {
  static const OpDef def{
      .name = "unique",
      .doc =
          "The distinct elements of x, or slices along `axis`, ascending (sorted=1) or as they "
          "first occur; the index of the first occurrence of each, for each element of x the "
          "index of its value in y, and how often each value occurs.",
      .inputs = {{"x", kPorts, 'T'}},
      .outputs = {{"y", kPorts, 'T'},
                  {"indices", DType::i64, 0, Port::Presence::optional},
                  {"inverse_indices", DType::i64, 0, Port::Presence::optional},
                  {"counts", DType::i64, 0, Port::Presence::optional}},
      .attrs = {{"axis", AttrKind::integer}, {"sorted", AttrKind::integer, false, int64_t{1}}},
      .infer = infer,
      .reference = reference,
      .examples = {R"(graph unique_first() -> (y, i, r, n) {
        y, i, r, n = unique(i64[6]{2, 1, 1, 3, 4, 3}) <sorted=0>
      })",
                   R"(graph unique_rows() -> (y) {
        y = unique(i64[3,2]{1, 0, 1, 0, 0, 5}) <axis=0>
      })"},
  };
  return def;
}

}  // namespace hone
