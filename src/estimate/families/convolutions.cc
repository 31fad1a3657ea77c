// Convolutions and pooling; where nothing else is said, channels are the last axis.
#include "estimate/families/shapes.h"
#include "kernels/gemm/features.h"
#include "kernels/winograd/features.h"

namespace hone::estimate {
namespace {

constexpr double kBlockDepth = 384;  // kernels/gemm

const Shape& out_of(const Step& step) { return step.out->front().tensor.shape; }

double channels_of(const Step& step, const Infer& call) {
  const bool first = step.op->name == "channels_last_conv" && call.integer("channels_first") != 0;
  return first ? extent_of(call.shape(0), 1) : last_of(call.shape(0));
}

double pieces_of(double work, double pieces) { return work < 65536 ? 1 : std::max(1.0, pieces); }

Work conv_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape& out = out_of(step);
  const WindowCounts w = window_of(call, out);
  const auto group = double(call.integer("group"));
  const double channels = channels_of(step, call) / group, filters = last_of(out) / group;
  const double k = channels * w.positions;
  const auto c = kernels::gemm_counts(w.outputs, filters, k, double(machine.tile_rows),
                                      double(machine.tile_columns), kBlockDepth, !w.pixels);
  return {{group * c.tile_steps, group * c.products, group * c.results, group * c.packed,
           group * w.outputs * (w.pixels ? 0 : w.positions)},
          {log_of(w.outputs), log_of(filters), log_of(channels), w.positions > 1 ? log_of(w.positions) + 2 * w.stride : 0},
          pieces_of(w.outputs * filters * group * k,
                    ceil_div(w.outputs, double(machine.tile_rows)) *
                        ceil_div(filters, double(machine.tile_columns)) * group)};
}

Work winograd_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape& out = out_of(step);
  const double channels = last_of(call.shape(0)), filters = last_of(out);
  const auto c = kernels::winograd_counts(extent_of(out, 0), extent_of(out, 1), extent_of(out, 2),
                                          channels, filters, double(machine.tile_rows),
                                          double(machine.tile_columns));
  return {{c.tile_steps, c.inputs, c.outputs, c.tiles},
          {log_of(c.tiles), log_of(filters), log_of(channels)},
          ceil_div(c.tiles, 8)};
}

Work depthwise_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape& out = out_of(step);
  const WindowCounts w = window_of(call, out);
  const double vectors = ceil_div(last_of(out), double(machine.vector));
  const double size = std::sqrt(w.positions);
  return {{w.outputs * vectors * w.positions, w.outputs * vectors, w.lines * size * vectors,
           w.lines},
          {log_of(w.outputs), log_of(last_of(out)), log_of(w.positions), 2 * w.stride},
          pieces_of(w.outputs * last_of(out) * w.positions, w.lines)};
}

// Products of pixels before and after, band by band.
Work separable_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape &x = call.shape(0), &out = out_of(step);
  const WindowCounts w = window_of(call, out);
  const double expanded = last_of(call.shape(1)), channels = last_of(x);
  const auto rows = double(machine.tile_rows), columns = double(machine.tile_columns);
  const double pixels = elements_of(x) / std::max(1.0, channels);
  const double expansion =
      call.has(5) ? ceil_div(pixels, rows) * ceil_div(expanded, columns) * channels : 0;
  const double projection =
      call.has(7) ? ceil_div(w.outputs, rows) * ceil_div(last_of(out), columns) * expanded : 0;
  return {{expansion, projection, w.outputs * ceil_div(expanded, double(machine.vector)) * w.positions,
           pixels * expanded, w.lines},
          {log_of(w.outputs), log_of(expanded), log_of(channels), log_of(w.positions)},
          w.lines};
}

Work quantized_conv_work(const Step& step, const Infer& call, const Machine&) {
  const Shape& out = out_of(step);
  const WindowCounts w = window_of(call, out);
  const double channels = last_of(call.shape(0)), filters = last_of(out);
  const double depth = round_up(channels * w.positions, 64), panels = ceil_div(filters, 16);
  return {{ceil_div(w.outputs, 32) * panels * depth, w.outputs * panels * depth,
           w.outputs * panels, w.outputs * depth, w.outputs * w.positions},
          {log_of(w.outputs), log_of(filters), log_of(channels), log_of(w.positions)},
          pieces_of(w.outputs * filters * depth, ceil_div(w.outputs, 32))};
}

Work conv_planes_work(const Step& step, const Infer& call, const Machine&) {
  const Shape& out = out_of(step);
  const double outputs = elements_of(out), macs = step.macs;
  return {{macs, outputs, macs / std::max(1.0, extent_of(out, 1))},
          {log_of(outputs), log_of(extent_of(out, 1)), log_of(macs / std::max(1.0, outputs)),
           log_of(extent_of(call.shape(0), 1))},
          pieces_of(macs, outputs / 64)};
}

Work pool_work(const Step& step, const Infer& call, const Machine& machine) {
  const bool last = step.op->name.starts_with("channels_last");
  const Shape& out = out_of(step);
  if (!last) {
    const double in = elements_of(call.shape(0)), outputs = elements_of(out);
    return {{in, outputs, outputs * 4},
            {log_of(outputs), log_of(in / std::max(1.0, outputs))},
            pieces_of(in, outputs / 64)};
  }
  const WindowCounts w = window_of(call, out);
  const double vectors = ceil_div(last_of(out), double(machine.vector));
  return {{w.outputs * vectors * w.positions, w.outputs * vectors, w.lines * std::sqrt(w.positions)},
          {log_of(w.outputs), log_of(last_of(out)), log_of(w.positions), 2 * w.stride},
          pieces_of(w.outputs * last_of(out) * w.positions, w.lines)};
}

bool is_conv(const Step& s) { return s.op->name == "channels_last_conv" && s.known; }

// Attributes only: the shapes are those that inference has accepted.
Infer attributes(const Step& s) { return Infer(*s.op, *s.attrs, {}, s.out->size()); }

}  // namespace

extern const Family winograd_family, conv_pixels_family, conv_windows_family, depthwise_family,
    separable_family, quantized_conv_family, quantized_depthwise_family, conv_planes_family,
    pool_family;

const Family winograd_family{"winograd", "convolutions of 3 x 3 by Winograd's way",
                             {"tile steps", "inputs", "outputs", "tiles"},
                             [](const Step& s) {
                               return is_conv(s) && attributes(s).text("algorithm") == "winograd";
                             },
                             winograd_work};
const Family conv_pixels_family{
    "conv_pixels", "convolutions of 1 x 1",
    {"tile steps", "products", "results", "packed", "gathered"},
    [](const Step& s) {
      return is_conv(s) && window_of(attributes(s), s.out->front().tensor.shape).pixels;
    },
    conv_work};
const Family conv_windows_family{"conv_windows", "convolutions of larger windows",
                                 {"tile steps", "products", "results", "packed", "gathered"},
                                 is_conv, conv_work};
const Family depthwise_family{
    "depthwise", "depthwise convolutions",
    {"taps", "outputs", "lines of taps", "lines"},
    [](const Step& s) { return s.op->name == "channels_last_depthwise_conv"; }, depthwise_work};
const Family separable_family{
    "separable", "depthwise convolutions with the products around them",
    {"expansion steps", "projection steps", "taps", "expanded", "lines"},
    [](const Step& s) { return s.op->name == "channels_last_separable_conv"; }, separable_work};
const Family quantized_conv_family{"quantized_conv", "convolutions of bytes",
                                   {"tile steps", "products", "results", "row bytes", "gathered"},
                                   [](const Step& s) { return s.op->name == "quantized_conv"; },
                                   quantized_conv_work};
const Family quantized_depthwise_family{
    "quantized_depthwise", "depthwise convolutions of bytes",
    {"taps", "outputs", "lines of taps", "lines"},
    [](const Step& s) { return s.op->name == "quantized_depthwise_conv"; }, depthwise_work};
const Family conv_planes_family{"conv_planes", "convolutions whose channels are not the last axis",
                                {"products", "outputs", "products by filter"},
                                [](const Step& s) {
                                  return is_one_of(s.op->name, {"conv", "conv_transpose",
                                                                "conv_integer", "qlinear_conv",
                                                                "deform_conv"});
                                },
                                conv_planes_work};
const Family pool_family{"pool", "pooling",
                         {"taps", "outputs", "lines of taps"},
                         [](const Step& s) { return s.op->name.ends_with("_pool"); }, pool_work};

}  // namespace hone::estimate
