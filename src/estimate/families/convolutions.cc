// Convolutions and pooling; where nothing else is said, channels are the last axis.
#include "estimate/families/shapes.h"
#include "kernels/gemm/features.h"
#include "kernels/integer_gemm/features.h"
#include "kernels/winograd/features.h"

namespace hone::estimate {
namespace {

const Shape& out_of(const Step& step) { return step.out->front().tensor.shape; }

double pieces_of(double work, double pieces) { return work < 65536 ? 1 : std::max(1.0, pieces); }

bool is_laid_out(const WindowCounts& w, double filters, const Machine& machine) {
  return kernels::reads_lines(machine.tile_rows, machine.tile_columns, int64_t(w.width),
                              int64_t(filters));
}

Work conv_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape& out = out_of(step);
  const WindowCounts w = window_of(call, out);
  const auto group = double(call.integer("group"));
  const double channels = last_of(call.shape(0)) / group, filters = last_of(out) / group;
  const double k = channels * w.positions;
  const auto c = kernels::gemm_counts(
      {w.outputs, filters, k, double(machine.tile_rows), double(machine.tile_columns), !w.pixels});
  // Windows under few filters are read where their lines have been laid out; others are gathered in
  // pieces of memory, one for each line of the kernel.
  const bool laid =
      !w.pixels && filters <= double(machine.tile_columns) && is_laid_out(w, filters, machine);
  const double pieces = w.pixels || laid ? 0 : w.outputs * std::sqrt(w.positions);
  std::array<double, kMostCounts> counts{c.multiplies,  c.tile_steps,        c.tiles, c.results,
                                         c.panel_reads, laid ? 0 : c.packed, pieces};
  for (double& n : counts) n *= group;
  return {counts,
          {log_of(w.outputs), log_of(filters), log_of(k),
           (w.pixels ? 0 : log_of(w.positions) + (laid ? 2 : 0)) + 2 * (w.stride - 1)},
          pieces_of(w.outputs * filters * group * k,
                    ceil_div(w.outputs, double(machine.tile_rows)) *
                        ceil_div(filters, double(machine.tile_columns)) * group)};
}

// Of images whose channels are planes: numbers of a window are fetched one by
// one, or read where lines have been laid out.
Work conv_image_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape& out = out_of(step);
  const WindowCounts w = window_of(call, out);
  const double channels = extent_of(call.shape(0), 1), filters = last_of(out);
  const double k = channels * w.positions;
  const auto c = kernels::gemm_counts(
      {w.outputs, filters, k, double(machine.tile_rows), double(machine.tile_columns), true});
  const double lines = w.lines * std::sqrt(w.positions) * channels;
  const bool laid = is_laid_out(w, filters, machine);
  return {{c.multiplies, c.tile_steps, c.tiles, c.results, laid ? 0 : c.packed,
           laid ? lines * w.width * w.stride : 0, lines},
          {log_of(w.outputs), log_of(filters), log_of(k), 2 * w.stride + (laid ? 2 : 0)},
          pieces_of(w.outputs * filters * k, ceil_div(w.outputs, double(machine.tile_rows)))};
}

Work winograd_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape& out = out_of(step);
  const double channels = last_of(call.shape(0)), filters = last_of(out);
  const auto c =
      kernels::winograd_counts({extent_of(out, 0), extent_of(out, 1), extent_of(out, 2), channels,
                                filters, double(machine.tile_rows), double(machine.tile_columns)});
  const double tiles = c.inputs / std::max(1.0, channels) / 36;
  return {{c.multiplies, c.tile_steps, c.tiles, c.inputs, c.weights, c.outputs,
           c.block_bytes > machine.l2_bytes / 2 ? c.inputs : 0},
          {log_of(tiles), log_of(filters), log_of(channels)},
          ceil_div(tiles, 8)};
}

Work depthwise_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape& out = out_of(step);
  const WindowCounts w = window_of(call, out);
  const double vectors = ceil_div(last_of(out), double(machine.vector));
  const double size = std::sqrt(w.positions);
  return {
      {w.outputs * vectors * w.positions, w.outputs * vectors, w.lines * size * vectors, w.lines},
      {log_of(w.outputs), log_of(last_of(out)), log_of(w.positions), 2 * w.stride},
      pieces_of(w.outputs * last_of(out) * w.positions, w.lines)};
}

Work quantized_depthwise_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape& out = out_of(step);
  const WindowCounts w = window_of(call, out);
  constexpr double kBytesOfFloat = 4;
  const double vectors = ceil_div(last_of(out), kBytesOfFloat * double(machine.vector));
  return {{w.outputs * vectors * w.positions, w.outputs * vectors, w.lines * vectors, w.lines,
           last_of(out)},
          {log_of(w.outputs), log_of(last_of(out)), log_of(w.positions), 2 * w.stride},
          pieces_of(w.outputs * last_of(out) * w.positions, w.lines)};
}

// Products of pixels before and after, band by band.
Work separable_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape &x = call.shape(0), &out = out_of(step);
  const WindowCounts w = window_of(call, out);
  const double expanded = last_of(call.shape(1)), channels = last_of(x);
  const auto vector = double(machine.vector);
  const double pixels = elements_of(x) / std::max(1.0, channels);
  const double expansion =
      call.has(5) ? pixels * ceil_div(expanded, vector) * last_of(call.shape(0)) : 0;
  const double projection = call.has(7) ? w.outputs * ceil_div(last_of(out), vector) * expanded : 0;
  return {{expansion, projection, w.outputs * ceil_div(expanded, vector) * w.positions,
           pixels * expanded, w.lines, w.outputs * last_of(out)},
          {log_of(w.outputs), log_of(expanded), log_of(channels),
           log_of(w.positions) + (call.has(5) ? 2.0 : 0) + (call.has(7) ? 0 : 4.0)},
          w.lines};
}

Work quantized_conv_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape& out = out_of(step);
  const WindowCounts w = window_of(call, out);
  const double channels = last_of(call.shape(0)), filters = last_of(out);
  const auto c =
      kernels::integer_gemm_counts({w.outputs, filters, channels * w.positions,
                                    double(machine.byte_rows), double(machine.byte_columns)});
  return {{c.dots, c.tile_steps, c.tiles, c.results, c.panel_bytes, w.pixels ? 0 : c.row_bytes,
           w.pixels ? 0 : w.outputs * std::sqrt(w.positions)},
          {log_of(w.outputs), log_of(filters), log_of(channels), log_of(w.positions)},
          pieces_of(w.outputs * filters * channels * w.positions, ceil_div(w.outputs, 32))};
}

Work conv_planes_work(const Step& step, const Infer& call, const Machine&) {
  const Shape& out = out_of(step);
  const double outputs = elements_of(out), macs = step.macs;
  return {{macs, outputs, macs / std::max(1.0, extent_of(out, 1))},
          {log_of(outputs), log_of(extent_of(out, 1)), log_of(macs / std::max(1.0, outputs)),
           log_of(extent_of(call.shape(0), 1))},
          pieces_of(macs, outputs / 64)};
}

// Products of the image with the filters, each added where it belongs.
Work conv_transpose_work(const Step& step, const Infer& call, const Machine&) {
  const Shape &x = call.shape(0), &w = call.shape(1);
  const double channels = extent_of(x, 1), group = double(call.integer("group"));
  const double pixels = elements_of(x) / std::max(1.0, channels);
  const double filters = extent_of(w, 1),
               positions = elements_of(w) / std::max(1.0, channels * filters);
  const double added = pixels * positions * filters * group;
  const double depth = channels / std::max(1.0, group);
  return {{added * depth, added, pixels * channels, pixels * positions,
           elements_of(step.out->front().tensor.shape)},
          {log_of(pixels), log_of(filters), log_of(depth), log_of(positions) + (group > 1 ? 3 : 0)},
          pieces_of(added * depth, filters * group)};
}

Work pool_planes_work(const Step& step, const Infer& call, const Machine&) {
  const double in = elements_of(call.shape(0)),
               outputs = elements_of(step.out->front().tensor.shape);
  const bool global = step.op->name.starts_with("global");
  const WindowCounts w = window_of(call, step.out->front().tensor.shape);
  const double taps = global ? 0 : outputs * w.positions;
  const bool most = step.op->name.find("max") != std::string_view::npos;
  return {
      {global ? in : 0, most ? taps : 0, most ? 0 : taps, most ? outputs : 0, most ? 0 : outputs},
      {log_of(outputs), log_of(in / std::max(1.0, outputs)), (global ? 3.0 : 0) + (most ? 0 : 2.0)},
      pieces_of(in, outputs / 64)};
}

Work pool_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape& out = out_of(step);
  const WindowCounts w = window_of(call, out);
  const double vectors = ceil_div(last_of(out), double(machine.vector));
  return {
      {w.outputs * vectors * w.positions, w.outputs * vectors, w.lines * std::sqrt(w.positions)},
      {log_of(w.outputs), log_of(last_of(out)), log_of(w.positions), 2 * w.stride},
      pieces_of(w.outputs * last_of(out) * w.positions, w.lines)};
}

bool is_conv(const Step& s) { return s.op->name == "channels_last_conv" && s.known; }

// Attributes only: the shapes are those that inference has accepted.
Infer attributes(const Step& s) { return Infer(*s.op, *s.attrs, {}, s.out->size()); }

}  // namespace

extern const Family winograd_family, conv_pixels_family, conv_image_family, conv_windows_family,
    depthwise_family, separable_family, quantized_conv_family, quantized_depthwise_family,
    conv_planes_family, conv_transpose_family, pool_family, pool_planes_family;

const Family winograd_family{
    "winograd",
    "convolutions of 3 x 3 by Winograd's way",
    {"multiplies", "tile steps", "tiles", "inputs", "weights", "outputs", "inputs of large blocks"},
    [](const Step& s) { return is_conv(s) && attributes(s).text("algorithm") == "winograd"; },
    winograd_work};
const Family conv_pixels_family{
    "conv_pixels",
    "convolutions of 1 x 1",
    {"multiplies", "tile steps", "tiles", "results", "panel reads", "packed", "pieces"},
    [](const Step& s) {
      return is_conv(s) && window_of(attributes(s), s.out->front().tensor.shape).pixels;
    },
    conv_work};
const Family conv_image_family{
    "conv_image",
    "convolutions of images whose channels are planes",
    {"multiplies", "tile steps", "tiles", "results", "fetched", "laid out", "lines"},
    [](const Step& s) { return is_conv(s) && attributes(s).integer("channels_first") != 0; },
    conv_image_work};
const Family conv_windows_family{
    "conv_windows",
    "convolutions of larger windows",
    {"multiplies", "tile steps", "tiles", "results", "panel reads", "packed", "pieces"},
    is_conv,
    conv_work};
const Family depthwise_family{
    "depthwise",
    "depthwise convolutions",
    {"taps", "outputs", "lines of taps", "lines"},
    [](const Step& s) { return s.op->name == "channels_last_depthwise_conv"; },
    depthwise_work};
const Family separable_family{
    "separable",
    "depthwise convolutions with the products around them",
    {"expansion multiplies", "projection multiplies", "taps", "expanded", "lines", "results"},
    [](const Step& s) { return s.op->name == "channels_last_separable_conv"; },
    separable_work};
const Family quantized_conv_family{
    "quantized_conv",
    "convolutions of bytes",
    {"dots", "tile steps", "tiles", "results", "panel bytes", "row bytes", "pieces"},
    [](const Step& s) { return s.op->name == "quantized_conv"; },
    quantized_conv_work};
const Family quantized_depthwise_family{
    "quantized_depthwise",
    "depthwise convolutions of bytes",
    {"taps", "outputs", "vectors of lines", "lines", "channels"},
    [](const Step& s) { return s.op->name == "quantized_depthwise_conv"; },
    quantized_depthwise_work};
const Family conv_planes_family{
    "conv_planes",
    "convolutions whose channels are not the last axis",
    {"products", "outputs", "products by filter"},
    [](const Step& s) {
      return is_one_of(s.op->name, {"conv", "conv_integer", "qlinear_conv", "deform_conv"});
    },
    conv_planes_work};
const Family conv_transpose_family{"conv_transpose",
                                   "transposed convolutions",
                                   {"products", "added", "packed", "places", "outputs"},
                                   [](const Step& s) { return s.op->name == "conv_transpose"; },
                                   conv_transpose_work};
const Family pool_family{"pool",
                         "pooling",
                         {"taps", "outputs", "lines of taps"},
                         [](const Step& s) {
                           return s.op->name.starts_with("channels_last") &&
                                  s.op->name.ends_with("_pool");
                         },
                         pool_work};
const Family pool_planes_family{"pool_planes",
                                "pooling whose channels are not the last axis",
                                {"elements", "taps of maxima", "taps of means", "maxima", "means"},
                                [](const Step& s) { return s.op->name.ends_with("_pool"); },
                                pool_planes_work};

}  // namespace hone::estimate
