// Attention to a paged cache, and rows put into it.
#include "kernels/paged_attention/paged_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/cpu/cpu.h"
#include "kernels/conversions/conversions.h"
#include "kernels/quantization/quantization.h"
#include "ops/paged_attention.h"

namespace hone::cpu {
namespace {

using namespace paged_attention;

constexpr int64_t kQueryRows = 64;  // of a piece of work: rows times heads that share a key head

int64_t padded(int64_t n) {
  return (n + kernels::kSlotStep - 1) / kernels::kSlotStep * kernels::kSlotStep;
}

// `n` numbers of a cache to f32.
void widen(const std::byte* from, DType dtype, float* to, int64_t n) {
  const auto& convert = kernels::conversion_kernels();
  switch (dtype) {
    case DType::f16: return convert.f16_to_f32(reinterpret_cast<const uint16_t*>(from), to, n);
    case DType::bf16: return convert.bf16_to_f32(reinterpret_cast<const uint16_t*>(from), to, n);
    case DType::f32: std::memcpy(to, from, size_t(n) * sizeof(float)); return;
    default:
      for (int64_t i = 0; i < n; ++i) to[i] = float(reinterpret_cast<const int8_t*>(from)[i]);
  }
}

struct Cache {
  const std::byte* data;
  DType dtype;
  int64_t rows, row;    // of one head of a page: keys [depth][slots], values [slots][size]
  const float* scales;  // [slots of the cache][heads]; null for none
};

struct Attention {
  Cache keys, values;
  int64_t heads, kv_heads, depth, size, page;
  float scale, cap;
  int64_t window;
  const float* queries;
  float* y;
  // Of y in bytes; null for none.
  int8_t* codes;
  float* scales;
  int64_t block;
  bool heads_are_blocks() const { return size % block == 0; }
  int64_t group() const { return heads / kv_heads; }
};

// Rows of one sequence that share a key head: a piece of work.
struct Piece {
  const Sequence* sequence;
  int64_t head, row, rows;
};

class PieceRun {
 public:
  PieceRun(const Call& c, const Attention& a)
      : a_(a),
        key_step_(padded(a.page)),
        value_step_(padded(a.size)),
        memory_(c.scratch<float>(a.depth * key_step_ + a.page * value_step_ +
                                 most(a) * (a.depth + key_step_ + value_step_ + 4))) {
    // All in one block, which stays in the cache of a thread.
    keys_ = memory_.data();
    values_ = keys_ + a.depth * key_step_;
    queries_ = values_ + a.page * value_step_;
    scores_ = queries_ + most(a) * a.depth;
    sums_ = scores_ + most(a) * key_step_;
    range_ = reinterpret_cast<int32_t*>(sums_ + most(a) * (value_step_ + 2));
  }

  // Rows times heads that a piece has, at most.
  static int64_t most(const Attention& a) { return std::max(kQueryRows, a.group()); }

  void run(const Piece& piece) {
    const Sequence& s = *piece.sequence;
    const int64_t group = a_.group(), n = piece.rows * group;
    load_queries(piece);
    kernels::AttentionRows rows{n, a_.depth, queries_, a_.cap};
    rows.first = range_;
    rows.last = range_ + n;
    rows.most = sums_;
    rows.sums = sums_ + n;
    rows.values = sums_ + 2 * n;
    rows.scores = scores_;
    std::fill_n(rows.most, n, -INFINITY);
    std::fill_n(rows.sums, n * (1 + value_step_), 0.0f);
    const int64_t place = s.length - s.rows + (piece.row - s.first);  // of the first row
    const int64_t end = place + piece.rows, begin = first_seen(place);
    for (int64_t p = begin / a_.page; p * a_.page < end; ++p) {
      load_page(s.pages[p], piece.head, std::min(a_.page, end - p * a_.page));
      for (int64_t row = 0, i = 0; row < piece.rows; ++row) {
        const auto in_page = [&](int64_t at) {
          return int32_t(std::clamp<int64_t>(at - p * a_.page, 0, a_.page));
        };
        const int32_t first = in_page(first_seen(place + row)), last = in_page(place + row + 1);
        for (const int64_t end_of_row = i + group; i < end_of_row; ++i) {
          range_[size_t(i)] = first;
          range_[size_t(n + i)] = last;
        }
      }
      kernels::paged_attention_kernels().attend(rows, {keys_, values_, key_step_, value_step_});
    }
    store(piece, rows);
  }

 private:
  int64_t first_seen(int64_t place) const {
    return a_.window > 0 ? std::max<int64_t>(0, place + 1 - a_.window) : 0;
  }

  void load_queries(const Piece& piece) {
    const int64_t group = a_.group();
    for (int64_t i = 0; i < piece.rows * group; ++i) {
      const float* from =
          a_.queries +
          ((piece.row + i / group) * a_.heads + piece.head * group + i % group) * a_.depth;
      float* to = queries_ + i * a_.depth;
      for (int64_t d = 0; d < a_.depth; ++d) to[d] = from[d] * a_.scale;
    }
  }

  // The slots of a page that are in use.
  void load_page(int64_t page, int64_t head, int64_t slots) {
    load(a_.keys, page, head, a_.depth, slots, key_step_, keys_);
    load(a_.values, page, head, slots, a_.size, value_step_, values_);
    if (a_.keys.scales)
      for (int64_t d = 0; d < a_.depth; ++d)
        for (int64_t t = 0; t < slots; ++t)
          keys_[size_t(d * key_step_ + t)] *= scale_of(a_.keys, page, t, head);
    if (a_.values.scales)
      for (int64_t t = 0; t < slots; ++t)
        for (int64_t e = 0; e < a_.size; ++e)
          values_[size_t(t * value_step_ + e)] *= scale_of(a_.values, page, t, head);
  }
  float scale_of(const Cache& cache, int64_t page, int64_t slot, int64_t head) const {
    return cache.scales[(page * a_.page + slot) * a_.kv_heads + head];
  }

  // The first `columns` of the first `rows` rows of a head.
  void load(const Cache& cache, int64_t page, int64_t head, int64_t rows, int64_t columns,
            int64_t step, float* to) const {
    const int64_t bytes = cache.row * (bits(cache.dtype) / 8);
    const std::byte* from = cache.data + (page * a_.kv_heads + head) * cache.rows * bytes;
    if (step == cache.row && columns == cache.row)
      return widen(from, cache.dtype, to, rows * columns);
    for (int64_t i = 0; i < rows; ++i) widen(from + i * bytes, cache.dtype, to + i * step, columns);
  }

  void store(const Piece& piece, const kernels::AttentionRows& rows) const {
    const int64_t group = a_.group();
    for (int64_t i = 0; i < rows.rows; ++i) {
      const int64_t at =
          ((piece.row + i / group) * a_.heads + piece.head * group + i % group) * a_.size;
      float* to = a_.y + at;
      const float share = 1 / rows.sums[i];
      for (int64_t e = 0; e < a_.size; ++e) to[e] = rows.values[i * value_step_ + e] * share;
      if (a_.codes && a_.heads_are_blocks())
        kernels::quantization_kernels().quantize_blocks(to, a_.size, a_.block, a_.codes + at,
                                                        a_.scales + at / a_.block);
    }
  }

  const Attention& a_;
  int64_t key_step_, value_step_;
  Scratch<float> memory_;
  float *keys_, *values_, *queries_, *scores_, *sums_;
  int32_t* range_;
};

Result<Attention> attention_of(Call& c) {
  const Sizes s = TRY(sizes_of(c));
  const int64_t depth = *s.head.constant(), size = *s.v_head.constant(), page = *s.page.constant();
  const auto cache = [&](size_t input, size_t scales, int64_t rows, int64_t row) {
    return Cache{c.in(input).data(), c.in(input).dtype(), rows, row,
                 c.has(scales) ? c.in(scales).as<float>().data() : nullptr};
  };
  Attention a{};
  a.keys = cache(kKeys, kKeyScales, depth, page);
  a.values = cache(kValues, kValueScales, page, size);
  a.heads = s.heads;
  a.kv_heads = *s.kv_heads.constant();
  a.depth = depth;
  a.size = size;
  a.page = page;
  a.scale = c.given("scale") ? float(c.real("scale"))
                             : float(1 / std::sqrt(double(std::max<int64_t>(1, depth))));
  a.cap = float(c.real("softcap"));
  a.window = c.integer("window");
  a.queries = c.in(kQuery).as<float>().data();
  a.y = TRY(c.out(0))->as<float>().data();
  a.block = std::max<int64_t>(1, c.integer("quantized_block"));
  if (c.outputs() < 3) return a;
  a.codes = TRY(c.out(1))->as<int8_t>().data();
  a.scales = TRY(c.out(2))->as<float>().data();
  return a;
}

Status run(Call& c, ThreadPool& pool) {
  const Attention a = TRY(attention_of(c));
  const std::vector<Sequence> sequences = TRY(sequences_of(c));
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const int64_t taken = sequences.empty() ? 0 : sequences.back().first + sequences.back().rows;
  std::fill(y.as<float>().begin() + taken * a.heads * a.size, y.as<float>().end(), 0.0f);
  const int64_t step = std::max<int64_t>(1, kQueryRows / a.group());
  std::vector<Piece> pieces;
  for (const Sequence& s : sequences)
    for (int64_t row = 0; row < s.rows; row += step)
      for (int64_t head = 0; head < a.kv_heads; ++head)
        pieces.push_back({&s, head, s.first + row, std::min(step, s.rows - row)});
  pool.parallel_for(int64_t(pieces.size()), 1, [&](int64_t begin, int64_t end) {
    PieceRun work(c, a);
    for (int64_t i = begin; i < end; ++i) work.run(pieces[size_t(i)]);
  });
  // What no piece has quantized: rows without a sequence, and heads that share blocks.
  if (!a.codes) return ok();
  const int64_t row = a.heads * a.size, first = a.heads_are_blocks() ? taken : 0;
  pool.parallel_for(y.shape()[0] - first, 1 + kGrain / row, [&](int64_t begin, int64_t end) {
    for (int64_t i = first + begin; i < first + end; ++i)
      kernels::quantization_kernels().quantize_blocks(
          a.y + i * row, row, a.block, a.codes + i * row,
          a.scales + i * ((row + a.block - 1) / a.block));
  });
  return ok();
}

// --- append ------------------------------------------------------------------------------------

struct Append {
  int64_t heads, size, page;
  bool transposed;
};

template <class T>
void put_row(const Append& a, const T* row, int64_t slot, T* cache) {
  for (int64_t h = 0; h < a.heads; ++h, row += a.size) {
    T* to = cache + (slot / a.page * a.heads + h) * a.size * a.page;
    const int64_t at = slot % a.page;
    if (a.transposed)
      for (int64_t d = 0; d < a.size; ++d) to[d * a.page + at] = row[d];
    else
      std::memcpy(to + at * a.size, row, size_t(a.size) * sizeof(T));
  }
}

template <class T>
void append_rows(const Call& c, const Append& a, Tensor& y,
                 void (*convert)(const float* x, T* y, int64_t n)) {
  const int64_t channels = a.heads * a.size, rows = c.in(1).shape()[0];
  const auto row = c.scratch<T>(convert ? channels : 0);
  for (int64_t t = 0; t < rows; ++t) {
    const std::byte* from =
        c.in(1).data() + t * channels * int64_t(convert ? sizeof(float) : sizeof(T));
    if (convert) convert(reinterpret_cast<const float*>(from), row.data(), channels);
    put_row(a, convert ? row.data() : reinterpret_cast<const T*>(from),
            c.in(2).as<int64_t>()[size_t(t)], reinterpret_cast<T*>(y.mutable_data()));
  }
}

Status run_append(Call& c, ThreadPool&) {
  const bool transposed = c.integer("transposed") != 0;
  const CacheSizes s = TRY(cache_sizes(c, 0, transposed));
  const Append a{*s.heads.constant(), *s.size.constant(), *s.page.constant(), transposed};
  Tensor& y = *TRY(c.out(0));
  if (y.count() > 0 && y.data() != c.in(0).data())
    std::memcpy(y.mutable_data(), c.in(0).data(), size_t(y.byte_size()));
  const int64_t slots = *s.pages.constant() * a.page;
  for (const int64_t slot : c.in(2).as<int64_t>())
    if (slot < 0 || slot >= slots)
      return fail(ErrorId::bad_data,
                  "paged_append: slot " + std::to_string(slot) + " of " + std::to_string(slots));
  const auto& convert = kernels::conversion_kernels();
  switch (y.dtype()) {
    case DType::f16: append_rows<uint16_t>(c, a, y, convert.f32_to_f16); break;
    case DType::bf16: append_rows<uint16_t>(c, a, y, convert.f32_to_bf16); break;
    case DType::i8: append_rows<int8_t>(c, a, y, nullptr); break;
    default: append_rows<float>(c, a, y, nullptr);
  }
  return ok();
}

Support accepts(const Graph&, const Node&) { return yes(); }

}  // namespace

const CpuKernel paged_attention_kernel{"paged_attention", accepts, run};
const CpuKernel paged_append_kernel{"paged_append", accepts, run_append, CpuKernel::InPlace::first};

}  // namespace hone::cpu
