// Products of bytes as products of tiles (AMX): 16 rows of 64 bytes with 64 rows of 16 columns.
#include "kernels/integer_gemm/dots_avx512.h"
#include "kernels/tile_config.h"

namespace hone::kernels {
namespace {

constexpr int64_t kTileRows = 16, kTileBytes = 64;

// Tiles 0 to 3 hold sums, 4 and 5 rows of A, 6 and 7 parts of panels.
void configure(int64_t upper, int64_t lower) {
  TileConfig config;
  for (int i = 0; i < 2; ++i) {
    config.set(i, upper, kTileBytes);
    config.set(2 + i, lower, kTileBytes);
    config.set(4 + i, i == 0 ? upper : lower, kTileBytes);
    config.set(6 + i, kTileRows, kTileBytes);
  }
  load(config);
}

void enter() { configure(kTileRows, kTileRows); }
void leave() { _tile_release(); }

constexpr int kQuarters = 4;

// Calls store(finish), which calls finish(0) to finish(3): tiles take as long to multiply and to be
// stored as the sums before take to become bytes, and the two overlap only in small parts.
inline SumRows quarter_of(const SumRows& s, int q) {
  const int64_t part = (s.rows + 4 * kQuarters - 1) / (4 * kQuarters) * 4, first = q * part;
  const int64_t rows = s.rows - first < part ? s.rows - first : part;
  return {s.first + first * s.step, s.step, s.row + first, rows};
}

bool packs_plainly(const IntegerEpilogue& e) {
  return only_limits(e) && e.bounded && !e.real.bias && !e.row_terms;
}

template <class Store>
void finish_between(const IntegerSums* s, Store store) {
  const auto quarter = [&](int q) { return quarter_of({s->first, s->step, s->row, s->rows}, q); };
  if (!s) return store([](int) {});
  const IntegerEpilogue& e = *s->epilogue;
  const auto packed = [&]<int kVectors>() {
    const PackedColumns<kVectors, true> columns(e, s->column, s->columns);
    store([&](int q) { columns.rows(quarter(q)); });
  };
  if (s->columns > kIntegerPanel) return packed.template operator()<2>();
  packed.template operator()<1>();
}

// Up to 32 rows and two panels. Parts of panels pass by the first-level cache, which rows of A
// fill.
template <bool kTwoRows, bool kTwoPanels>
void products(const IntegerTile& t) {
  const int64_t sums_step = t.sums_step * int64_t(sizeof(int32_t));
  int32_t* lower = t.sums + kTileRows * t.sums_step;
  if (t.add) {
    _tile_loadd(0, t.sums, sums_step);
    if (kTwoPanels) _tile_loadd(1, t.sums + kIntegerPanel, sums_step);
    if (kTwoRows) _tile_loadd(2, lower, sums_step);
    if (kTwoRows && kTwoPanels) _tile_loadd(3, lower + kIntegerPanel, sums_step);
  } else {
    _tile_zero(0);
    if (kTwoPanels) _tile_zero(1);
    if (kTwoRows) _tile_zero(2);
    if (kTwoRows && kTwoPanels) _tile_zero(3);
  }
  const uint8_t* a = t.a;
  const int8_t* b = t.b;
  const int8_t* ahead = t.ahead;
  const int64_t lines = ahead ? t.lines : 0;
  for (int64_t k = 0; k < t.depth; k += kTileBytes, a += kTileBytes, b += kTileBytes * kTileRows) {
    _tile_stream_loadd(6, b, kTileBytes);
    for (int64_t i = 0; i < lines; ++i, ahead += kTileBytes) __builtin_prefetch(ahead, 0, 2);
    _tile_loadd(4, a, t.a_step);
    _tile_dpbusd(0, 4, 6);
    if (kTwoPanels) {
      _tile_stream_loadd(7, b + t.panel_step, kTileBytes);
      _tile_dpbusd(1, 4, 7);
    }
    if (kTwoRows) {
      _tile_loadd(5, a + kTileRows * t.a_step, t.a_step);
      _tile_dpbusd(2, 5, 6);
    }
    if (kTwoRows && kTwoPanels) _tile_dpbusd(3, 5, 7);
  }
  const auto store = [&](auto between) {
    between(0);
    _tile_stored(0, t.sums, sums_step);
    between(1);
    if (kTwoPanels) _tile_stored(1, t.sums + kIntegerPanel, sums_step);
    between(2);
    if (kTwoRows) _tile_stored(2, lower, sums_step);
    between(3);
    if (kTwoRows && kTwoPanels) _tile_stored(3, lower + kIntegerPanel, sums_step);
  };
  finish_between(t.before, store);
}

void configured(const IntegerTile& t) {
  const bool two_rows = t.rows > kTileRows, two_panels = t.panels > 1;
  if (two_rows && two_panels) return products<true, true>(t);
  if (two_rows) return products<true, false>(t);
  if (two_panels) return products<false, true>(t);
  products<false, false>(t);
}

bool takes_strips(int64_t depth, const IntegerEpilogue& e) {
  return depth <= kTileBytes && packs_plainly(e);
}

template <bool kTwoPanels, int kVectors>
void strip_of(const IntegerStrip& s) {
  constexpr int64_t kRows = 2 * kTileRows, kStep = 2 * kIntegerPanel;
  constexpr int64_t kStepBytes = kStep * int64_t(sizeof(int32_t));
  const PackedColumns<kVectors, true> columns(*s.epilogue, s.column, s.columns);
  _tile_loadd(6, s.b, kTileBytes);
  if (kTwoPanels) _tile_loadd(7, s.b + s.panel_step, kTileBytes);
  SumRows before{nullptr, kStep, 0, 0};
  int32_t* sums = s.sums;
  for (int64_t i = 0; i < s.rows; i += kRows) {
    const bool last = i + kRows >= s.rows;
    const uint8_t* a = last ? s.last : s.a + i * s.a_step;
    const int64_t a_step = last ? s.last_step : s.a_step;
    // Rows that were computed before.
    const int64_t again = last ? kRows - (s.rows - i) : 0;
    int32_t* lower = sums + kTileRows * kStep;
    _tile_zero(0);
    if (kTwoPanels) _tile_zero(1);
    _tile_zero(2);
    if (kTwoPanels) _tile_zero(3);
    _tile_loadd(4, a, a_step);
    _tile_dpbusd(0, 4, 6);
    if (kTwoPanels) _tile_dpbusd(1, 4, 7);
    _tile_loadd(5, a + kTileRows * a_step, a_step);
    _tile_dpbusd(2, 5, 6);
    if (kTwoPanels) _tile_dpbusd(3, 5, 7);
    columns.rows(quarter_of(before, 0));
    _tile_stored(0, sums, kStepBytes);
    columns.rows(quarter_of(before, 1));
    if (kTwoPanels) _tile_stored(1, sums + kIntegerPanel, kStepBytes);
    columns.rows(quarter_of(before, 2));
    _tile_stored(2, lower, kStepBytes);
    columns.rows(quarter_of(before, 3));
    if (kTwoPanels) _tile_stored(3, lower + kIntegerPanel, kStepBytes);
    before = {sums + again * kStep, kStep, s.row + i, kRows - again};
    sums = sums == s.sums ? s.sums + kRows * kStep : s.sums;
  }
  columns.rows(before);
}

void strip(const IntegerStrip& s) {
  if (s.panels == 1) return strip_of<false, 1>(s);
  strip_of<true, 2>(s);
}

void tile(const IntegerTile& t) {
  const int64_t upper = t.rows < kTileRows ? t.rows : kTileRows;
  const int64_t lower = t.rows > kTileRows ? t.rows - kTileRows : kTileRows;
  if (upper == kTileRows && lower == kTileRows) return configured(t);
  configure(upper, lower);
  configured(t);
  enter();
}

}  // namespace

const IntegerGemmKernel kIntegerGemmAmx{
    2 * kTileRows, 2,     2 * kTileRows, kTileBytes,  nullptr, 1,     tile,   packs_plainly,
    takes_strips,  strip, thin,          kThinPanels, enter,   leave, finish, row_sums};

}  // namespace hone::kernels
