// Attention: for each head, blocks of queries against all keys, softmax, then the values. Nothing
// of the size of all scores is kept.
#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/cpu/cpu.h"
#include "kernels/gemm/gemm.h"
#include "kernels/rows/rows.h"
#include "kernels/transposes/transposes.h"
#include "ops/common.h"

namespace hone::cpu {
namespace {

enum Input : size_t { kQuery, kKey, kValue, kMask };

constexpr int64_t kQueries = 56;  // of a block: four register tiles or more

// One operand, [batch, heads, length, head] or packed [batch, length, heads * head].
struct Heads {
  const float* data;
  int64_t heads, length, head;
  int64_t row, head_step, batch_step;  // in elements
  const float* at(int64_t b, int64_t h) const { return data + b * batch_step + h * head_step; }
};

Heads heads_of(const Tensor& t, int64_t packed_heads) {
  const Extents& s = t.shape();
  const float* data = t.as<float>().data();
  if (s.size() == 4) return {data, s[1], s[2], s[3], s[3], s[2] * s[3], s[1] * s[2] * s[3]};
  const int64_t head = s[2] / std::max<int64_t>(1, packed_heads);
  return {data, packed_heads, s[1], head, s[2], head, s[1] * s[2]};
}

// What is added to the scores: the mask's strides over batch, head, query and key.
struct Mask {
  const Tensor* tensor = nullptr;
  int64_t width = 0;
  std::vector<int64_t> strides;
};

struct Attention {
  Heads q, k, v;
  float* y;
  int64_t y_row, y_head, y_batch;
  float scale;
  bool causal;
  Mask mask;
};

// Buffers of one piece of work.
struct Scratch {
  std::vector<float> keys, values, scores;
  bool finite = true;  // the values, as far as a mask can hide them
};

// k^T in panels [ceil(length / width)][head][width].
void pack_keys(const Heads& k, const float* from, int64_t width, std::vector<float>& to) {
  using kernels::Word;
  const auto transpose = kernels::transpose_kernels().plane;
  for (int64_t l = 0; l < k.length; l += width)
    transpose(reinterpret_cast<const Word*>(from + l * k.row), k.row,
              reinterpret_cast<Word*>(to.data() + l * k.head), width, std::min(width, k.length - l),
              k.head);
}

// v in panels [ceil(head / width)][length][width].
void pack_values(const Heads& v, const float* from, int64_t width, std::vector<float>& to) {
  for (int64_t first = 0; first < v.head; first += width) {
    const int64_t columns = std::min(width, v.head - first);
    float* out = to.data() + first * v.length;
    for (int64_t l = 0; l < v.length; ++l)
      std::copy_n(from + l * v.row + first, columns, out + l * width);
  }
}

void add_mask(const Mask& m, int64_t at, float* row, int64_t n) {
  if (m.tensor->dtype() == DType::boolean) {
    const uint8_t* keep = m.tensor->as<uint8_t>().data() + at;
    for (int64_t j = 0; j < std::min(n, m.width); ++j)
      if (!keep[j * m.strides[3]]) row[j] = -INFINITY;
  } else {
    const float* add = m.tensor->as<float>().data() + at;
    kernels::row_kernels().binary(kernels::Binary::add, row, 1, add, m.strides[3], row,
                                  std::min(n, m.width));
  }
  if (m.width < n) std::fill(row + m.width, row + n, -INFINITY);
}

// Hides what this query does not see; false where nothing is left.
bool hide(const Attention& a, int64_t b, int64_t h, int64_t i, float* row, int64_t n) {
  const Mask& m = a.mask;
  if (m.tensor) add_mask(m, b * m.strides[0] + h * m.strides[1] + i * m.strides[2], row, n);
  if (a.causal) std::fill(row + std::min(n, i + 1), row + n, -INFINITY);
  return std::any_of(row, row + n, [](float x) { return x != -INFINITY; });
}

// `step` floats from row to row.
void softmax_rows(const Attention& a, int64_t b, int64_t h, int64_t first, int64_t rows, int64_t n,
                  float* scores, int64_t step) {
  const kernels::RowKernels& kernels = kernels::row_kernels();
  const bool masked = a.mask.tensor || a.causal;
  for (int64_t r = 0; r < rows; ++r) {
    float* row = scores + r * step;
    if (!masked && a.scale > 0) {
      kernels.softmax(row, a.scale, row, n);
      continue;
    }
    kernels.binary(kernels::Binary::mul, row, 1, &a.scale, 0, row, n);
    if (masked && !hide(a, b, h, first + r, row, n))
      std::fill_n(row, n, 0.0f);
    else
      kernels.softmax(row, 1, row, n);
  }
}

// What is masked must not spread its NaN or infinity: 0 times it would be NaN.
void add_used_values(const Attention& a, const float* values, const Scratch& s, int64_t rows,
                     int64_t n, int64_t step, float* y) {
  const bool hides = a.mask.tensor || a.causal;
  for (int64_t r = 0; r < rows; ++r, y += a.y_row) {
    std::fill_n(y, a.v.head, 0.0f);
    for (int64_t l = 0; l < n; ++l) {
      const float weight = s.scores[size_t(r * step + l)];
      if (weight == 0 && hides) continue;
      kernels::row_kernels().add_scaled(values + l * a.v.row, weight, y, a.v.head);
    }
  }
}

// Few queries, for which packing keys and values does not pay.
void attend_few(const Attention& a, int64_t b, int64_t h, Scratch& s) {
  const int64_t shared = h / (a.q.heads / a.k.heads), rows = a.q.length;
  const int64_t n = a.causal ? std::min(a.k.length, rows) : a.k.length;
  const float *queries = a.q.at(b, h), *keys = a.k.at(b, shared);
  s.scores.resize(size_t(rows * n));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t l = 0; l < n; ++l)
      s.scores[size_t(r * n + l)] =
          kernels::row_kernels().dot(queries + r * a.q.row, keys + l * a.k.row, a.q.head);
  softmax_rows(a, b, h, 0, rows, n, s.scores.data(), n);
  add_used_values(a, a.v.at(b, shared), s, rows, n, n, a.y + b * a.y_batch + h * a.y_head);
}

kernels::Product product(const kernels::Rows& a, int64_t m, const std::vector<float>& b,
                         int64_t b_depth, float* c, int64_t c_row, int64_t n) {
  kernels::Product p;
  p.a = a;
  p.b = b.data();
  p.b_depth = b_depth;
  p.c = c;
  p.c_row = c_row;
  p.m = m;
  p.n = n;
  return p;
}

void attend(const Attention& a, int64_t b, int64_t h, Scratch& s) {
  constexpr int64_t kFew = 4;
  if (a.q.length <= kFew) return attend_few(a, b, h, s);
  const kernels::GemmKernel& kernel = kernels::gemm_kernel();
  const int64_t shared = h / (a.q.heads / a.k.heads), width = kernel.columns;
  const auto panels = [&](int64_t n) { return (n + width - 1) / width; };
  s.keys.assign(size_t(panels(a.k.length) * width * a.k.head), 0.0f);
  s.values.assign(size_t(panels(a.v.head) * width * a.v.length), 0.0f);
  // Rows of whole cache lines.
  const int64_t step = (a.k.length + 15) / 16 * 16;
  s.scores.resize(size_t(kQueries * step));
  pack_keys(a.k, a.k.at(b, shared), width, s.keys);
  pack_values(a.v, a.v.at(b, shared), width, s.values);
  s.finite = !(a.causal || a.mask.tensor) ||
             std::ranges::all_of(s.values, [](float x) { return std::isfinite(x); });
  for (int64_t first = 0; first < a.q.length; first += kQueries) {
    const int64_t rows = std::min(kQueries, a.q.length - first);
    // Queries of this block see no later keys.
    const int64_t n = a.causal ? std::min(a.k.length, first + rows) : a.k.length;
    const auto queries = kernels::Rows{a.q.at(b, h) + first * a.q.row, a.q.row, a.q.head};
    multiply(kernel, product(queries, rows, s.keys, 0, s.scores.data(), step, n), 0, panels(n));
    softmax_rows(a, b, h, first, rows, n, s.scores.data(), step);
    float* y = a.y + b * a.y_batch + h * a.y_head + first * a.y_row;
    if (s.finite)
      multiply(
          kernel,
          product({s.scores.data(), step, n}, rows, s.values, a.v.length, y, a.y_row, a.v.head), 0,
          panels(a.v.head));
    else
      add_used_values(a, a.v.at(b, shared), s, rows, n, step, y);
  }
}

Result<Attention> attention_of(Call& c) {
  const auto heads = [&](std::string_view name) {
    return c.given(name) ? c.integer(name) : int64_t{0};
  };
  const int64_t q_heads = heads("q_num_heads"), kv_heads = heads("kv_num_heads");
  Tensor& y = *TRY(c.out(0));
  Attention a{heads_of(c.in(kQuery), q_heads),
              heads_of(c.in(kKey), kv_heads),
              heads_of(c.in(kValue), kv_heads),
              y.as<float>().data(),
              0,
              0,
              0,
              0,
              c.integer("is_causal") != 0,
              {}};
  a.scale = c.given("scale") ? float(c.real("scale"))
                             : float(1 / std::sqrt(double(std::max<int64_t>(1, a.q.head))));
  const Heads out = heads_of(y, q_heads);
  a.y_row = out.row;
  a.y_head = out.head_step;
  a.y_batch = out.batch_step;
  if (c.has(kMask)) {
    const Extents& shape = c.in(kMask).shape();
    a.mask = {&c.in(kMask), shape.back(),
              broadcast_strides(shape, {y.shape()[0], a.q.heads, a.q.length, shape.back()})};
  }
  return a;
}

Status run(Call& c, ThreadPool& pool) {
  const Attention a = TRY(attention_of(c));
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  if (a.k.heads == 0 || a.k.length == 0) {
    std::fill_n(y.as<float>().data(), y.count(), 0.0f);
    return ok();
  }
  const int64_t heads = a.q.heads;
  pool.parallel_for(y.shape()[0] * heads, 1, [&](int64_t begin, int64_t end) {
    Scratch scratch;
    for (int64_t i = begin; i < end; ++i) attend(a, i / heads, i % heads, scratch);
  });
  return ok();
}

Support accepts(const Graph& graph, const Node& node) {
  const Infer c(*node.op, node.attrs, {}, node.outputs.size());
  for (size_t i = kMask + 1; i < node.inputs.size(); ++i)
    if (node.inputs[i].valid()) return no("only without past keys and lengths");
  if (node.outputs.size() != 1) return no("only with one output");
  if (c.real("softcap") != 0 || c.integer("left_window_size") >= 0 ||
      c.integer("right_window_size") >= 0)
    return no("only without softcap and windows");
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.inputs[i].valid()) continue;
    const TensorType& type = graph[node.inputs[i]].type.tensor;
    if (!type.shape.ranked) return no("only with known ranks");
    if (type.dtype != DType::f32 && !(i == kMask && type.dtype == DType::boolean))
      return no("only f32");
  }
  return yes();
}

}  // namespace

const CpuKernel attention_kernel{"attention", accepts, run};

}  // namespace hone::cpu
