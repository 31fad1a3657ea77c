// A product of rows in quantized blocks with a packed matrix of block-quantized weights, with bias,
// residual and activation.
#include "ops/block_linear.h"

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "ops/activation.h"
#include "ops/window.h"

namespace hone {

namespace block_linear {

uint8_t code_at(const uint8_t* unit, int64_t bits, int64_t k, int64_t j) {
  const int64_t low = low_bits(bits), high = bits - low;
  const Place at = place(low, k, j);
  int code = unit[at.byte] >> at.shift & ((1 << low) - 1);
  if (high == 0) return uint8_t(code);
  const Place above = place(high, k, j);
  code |= (unit[unit_bytes(low) + above.byte] >> above.shift & ((1 << high) - 1)) << low;
  return uint8_t(code);
}

void put_code(uint8_t* unit, int64_t bits, int64_t k, int64_t j, uint8_t code) {
  const int64_t low = low_bits(bits), high = bits - low;
  const Place at = place(low, k, j);
  unit[at.byte] |= uint8_t((code & ((1 << low) - 1)) << at.shift);
  if (high == 0) return;
  const Place above = place(high, k, j);
  unit[unit_bytes(low) + above.byte] |= uint8_t(code >> low << above.shift);
}

int64_t row_block(const Infer& c) {
  const int64_t given = c.integer("row_block");
  return given > 0 ? given : c.integer("block");
}

Weights::Weights(const Call& c, const WeightInputs& in)
    : c_(c),
      in_(in),
      bits_(c.integer("bits")),
      block_(c.integer("block")),
      super_(c.integer("super")),
      zero_(c.integer("zero")) {
  if (c.given("table")) table_ = c.list("table").data();
}

int64_t Weights::code(int64_t k, int64_t j) const {
  const Tensor& codes = c_.in(in_.codes);
  const int64_t unit = j / kColumns * codes.shape()[1] + k / kUnit;
  const auto* at = reinterpret_cast<const uint8_t*>(codes.data()) + unit * unit_bytes(bits_);
  const int64_t code = code_at(at, bits_, k % kUnit, j % kColumns);
  return table_ ? table_[code] : code - zero_;
}

float Weights::real_at(size_t input, int64_t k, int64_t j) const {
  const Tensor& r = c_.in(input);
  const int64_t at = j / kColumns * r.shape()[1] + k / scale_rows();
  return float(load_real(r, at * kColumns + j % kColumns));
}

Weights::Rule Weights::rule(int64_t block, int64_t j) const {
  if (!c_.has(in_.fine)) return {};
  const Tensor& f = c_.in(in_.fine);
  const int64_t fine =
      load_integer(f, (j / kColumns * f.shape()[1] + block) * kColumns + j % kColumns);
  const int bits = table_ ? 7 : int(bits_) - 1;
  if (f.dtype() == DType::i8) return {0, fine, 8 + bits};
  // The lower seven bits are the scale, the upper nine its shift.
  return {(fine >> 7) * (int64_t{1} << bits), fine & 127, 8 + bits};
}

int64_t Weights::integer(int64_t k, int64_t j) const {
  const Rule r = rule(k / block_, j);
  const int64_t product = (code(k, j) * 256 + r.shift) * r.fine;
  return (product + (int64_t{1} << (r.bits - 1))) >> r.bits;
}

void Weights::column(int64_t j, int64_t depth, float* to) const {
  for (int64_t begin = 0; begin < depth; begin += block_) {
    const Rule r = rule(begin / block_, j);
    const float unit = std::ldexp(scale(begin, j), -r.bits);
    const float least = has_minimum() ? minimum(begin, j) : 0;
    for (int64_t k = begin; k < std::min(depth, begin + block_); ++k)
      to[k] = float((code(k, j) * 256 + r.shift) * r.fine) * unit - least;
  }
}

namespace {

// Are levels of a run signed bytes?
Status expect_levels(const Infer& c, const WeightInputs& in) {
  const int64_t bits = c.integer("bits"), zero = c.integer("zero");
  if (c.integer("super") == 1) {
    // Sums of blocks have no other scales.
    return c.has(in.fine) ? shape_error(c, "fine scales of weights that are not in runs") : ok();
  }
  if (c.has(in.minimum)) return shape_error(c, "minima of weights in runs");
  if (!c.has(in.fine) && (bits != 8 || zero != 128))
    return shape_error(c, "weights in runs without fine scales that are not bytes, less 128");
  if (c.has(in.fine) && (bits == 8 || (!c.given("table") && zero != int64_t{1} << (bits - 1))))
    return attribute_error(
        c, "a zero of " + std::to_string(zero) + " is not in the middle of codes with fine scales");
  if (c.has(in.fine) && c.given("table") && c.dtype(in.fine) == DType::i16)
    return shape_error(c, "shifts of entries of a table");
  return ok();
}

Status expect_attributes(const Infer& c, const WeightInputs& in) {
  const int64_t bits = c.integer("bits"), block = c.integer("block"), zero = c.integer("zero");
  const int64_t super = c.integer("super");
  if (!has_codes_of(bits))
    return attribute_error(c, "weights of " + std::to_string(bits) + " bits, not 2 to 6 or 8");
  if (block != kUnit / 2 && (block < kUnit || block > 4096 || block % kUnit != 0))
    return attribute_error(
        c, "a block of " + std::to_string(block) + ", neither 16 nor a multiple of 32");
  const bool possible = bits == 8 ? zero == 0 || zero == 128 : zero >= 0 && zero < 1 << bits;
  if (!possible || (zero != 0 && (c.has(in.minimum) || c.given("table"))))
    return attribute_error(c, "a zero of " + std::to_string(zero) + " is not one of these codes");
  if (super != 1 && (kRun % block != 0 || super != kRun / block))
    return attribute_error(c, "scales of " + std::to_string(super) + " blocks");
  TRY(expect_levels(c, in));
  if (!c.given("table")) return ok();
  const Integers& table = c.list("table");
  for (const int64_t x : table)
    if (x < -128 || x > 127)
      return attribute_error(c, "a table of bytes holds " + std::to_string(x));
  if (bits != 4 || table.size() != 16)
    return attribute_error(c, "a table of 16 bytes goes with 4 bits");
  return ok();
}

// What lies beside the codes, [panels, count, columns of a panel].
Status expect_beside(const Infer& c, size_t codes, size_t i, const Dim& count) {
  if (!c.has(i)) return ok();
  TRY(expect_rank(c, i, 3));
  TRY(same_extent(c, extent(c, i, 0), extent(c, codes, 0), "panels of codes and scales"));
  TRY(same_extent(c, extent(c, i, 1), count, "blocks of x and scales"));
  TRY(same_extent(c, extent(c, i, 2), Dim(kColumns), "columns of a panel"));
  return ok();
}

}  // namespace

Status expect_weights(const Infer& c, const WeightInputs& in, const Dim& depth) {
  TRY(expect_attributes(c, in));
  const int64_t columns = c.integer("columns"), block = c.integer("block");
  const Dim blocks = ceil_div(depth, Dim(block));
  TRY(expect_rank(c, in.codes, 3));
  const auto panels = extent(c, in.codes, 0).constant();
  const auto room = panels ? checked_mul(*panels, kColumns) : std::nullopt;
  if (columns < 0 || (panels && (!room || columns > *room || columns <= *room - kColumns)))
    return attribute_error(c, std::to_string(columns) + " columns do not take codes of shape " +
                                  c.shape(in.codes).str());
  TRY(same_extent(c, extent(c, in.codes, 1), ceil_div(blocks * Dim(block), Dim(kUnit)),
                  "units of x and codes"));
  TRY(same_extent(c, extent(c, in.codes, 2), Dim(unit_bytes(c.integer("bits"))),
                  "bytes of a unit"));
  const Dim scales = ceil_div(blocks, Dim(c.integer("super")));
  for (const size_t i : {in.scale, in.minimum}) TRY(expect_beside(c, in.codes, i, scales));
  return expect_beside(c, in.codes, in.fine, blocks);
}

std::vector<AttrDef> weight_attrs(std::vector<AttrDef> more) {
  more.insert(more.begin(), {{"columns", AttrKind::integer, true, {}, "N"},
                             {"bits", AttrKind::integer, false, int64_t{4}},
                             {"block", AttrKind::integer, false, int64_t{32}},
                             {"zero", AttrKind::integer, false, int64_t{0}},
                             {"super", AttrKind::integer, false, int64_t{1}},
                             {"table", AttrKind::integers}});
  return more;
}

}  // namespace block_linear

namespace {

using namespace block_linear;

Status expect_rows(const Infer& c, const Shape& x) {
  const Shape& scales = c.shape(kRowScale);
  if (!scales.ranked) return ok();
  TRY(expect_rank(c, kRowScale, x.rank()));
  for (size_t i = 0; i + 1 < x.rank(); ++i)
    TRY(same_extent(c, scales.dims[i], x.dims[i], "rows of x and x_scale"));
  TRY(same_extent(c, scales.dims.back(), ceil_div(x.dims.back(), Dim(row_block(c))),
                  "blocks of x and x_scale"));
  return ok();
}

// One result for each of several products of the same rows.
Result<Types> infer_parts(const Infer& c, const Shape& whole) {
  const Integers& parts = c.list("parts");
  if (c.has(3)) return shape_error(c, "a residual is for one part");
  if (c.has(2)) TRY(expect_vector(c, 2, whole.dims.back()));
  int64_t sum = 0;
  Types types;
  for (const int64_t n : parts) {
    if (n < 1 || n % kColumns != 0 || n > c.integer("columns") - sum)
      return attribute_error(c, "a part of " + std::to_string(n) + " columns");
    sum += n;
    Shape part = whole;
    part.dims.back() = n;
    types.emplace_back(DType::f32, std::move(part));
  }
  if (sum != c.integer("columns") || types.size() != c.outputs())
    return attribute_error(c, "the parts are not all columns, or there are not as many results");
  return types;
}

Result<Types> infer(const Infer& c) {
  TRY(expect_activation(c));
  if (const int64_t rows = c.integer("row_block"), block = c.integer("block");
      rows < 0 || (rows > 0 && (rows > 4096 || block < 1 || rows % block != 0)) ||
      (c.integer("super") > 1 && row_block(c) != kRun))
    return attribute_error(c, "scales of " + std::to_string(row_block(c)) + " elements of x");
  Shape out = c.shape(0);
  if (!out.ranked) return Types{Type(DType::f32, out)};
  if (out.rank() == 0) return shape_error(c, "x has no axes");
  TRY(expect_weights(c, {}, out.dims.back()));
  TRY(expect_rows(c, out));
  out.dims.back() = c.integer("columns");
  if (c.given("parts")) return infer_parts(c, out);
  if (c.has(2)) TRY(expect_vector(c, 2, out.dims.back()));
  if (c.has(3) && c.shape(3).ranked) {
    TRY(expect_rank(c, 3, out.rank()));
    for (size_t i = 0; i < out.rank(); ++i)
      TRY(same_extent(c, c.shape(3).dims[i], out.dims[i], "residual and result"));
  }
  return Types{Type(DType::f32, std::move(out))};
}

// A row of x and what a column of W makes of it: every step rounded to f32 as kernels do it.
float element(const Call& c, const Weights& w, int64_t row, int64_t j) {
  const int64_t depth = c.in(0).shape().back(), rows = w.scale_rows(), row_rows = row_block(c);
  const int64_t row_blocks = (depth + row_rows - 1) / row_rows;
  float sum = 0;
  for (int64_t begin = 0; begin < depth; begin += rows) {
    int64_t products = 0, all = 0;
    for (int64_t k = begin; k < std::min(depth, begin + rows); ++k) {
      const int64_t x = load_integer(c.in(0), row * depth + k);
      products += x * w.integer(k, j);
      all += x;
    }
    const auto scale = float(load_real(c.in(kRowScale), row * row_blocks + begin / row_rows));
    sum = std::fma(float(products), w.scale(begin, j) * scale, sum);
    if (w.has_minimum()) sum = std::fma(-w.minimum(begin, j), float(all) * scale, sum);
  }
  return sum;
}

Status reference(Call& c) {
  const int64_t columns = c.integer("columns");
  const Integers parts = c.given("parts") ? c.list("parts") : Integers{columns};
  const Weights weights(c);
  int64_t first = 0;
  for (size_t part = 0; part < parts.size(); first += parts[part++]) {
    Tensor& y = *TRY(c.out(part));
    const int64_t n = parts[part];
    for (int64_t i = 0; i < y.count(); ++i) {
      const int64_t j = first + i % n;
      float x = element(c, weights, i / n, j);
      if (c.has(2)) x += float(load_real(c.in(2), j));
      if (c.has(3)) x += float(load_real(c.in(3), i));
      store_real(y, i, activated(c, double(x)));
    }
  }
  return ok();
}

}  // namespace

const OpDef& block_linear_op() {
  static constexpr auto kOptional = Port::Presence::optional;
  static const OpDef def{
      .name = "block_linear",
      .doc =
          "y = activation(s + bias + residual), s the sum over blocks b of W's rows, in f32 and in "
          "order, of fma(sum of x (q - zero), scale x_scale, s) and then fma(-minimum, (sum of x) "
          "x_scale, s), where sums over a block are exact. x [..., K] and x_scale [..., ceil(K / "
          "row_block)] as of quantize_blocks; codes q of `bits` in [ceil(N / 16), units of 32 "
          "rows, bytes of a unit]. A unit has eight groups of four rows; codes of w = 2, 4, 8 bits "
          "lie in w lines of [16, 4] bytes, group g in line g mod w from bit g / w * w on; 3, 5 "
          "and 6 bits are 2 + 1, 4 + 1 and 4 + 2, one behind the other. `table` gives what codes "
          "stand for. scale, minimum [ceil(N / 16), ceil(blocks / super), 16]. With `super`, the "
          "blocks of 256 rows, a run, sums are those of runs, of levels in place of q - zero: (q - "
          "zero) fine / 2^(bits - 1), of a table entry fine / 2^7, rounded, halves up, where fine "
          "[ceil(N / 16), blocks, 16] is given. Of 16 bits the lower seven are fine, the upper "
          "nine "
          "a shift, and shift fine / 2^8 is added before rounding, not to entries of a table. "
          "Levels have to be signed bytes: what others give is not defined. bias [N], residual as "
          "y [..., N]. With parts, whole panels each, the columns are those of several results.",
      .inputs = {{"x", DType::i8},
                 {"codes", DType::u8},
                 {"bias", DType::f32, 0, kOptional},
                 {"residual", DType::f32, 0, kOptional},
                 {"x_scale", DType::f32},
                 {"scale", DType::f32 | DTypes(DType::f16), 'S'},
                 {"minimum", DType::f32 | DTypes(DType::f16), 'S', kOptional},
                 {"fine", DType::i8 | DTypes(DType::i16), 0, kOptional}},
      .outputs = {{"y", DType::f32, 0, Port::Presence::variadic}},
      .attrs = activation_attrs(
          weight_attrs({{"row_block", AttrKind::integer, false, int64_t{0}},
                        {"parts", AttrKind::integers, false, {}, "columns of each result"}})),
      .infer = infer,
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            Dim count = 0;
            for (const Type& y : out) count = count + element_count(y.tensor.shape);
            const Shape& x = c.shape(0);
            cost.macs = x.ranked && x.rank() > 0 ? count * x.dims.back() : Dim::unknown();
            cost.flops = cost.macs * Dim(2) + count * Dim(int64_t(c.has(2)) + int64_t(c.has(3)));
            return cost;
          },
      .reference = reference,
      .examples =
          {R"(graph block_linear_plain(x: i8[2,5,40], w: u8[1,2,256], a: f32[2,5,2], s: f32[1,2,16]) -> (y) {
        y = block_linear(x, w, _, _, a, s) <columns=7, zero=8>
      })",
           R"(graph block_linear_all(x: i8[5,64], w: u8[2,2,512], b: f32[17], r: f32[5,17], a: f32[5,1], s: f16[2,1,16], m: f16[2,1,16]) -> (y) {
        y = block_linear(x, w, b, r, a, s, m) <columns=17, bits=8, block=64, activation="relu">
      })",
           R"(graph block_linear_fine(x: i8[3,288], w: u8[1,9,384], a: f32[3,2], s: f16[1,2,16], f: i8[1,18,16]) -> (y) {
        y = block_linear(x, w, _, _, a, s, _, f) <columns=9, bits=6, block=16, zero=32, super=16, row_block=256>
      })",
           R"(graph block_linear_shifted(x: i8[3,288], w: u8[1,9,256], a: f32[3,2], s: f16[1,2,16]) -> (y) {
        f = constant_of_shape(i64[3]{1, 9, 16}, i16[1]{-12989})
        y = block_linear(x, w, _, _, a, s, _, f) <columns=9, zero=8, super=8, row_block=256>
      })",
           R"(graph block_linear_levels(x: i8[3,288], w: u8[1,9,512], a: f32[3,2], s: f16[1,2,16]) -> (y) {
        y = block_linear(x, w, _, _, a, s) <columns=9, bits=8, zero=128, super=8, row_block=256>
      })",
           R"(graph block_linear_parts(x: i8[2,32], w: u8[3,1,256], b: f32[48], a: f32[2,1], s: f32[3,1,16]) -> (y, z) {
        y, z = block_linear(x, w, b, _, a, s) <columns=48, zero=8, parts=[32, 16]>
      })",
           R"(graph block_linear_table(x: i8[6,64], w: u8[1,2,256], a: f32[6,2], s: f16[1,2,16]) -> (y) {
        y = block_linear(x, w, _, _, a, s) <columns=16,
          table=[-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]>
      })"},
  };
  return def;
}

}  // namespace hone
