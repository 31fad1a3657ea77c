// Windows of signal processing, and the weights of the mel scale.
#include <algorithm>
#include <numbers>

#include "ops/movement.h"

namespace hone {
namespace {

constexpr DTypes kOut = kNumbers;

Result<Types> infer_window(const Infer& c) {
  if (!kOut.has(c.dtype_attr("output_datatype")))
    return attribute_error(
        c, "output_datatype is " + std::string(name(c.dtype_attr("output_datatype"))));
  TRY(expect_list(c, 0));
  if (auto n = element_count(c.shape(0)).constant(); n && *n != 1)
    return shape_error(c, "the size must be one integer, has shape " + c.shape(0).str());
  Dim size = Dim::unknown();
  if (const Known* known = c.known(0); known && known->size() == 1) size = (*known)[0];
  if (auto n = size.constant(); n && *n < 0)
    return value_error(c, "the size is " + std::to_string(*n));
  return Types{Type(c.dtype_attr("output_datatype"), {size})};
}

// a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N), N the size or, not periodic, one less.
Status cosines(Call& c, double a0, double a1, double a2) {
  Tensor& y = *TRY(c.out(0));
  const int64_t size = y.count();
  const int64_t period = c.integer("periodic") != 0 ? size : size - 1;
  for (int64_t n = 0; n < size; ++n) {
    const double turn = period == 0 ? std::numbers::pi  // a single point is the top
                                    : 2 * std::numbers::pi * double(n) / double(period);
    store_real(y, n, a0 - a1 * std::cos(turn) + a2 * std::cos(2 * turn));
  }
  return ok();
}

OpDef window(std::string_view name, std::string_view doc, Status (*reference)(Call&),
             std::string_view example) {
  return {
      .name = name,
      .doc = doc,
      .inputs = {{"size", kIndices}},
      .outputs = {{"y", kOut}},
      .attrs = {{"output_datatype", AttrKind::dtype, false, DType::f32},
                {"periodic", AttrKind::integer, false, int64_t{1}}},
      .infer = infer_window,
      .reference = reference,
      .examples = {example},
  };
}

// --- mel_weight_matrix ---------------------------------------------------------------------------

Result<std::optional<int64_t>> integer_input(const Infer& c, size_t i, int64_t least) {
  const auto values = c.integers(i);
  if (!values || values->size() != 1) return std::optional<int64_t>{};
  if ((*values)[0] < least || (*values)[0] > (int64_t{1} << 40))
    return value_error(c,
                       std::string(c.op().inputs[i].name) + " is " + std::to_string((*values)[0]));
  return std::optional<int64_t>((*values)[0]);
}

Result<Types> infer_mel(const Infer& c) {
  if (!kOut.has(c.dtype_attr("output_datatype")))
    return attribute_error(
        c, "output_datatype is " + std::string(name(c.dtype_attr("output_datatype"))));
  for (size_t i = 0; i < 5; ++i)
    if (auto n = element_count(c.shape(i)).constant(); n && *n != 1)
      return shape_error(
          c, "input " + std::to_string(i) + " must be a scalar, has shape " + c.shape(i).str());
  const auto bins = TRY(integer_input(c, 0, 0)), length = TRY(integer_input(c, 1, 1));
  TRY(integer_input(c, 2, 1));
  return Types{
      Type(c.dtype_attr("output_datatype"),
           {length ? Dim(*length / 2 + 1) : Dim::unknown(), bins ? Dim(*bins) : Dim::unknown()})};
}

Status mel(Call& c) {
  Tensor& y = *TRY(c.out(0));
  const int64_t rows = y.shape()[0], bins = y.shape()[1];
  const double length = load_real(c.in(1), 0), rate = load_real(c.in(2), 0);
  const auto to_mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double low = to_mel(load_real(c.in(3), 0)), high = to_mel(load_real(c.in(4), 0));
  if (!std::isfinite(low) || !std::isfinite(high) || high < low)
    return value_error(c, "the edges in hertz are " + std::to_string(load_real(c.in(3), 0)) +
                              " and " + std::to_string(load_real(c.in(4), 0)));
  // The edges of the triangles, in rows of the spectrum: each starts at the centre of the one
  // before.
  const double step = (high - low) / double(bins + 2);
  std::vector<int64_t> edges;
  for (int64_t i = 0; i < bins + 2; ++i) {
    const double hertz = 700 * (std::pow(10.0, (double(i) * step + low) / 2595) - 1);
    const double bin = std::floor((length + 1) * hertz / rate);
    edges.push_back(int64_t(std::clamp(bin, 0.0, 1e15)));
  }
  for (int64_t i = 0; i < bins; ++i) {
    const int64_t lower = edges[size_t(i)], centre = edges[size_t(i) + 1],
                  upper = edges[size_t(i) + 2];
    if (centre == lower) {
      if (centre < rows) store_real(y, centre * bins + i, 1);
    } else {
      for (int64_t k = lower; k <= std::min(centre, rows - 1); ++k)
        store_real(y, k * bins + i, double(k - lower) / double(centre - lower));
    }
    for (int64_t k = centre; k < std::min(upper, rows); ++k)
      store_real(y, k * bins + i, double(upper - k) / double(upper - centre));
  }
  return ok();
}

}  // namespace

const OpDef& hann_window_op() {
  static const OpDef def = window(
      "hann_window",
      "0.5 - 0.5 cos(2 pi n / N) for n < size; N is the size, or one less "
      "when not periodic.",
      [](Call& c) { return cosines(c, 0.5, 0.5, 0); },
      R"(graph windowed(x: f32[8]) -> (y) { y = mul(x, hann_window(i64{8})) })");
  return def;
}

const OpDef& hamming_window_op() {
  static const OpDef def = window(
      "hamming_window",
      "25/46 - 21/46 cos(2 pi n / N) for n < size; N is the size, or one "
      "less when not periodic.",
      [](Call& c) { return cosines(c, 25.0 / 46, 21.0 / 46, 0); },
      R"(graph windowed(x: f32[8]) -> (y) { y = mul(x, hamming_window(i64{8}) <periodic=0>) })");
  return def;
}

const OpDef& blackman_window_op() {
  static const OpDef def = window(
      "blackman_window",
      "0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N) for n < size; N "
      "is the size, or one less when not periodic.",
      [](Call& c) { return cosines(c, 0.42, 0.5, 0.08); },
      R"(graph windowed(x: f32[8]) -> (y) { y = mul(x, blackman_window(i64{8})) })");
  return def;
}

const OpDef& mel_weight_matrix_op() {
  static const OpDef def{
      .name = "mel_weight_matrix",
      .doc =
          "[dft_length / 2 + 1, num_mel_bins]: triangles over the bins of a spectrum whose "
          "corners are evenly spaced in mel = 2595 log10(1 + hertz / 700) (ONNX).",
      .inputs = {{"num_mel_bins", kIndices},
                 {"dft_length", kIndices},
                 {"sample_rate", kIndices},
                 {"lower_edge_hertz", kFloats},
                 {"upper_edge_hertz", kFloats}},
      .outputs = {{"y", kOut}},
      .attrs = {{"output_datatype", AttrKind::dtype, false, DType::f32}},
      .infer = infer_mel,
      .reference = mel,
      .examples = {R"(graph mel_weights(x: f32[2,9]) -> (y) {
        y = matmul(x, mel_weight_matrix(i64{8}, i64{16}, i64{8192}, f32{0}, f32{4096}))
      })"},
  };
  return def;
}

}  // namespace hone
