// A product of rows in quantized blocks with a packed matrix of block-quantized weights, with bias,
// residual and activation.
#include "ops/block_linear.h"

#include <cmath>

#include "base/checked.h"
#include "ops/activation.h"
#include "ops/window.h"

namespace hone {
namespace {

using namespace block_linear;

Status expect_attributes(const Infer& c) {
  const int64_t bits = c.integer("bits"), block = c.integer("block"), zero = c.integer("zero");
  if (bits != 4 && bits != 8)
    return attribute_error(c, "weights of " + std::to_string(bits) + " bits, not 4 or 8");
  if (block < kUnit || block > 4096 || block % kUnit != 0)
    return attribute_error(c, "a block of " + std::to_string(block) + ", not a multiple of 32");
  const bool possible = bits == 4 ? zero >= 0 && zero < 16 : zero == 0 || zero == 128;
  if (!possible || (zero != 0 && c.has(kMinimum)))
    return attribute_error(c, "a zero of " + std::to_string(zero) + " is not one of these codes");
  return ok();
}

// Codes and scales for this many columns and rows of W.
Status expect_weights(const Infer& c, const Dim& depth) {
  const int64_t columns = c.integer("columns"), block = c.integer("block");
  const Dim blocks = ceil_div(depth, Dim(block));
  TRY(expect_rank(c, kCodes, 3));
  const auto panels = extent(c, kCodes, 0).constant();
  const auto room = panels ? checked_mul(*panels, kColumns) : std::nullopt;
  if (columns < 0 || (panels && (!room || columns > *room || columns <= *room - kColumns)))
    return attribute_error(c, std::to_string(columns) + " columns do not take codes of shape " +
                                  c.shape(kCodes).str());
  TRY(same_extent(c, extent(c, kCodes, 1), blocks * Dim(block / kUnit), "units of x and codes"));
  TRY(same_extent(c, extent(c, kCodes, 2), Dim(unit_bytes(c.integer("bits"))), "bytes of a unit"));
  for (size_t i : {kScale, kMinimum}) {
    if (!c.has(i)) continue;
    TRY(expect_rank(c, i, 3));
    TRY(same_extent(c, extent(c, i, 0), extent(c, kCodes, 0), "panels of codes and scales"));
    TRY(same_extent(c, extent(c, i, 1), blocks, "blocks of x and scales"));
    TRY(same_extent(c, extent(c, i, 2), Dim(kColumns), "columns of a panel"));
  }
  return ok();
}

Status expect_rows(const Infer& c, const Shape& x) {
  const Shape& scales = c.shape(kRowScale);
  if (!scales.ranked) return ok();
  TRY(expect_rank(c, kRowScale, x.rank()));
  for (size_t i = 0; i + 1 < x.rank(); ++i)
    TRY(same_extent(c, scales.dims[i], x.dims[i], "rows of x and x_scale"));
  TRY(same_extent(c, scales.dims.back(), ceil_div(x.dims.back(), Dim(c.integer("block"))),
                  "blocks of x and x_scale"));
  return ok();
}

Result<Types> infer(const Infer& c) {
  TRY(expect_attributes(c));
  TRY(expect_activation(c));
  Shape out = c.shape(0);
  if (!out.ranked) return Types{Type(DType::f32, out)};
  if (out.rank() == 0) return shape_error(c, "x has no axes");
  TRY(expect_weights(c, out.dims.back()));
  TRY(expect_rows(c, out));
  out.dims.back() = c.integer("columns");
  if (c.has(2)) TRY(expect_vector(c, 2, out.dims.back()));
  if (c.has(3) && c.shape(3).ranked) {
    TRY(expect_rank(c, 3, out.rank()));
    for (size_t i = 0; i < out.rank(); ++i)
      TRY(same_extent(c, c.shape(3).dims[i], out.dims[i], "residual and result"));
  }
  return Types{Type(DType::f32, std::move(out))};
}

// One element of x W, every step rounded to f32 as kernels do it.
class Element {
 public:
  explicit Element(const Call& c)
      : c_(c),
        bits_(c.integer("bits")),
        block_(c.integer("block")),
        zero_(c.integer("zero")),
        depth_(c.in(0).shape().back()),
        blocks_((depth_ + block_ - 1) / block_) {}

  float operator()(int64_t row, int64_t j) const {
    float sum = 0;
    for (int64_t b = 0; b < blocks_; ++b) {
      int64_t dot = 0, all = 0;
      for (int64_t k = b * block_; k < std::min(depth_, (b + 1) * block_); ++k) {
        const int64_t x = load_integer(c_.in(0), row * depth_ + k);
        dot += x * (code(k, j) - zero_);
        all += x;
      }
      const auto x_scale = float(load_real(c_.in(kRowScale), row * blocks_ + b));
      sum = std::fma(float(dot), scale(kScale, b, j) * x_scale, sum);
      if (c_.has(kMinimum)) sum = std::fma(-scale(kMinimum, b, j), float(all) * x_scale, sum);
    }
    return sum;
  }

 private:
  int64_t code(int64_t k, int64_t j) const {
    const int64_t units = c_.in(kCodes).shape()[1];
    const Place at = place(bits_, k % kUnit, j % kColumns);
    const int64_t unit = j / kColumns * units + k / kUnit;
    const int64_t byte = load_integer(c_.in(kCodes), unit * unit_bytes(bits_) + at.byte);
    return bits_ == 4 ? byte >> at.shift & 15 : byte;
  }
  float scale(size_t input, int64_t b, int64_t j) const {
    const int64_t panel = j / kColumns;
    return float(load_real(c_.in(input), (panel * blocks_ + b) * kColumns + j % kColumns));
  }

  const Call& c_;
  int64_t bits_, block_, zero_, depth_, blocks_;
};

Status reference(Call& c) {
  Tensor& y = *TRY(c.out(0));
  const int64_t columns = c.integer("columns");
  const Element element(c);
  for (int64_t i = 0; i < y.count(); ++i) {
    float x = element(i / columns, i % columns);
    if (c.has(2)) x += float(load_real(c.in(2), i % columns));
    if (c.has(3)) x += float(load_real(c.in(3), i));
    store_real(y, i, activated(c, double(x)));
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
          "block)] as of quantize_blocks; codes q of `bits` in [ceil(N / 16), units of 32 rows, "
          "bytes of a unit]: of 8 bits [8, 16, 4], four consecutive rows of each of 16 columns; of "
          "4 bits [4, 16, 4], low nibbles for the first 16 rows and high ones for the others. "
          "scale, minimum [ceil(N / 16), blocks, 16]; bias [N], residual as y [..., N].",
      .inputs = {{"x", DType::i8},
                 {"codes", DType::u8},
                 {"bias", DType::f32, 0, kOptional},
                 {"residual", DType::f32, 0, kOptional},
                 {"x_scale", DType::f32},
                 {"scale", DType::f32 | DTypes(DType::f16), 'S'},
                 {"minimum", DType::f32 | DTypes(DType::f16), 'S', kOptional}},
      .outputs = {{"y", DType::f32}},
      .attrs = activation_attrs({{"columns", AttrKind::integer, true, {}, "N"},
                                 {"bits", AttrKind::integer, false, int64_t{4}},
                                 {"block", AttrKind::integer, false, int64_t{32}},
                                 {"zero", AttrKind::integer, false, int64_t{0}}}),
      .infer = infer,
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            const Dim count = element_count(out[0].tensor.shape);
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
      })"},
  };
  return def;
}

}  // namespace hone
