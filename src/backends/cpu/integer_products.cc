#include "backends/cpu/integer_products.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include "backends/cpu/cpu.h"
#include "backends/cpu/epilogue.h"
#include "ops/quantized_products.h"

namespace hone::cpu {
namespace {

int64_t divided(int64_t n, int64_t by) { return (n + by - 1) / by; }

// The largest magnitude; NaN and infinity are larger than any number.
float largest(std::span<const float> numbers) {
  uint32_t most = 0;
  for (const float x : numbers) most = std::max(most, std::bit_cast<uint32_t>(x) & 0x7fffffff);
  return most > 0x7f800000 ? INFINITY : std::bit_cast<float>(most);
}

// More pieces than threads: one that is held up keeps the others waiting for a piece at most.
constexpr int64_t kPieces = 4;

// What is larger is cut: weights, so that each comes from memory for one thread only, or rows, so
// that a thread reads what it has written itself, from one operator to the next. What has to be
// gathered first is cut too where that gives every thread a tile.
bool cuts_rows(const kernels::IntegerGemmKernel& kernel, const kernels::IntegerProduct& p,
               int64_t threads) {
  if (p.source && p.m >= threads * kernel.rows) return true;
  return double(p.m) * double(p.depth + p.n) > double(p.n) * double(p.depth);
}

// Equal numbers of pieces for all threads, of at least a tile's rows, of several better.
int64_t rows_of_piece(const kernels::IntegerGemmKernel& kernel, int64_t m, int64_t threads) {
  if (threads == 1) return m;
  constexpr int64_t kTiles = 8;
  for (const int64_t pieces : {kPieces, int64_t{2}})
    if (m >= pieces * threads * kTiles * kernel.rows) return divided(m, pieces * threads);
  return std::max(kernel.rows, divided(m, threads));
}

}  // namespace

void multiply_all(kernels::IntegerProduct p, ThreadPool& pool, kernels::NumberRange* range) {
  p.zeros = zeros_beyond_depth(p);
  const kernels::IntegerGemmKernel& kernel = kernels::integer_gemm_kernel();
  const int64_t panels = kernels::integer_panels(p.n);
  // Products of bytes, so few that starting another thread takes longer.
  constexpr int64_t kWorthwhile = int64_t{1} << 18;
  const bool alone =
      pool.size() == 1 || p.m * p.n < divided(kWorthwhile, std::max<int64_t>(1, p.depth));
  // Each piece of columns gathers all rows.
  const int64_t wanted = alone ? 1 : (p.source ? 1 : kPieces) * pool.size();
  const bool thin = kernel.thin && !p.source && p.m <= kernels::kThinByteRows;
  const int64_t unit = thin ? kernel.thin_panels : kernel.panels;
  int64_t rows = p.m, across = panels;
  if (cuts_rows(kernel, p, pool.size()))
    rows = rows_of_piece(kernel, p.m, alone ? 1 : pool.size());
  else
    across = divided(divided(panels, wanted), unit) * unit;
  const int64_t down = divided(p.m, rows), pieces = divided(panels, across);
  std::vector<kernels::NumberRange> ranges(range ? size_t(down * pieces) : 0);
  pool.parallel_for(down * pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / pieces * rows, panel = i % pieces * across;
      kernels::IntegerProduct piece = p;
      float lanes[2 * kernels::kRangeLanes] = {};
      if (range) piece.epilogue.range = lanes;
      multiply(kernel, piece, row, std::min(row + rows, p.m), panel,
               std::min(panel + across, panels));
      for (int64_t k = 0; range && k < kernels::kRangeLanes; ++k)
        ranges[size_t(i)].extend({lanes[k], lanes[kernels::kRangeLanes + k]});
    }
  });
  for (const kernels::NumberRange& r : ranges) range->extend(r);
}

TurnedBytes turned_bytes(const Call& c, ThreadPool& pool, size_t input) {
  const Tensor& x = c.in(input);
  const auto* from = reinterpret_cast<const uint8_t*>(x.data());
  if (x.dtype() == DType::u8) return {nullptr, from};
  TurnedBytes turned{std::make_unique_for_overwrite<uint8_t[]>(size_t(x.count()))};
  uint8_t* to = turned.memory.get();
  pool.parallel_for(x.count(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = from[i] ^ 0x80;
  });
  turned.bytes = to;
  return turned;
}

kernels::IntegerEpilogue IntegerRescaling::of_columns(int64_t first) const {
  kernels::IntegerEpilogue e = epilogue_;
  e.offsets += first;
  e.scales += first;
  if (e.column_terms) e.column_terms += first;
  if (e.real.bias) e.real.bias += first;
  if (e.real.added) e.real.added += first;
  if (e.reals) e.reals += first;
  if (e.bytes) e.bytes += first;
  return e;
}

IntegerRescaling::IntegerRescaling(const Call& c, Tensor& y, int64_t n, int64_t depth) {
  using namespace quantized;
  const auto columns = size_t(n);
  // Modulo 2^32, as the sums.
  const int32_t turn = c.dtype(0) == DType::i8 ? 128 : 0;
  const int32_t zero = turn + (c.has(kZero) ? int32_t(load_integer(c.in(kZero), 0)) : 0);
  x_zero_ = uint8_t(zero);
  const auto sums = c.in(kSums).as<int32_t>();
  offsets_.resize(columns);
  for (size_t j = 0; j < columns; ++j) offsets_[j] = int32_t(-(uint32_t(zero) * uint32_t(sums[j])));
  if (c.has(kOffset)) {
    const auto offset = c.in(kOffset).as<int32_t>();
    for (size_t j = 0; j < columns; ++j)
      offsets_[j] = int32_t(uint32_t(offsets_[j]) + uint32_t(offset[j]));
  }
  if (c.has(kWeightZero)) {
    const auto weight_zero = c.in(kWeightZero).as<int8_t>();
    column_terms_.resize(columns);
    for (size_t j = 0; j < columns; ++j) {
      column_terms_[j] = -weight_zero[j];
      offsets_[j] = int32_t(uint32_t(offsets_[j]) +
                            uint32_t(depth) * uint32_t(zero) * uint32_t(int32_t(weight_zero[j])));
    }
    epilogue_.column_terms = column_terms_.data();
  }
  const auto scale = c.in(kScale).as<float>();
  if (scale.size() == 1) scales_.assign(columns, scale[0]);
  epilogue_.scales = scale.size() == 1 ? scales_.data() : scale.data();
  epilogue_.offsets = offsets_.data();
  epilogue_.real = epilogue_of(c, n);
  epilogue_.row = n;
  const float most = largest(scale),
              most_bias = c.has(kBias) ? largest(c.in(kBias).as<float>()) : 0;
  epilogue_.finite = std::isfinite(most) && std::isfinite(most_bias) &&
                     std::isfinite(epilogue_.real.low) && std::isfinite(epilogue_.real.high);
  epilogue_.bounded = most <= 0.5f && most_bias <= 0x1p29f;
  epilogue_.multiplier = float(c.real("multiplier"));
  if (!c.has(kResultZero)) {
    epilogue_.reals = y.as<float>().data();
    return;
  }
  epilogue_.bytes = reinterpret_cast<uint8_t*>(y.mutable_data());
  epilogue_.zero = int32_t(load_integer(c.in(kResultZero), 0));
  if (y.dtype() == DType::i8) epilogue_.least = -128, epilogue_.most = 127;
}

}  // namespace hone::cpu
