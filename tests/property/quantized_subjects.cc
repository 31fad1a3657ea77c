// Random calls of operators on quantized tensors.
#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "ops/block_linear.h"
#include "ops/quantized_products.h"
#include "packed_blocks.h"
#include "random_call.h"

namespace hone::testing {
namespace {

constexpr DType kBytes[] = {DType::u8, DType::i8};

DType byte(RandomCall& c) { return kBytes[c.random.between(0, 1)]; }
ValueId bytes(RandomCall& c, const Extents& shape, DType dtype) {
  // Often at the ends of the range: sums of products as large as they can be.
  const bool is_signed = dtype == DType::i8;
  if (c.random.chance(0.2))
    return is_signed ? c.integers(shape, -128, -127, dtype) : c.integers(shape, 254, 255, dtype);
  return is_signed ? c.integers(shape, -128, 127, dtype) : c.integers(shape, 0, 255, dtype);
}

// The shape of scales, and the attributes that say so: one, those of an axis, or of blocks.
Extents scales(RandomCall& c, const Extents& x, Builder::Given& attrs) {
  if (x.empty() || c.random.chance(0.5)) return c.random.chance(0.5) ? Extents{} : Extents{1};
  const int64_t axis = c.axis(x.size());
  attrs.emplace_back("axis", axis);
  const int64_t extent = x[size_t(axis < 0 ? axis + int64_t(x.size()) : axis)];
  if (c.random.chance(0.8)) return {extent};
  attrs.emplace_back("block_size", int64_t{2});
  Extents blocks = x;
  blocks[size_t(axis < 0 ? axis + int64_t(x.size()) : axis)] = (extent + 1) / 2;
  return blocks;
}

bool quantize(RandomCall& c, std::string_view op) {
  const Extents x = c.shape(0, 4);
  Builder::Given attrs;
  const Extents s = scales(c, x, attrs);
  const DType dtype = byte(c);
  const bool back = op == "dequantize_linear";
  std::vector<ValueId> inputs{back ? bytes(c, x, dtype) : c.input(x), c.input(s)};
  if (c.random.chance(0.7))
    inputs.push_back(bytes(c, s, dtype));
  else if (!back)
    attrs.emplace_back("output_dtype", dtype);
  return c.emit(op, std::move(inputs), std::move(attrs));
}

bool dynamic_quantize(RandomCall& c, std::string_view op) {
  Extents x = c.shape(0, 3);
  if (c.random.chance(0.1)) x = {c.random.between(16'000, 40'000)};  // several pieces of work
  std::vector<ValueId> inputs{c.input(x, DType::f32, true)};
  if (c.random.chance(0.3)) {
    inputs.push_back(c.input({2}, DType::f32, true));
    Tensor& range = c.data.back().tensor;
    store_real(range, 0, -0.25 * double(c.random.between(0, 8)));
    store_real(range, 1, 0.25 * double(c.random.between(0, 8)));
  }
  return c.emit(op, std::move(inputs), {}, 3);
}

// The inputs from bias on, for y of this shape, and the attributes that go with them.
Builder::Given rescaling(RandomCall& c, std::vector<ValueId>& inputs, const Extents& y, DType x) {
  const int64_t columns = y.back();
  const bool to_bytes = c.random.chance(0.5);
  const auto sometimes = [&](double chance, auto make) {
    inputs.push_back(c.random.chance(chance) ? make() : ValueId{});
  };
  sometimes(0.5, [&] { return c.input({columns}); });
  sometimes(0.3, [&] { return c.input(y); });
  inputs.push_back(c.input(c.random.chance(0.5) ? Extents{} : Extents{columns}));
  // Often as models have them: so small that kernels need not limit numbers before they round.
  const bool small = c.random.chance(0.5);
  if (small)
    for (float& x : c.data.back().tensor.as<float>()) x = std::isfinite(x) ? 0.01f * x : 0.02f;
  sometimes(0.7, [&] { return bytes(c, c.random.chance(0.5) ? Extents{} : Extents{1}, x); });
  inputs.push_back(c.integers({columns}, 0, 0, DType::i32));  // set by the caller
  sometimes(0.3, [&] { return c.integers({columns}, -128, 127, DType::i8); });
  inputs.push_back(to_bytes ? bytes(c, {}, byte(c)) : ValueId{});
  sometimes(0.2, [&] { return c.integers({columns}, -100'000, 100'000, DType::i32); });
  constexpr const char* kNames[] = {"none", "relu", "clip", "sigmoid", "silu", "gelu"};
  // Functions differ in their last bits, and a byte with them.
  const char* activation = kNames[c.random.between(0, to_bytes ? 2 : 5)];
  Builder::Given attrs{{"activation", std::string(activation)},
                       {"low", -0.5f},
                       {"high", 0.75f},
                       {"multiplier", to_bytes && !small ? 30.0f : 1.0f}};
  return attrs;
}

// Sums over the rows of [groups][4] bytes of each column of panels, into the newest vector of i32.
void set_sums(RandomCall& c, size_t panels, int64_t columns, int64_t panel_columns) {
  const auto at =
      std::ranges::find_if(c.data, [](const Datum& d) { return d.tensor.dtype() == DType::i32; });
  const Tensor& w = c.data[panels].tensor;
  const Extents& shape = w.shape();
  const int64_t groups = shape[shape.size() - 3], per = shape[shape.size() - 4];
  for (int64_t m = 0; m < columns; ++m) {
    const int64_t j = m % panel_columns;
    const int64_t panel = m / panel_columns * per + j / kPanelColumns;
    int64_t sum = 0;
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t i = 0; i < kPanelGroup; ++i)
        sum += load_integer(
            w, ((panel * groups + g) * kPanelColumns + j % kPanelColumns) * kPanelGroup + i);
    store_integer(at->tensor, m, sum);
  }
}

// Random bytes in panels [outer..., panels, groups, 16, 4]; zeros behind depth and columns.
ValueId panels(RandomCall& c, int64_t outer, int64_t columns, int64_t depth, bool grouped) {
  const int64_t count = (columns + kPanelColumns - 1) / kPanelColumns,
                groups = padded_groups(depth);
  Extents shape{count, groups, kPanelColumns, kPanelGroup};
  if (grouped) shape.insert(shape.begin(), outer);
  const ValueId v = bytes(c, shape, DType::i8);
  Tensor& w = c.data.back().tensor;
  for (int64_t i = 0; i < w.count(); ++i) {
    const int64_t k = i / (kPanelColumns * kPanelGroup) % groups * kPanelGroup + i % kPanelGroup;
    const int64_t j = i / (groups * kPanelColumns * kPanelGroup) % count * kPanelColumns +
                      i / kPanelGroup % kPanelColumns;
    if (k >= depth || j >= columns) store_integer(w, i, 0);
  }
  return v;
}

bool quantized_linear(RandomCall& c, std::string_view op) {
  Extents x = c.shape(1, 3);
  if (c.random.chance(0.2)) x = {c.random.between(30, 120), c.random.between(1, 40)};
  if (c.random.chance(0.3)) x.back() = c.random.between(60, 300);
  const int64_t columns =
      c.random.chance(0.2) ? c.random.between(60, 200) : c.random.between(1, 40);
  const DType dtype = byte(c);
  std::vector<ValueId> inputs{bytes(c, x, dtype), panels(c, 1, columns, x.back(), false)};
  Extents y = x;
  y.back() = columns;
  auto attrs = rescaling(c, inputs, y, dtype);
  set_sums(c, 1, columns, columns);
  attrs.emplace_back("columns", columns);
  const bool ranged = !inputs[quantized::kResultZero].valid() && c.random.chance(0.5);
  return c.emit(op, std::move(inputs), std::move(attrs), ranged ? 2 : 1);
}

// One axis with a random window, and what comes out of it.
int64_t window(RandomCall& c, int64_t in, int64_t kernel, Integers& pads, Integers& ends,
               Integers& strides, Integers& dilations) {
  pads.push_back(c.random.between(0, kernel - 1));
  ends.push_back(c.random.between(0, kernel - 1));
  strides.push_back(c.random.between(1, 3));
  dilations.push_back(c.random.between(1, 2));
  const int64_t covered = dilations.back() * (kernel - 1) + 1,
                room = in + pads.back() + ends.back();
  return room < covered ? 0 : (room - covered) / strides.back() + 1;
}

bool quantized_conv(RandomCall& c, std::string_view op) {
  const bool depthwise = op == "quantized_depthwise_conv";
  const auto axes = size_t(c.random.between(1, 3));
  const int64_t group = !depthwise && c.random.chance(0.3) ? c.random.between(2, 3) : 1;
  const int64_t depth = c.random.chance(0.3) ? c.random.between(20, 140) : c.random.between(1, 9);
  const int64_t columns = depthwise              ? depth
                          : c.random.chance(0.2) ? c.random.between(30, 70)
                                                 : c.random.between(1, 9);
  Extents x{c.random.between(0, 2)}, y{x[0]};
  Integers kernel, pads, ends, strides, dilations;
  int64_t positions = 1;
  for (size_t i = 0; i < axes; ++i) {
    x.push_back(c.random.between(1, axes == 1 ? 60 : 9));
    kernel.push_back(c.random.between(1, depthwise ? 5 : 3));
    positions *= kernel.back();
    y.push_back(window(c, x.back(), kernel.back(), pads, ends, strides, dilations));
  }
  x.push_back(group * depth);
  y.push_back(group * columns);
  if (std::ranges::count(y, 0) > (x[0] == 0 ? 1 : 0)) return false;
  pads.insert(pads.end(), ends.begin(), ends.end());
  const DType dtype = byte(c);
  std::vector<ValueId> inputs{bytes(c, x, dtype)};
  inputs.push_back(depthwise ? bytes(c, {positions, depth}, DType::i8)
                             : panels(c, group, columns, positions * depth, true));
  auto attrs = rescaling(c, inputs, y, dtype);
  if (!depthwise) {
    set_sums(c, 1, group * columns, columns);
    attrs.emplace_back("group", group);
    attrs.emplace_back("filters", group * columns);
  } else {
    auto at =
        std::ranges::find_if(c.data, [](const Datum& d) { return d.tensor.dtype() == DType::i32; });
    for (int64_t m = 0; m < depth; ++m) {
      int64_t sum = 0;
      for (int64_t p = 0; p < positions; ++p) sum += load_integer(c.data[1].tensor, p * depth + m);
      store_integer(at->tensor, m, sum);
    }
  }
  attrs.emplace_back("kernel_shape", kernel);
  attrs.emplace_back("pads", pads);
  attrs.emplace_back("strides", strides);
  attrs.emplace_back("dilations", dilations);
  return c.emit(op, std::move(inputs), std::move(attrs));
}

bool quantized_add(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(0, 4);
  const DType a = byte(c), b = byte(c);
  std::vector<ValueId> inputs{bytes(c, shape, a), bytes(c, shape, b)};
  inputs.push_back(c.random.chance(0.6) ? bytes(c, {}, a) : ValueId{});
  inputs.push_back(c.random.chance(0.6) ? bytes(c, {1}, b) : ValueId{});
  inputs.push_back(bytes(c, {}, byte(c)));
  constexpr const char* kNames[] = {"none", "relu", "clip"};
  Builder::Given attrs{{"a_scale", 0.01f * float(c.random.between(1, 30))},
                       {"b_scale", 0.25f},
                       {"multiplier", 0.5f * float(c.random.between(1, 40))},
                       {"activation", std::string(kNames[c.random.between(0, 2)])},
                       {"low", -1.5f},
                       {"high", 6.0f}};
  return c.emit(op, std::move(inputs), std::move(attrs));
}

bool quantize_blocks(RandomCall& c, std::string_view op) {
  Extents x = c.shape(1, 4);
  if (c.random.chance(0.3)) x.back() = c.random.between(30, 200);
  if (c.random.chance(0.1)) x = {c.random.between(300, 700), 64};  // several pieces of work
  Builder::Given attrs;
  if (c.random.chance(0.6)) attrs.emplace_back("block", c.random.between(1, 40));
  return c.emit(op, {c.input(x)}, std::move(attrs), c.random.chance(0.8) ? 2 : 1);
}

bool block_linear(RandomCall& c, std::string_view op) {
  Extents x = c.shape(1, 3);
  if (c.random.chance(0.3)) x = {c.random.between(5, 70), c.random.between(1, 40)};
  if (c.random.chance(0.5)) x.back() = c.random.between(30, 300);
  if (c.random.chance(0.15)) x.back() = c.random.between(400, 1300);
  PackedBlocks w = packed_blocks(c, x.back());
  const auto sometimes = [&](double chance, const Extents& shape) {
    return c.random.chance(chance) ? c.input(shape) : ValueId{};
  };
  Extents y = x, rows = x;
  y.back() = w.columns;
  rows.back() = (x.back() + w.scale_rows - 1) / w.scale_rows;
  const ValueId codes = bytes(c, x, DType::i8);
  const ValueId bias = sometimes(0.5, {w.columns}), residual = sometimes(0.3, y);
  std::vector<ValueId> inputs{codes,         w.codes, bias,      residual,
                              c.input(rows), w.scale, w.minimum, w.fine};
  while (!inputs.back().valid()) inputs.pop_back();
  constexpr const char* kNames[] = {"none", "none", "relu", "clip", "sigmoid", "silu", "gelu"};
  Builder::Given given = std::move(w.attrs);
  given.insert(given.end(), {{"row_block", w.in_runs ? block_linear::kRun : int64_t{0}},
                             {"activation", std::string(kNames[c.random.between(0, 6)])},
                             {"low", -0.5f},
                             {"high", 0.75f}});
  return c.emit(op, std::move(inputs), std::move(given));
}

// Zero points or scales of a matrix [batch..., rows, columns]: one, those of rows or columns, or
// those of every matrix of the batch.
Extents parameters(RandomCall& c, const Extents& matrix, bool by_row) {
  if (matrix.size() < 2 || c.random.chance(0.5))
    return c.random.chance(0.5) ? Extents{} : Extents{1};
  const int64_t slices = matrix.end()[by_row ? -2 : -1];
  if (c.random.chance(0.6)) return {slices};
  Extents all = matrix;
  all.end()[by_row ? -1 : -2] = 1;
  return all;
}
// Positive, so that quotients of them are finite.
ValueId factors(RandomCall& c, const Extents& shape, DType dtype) {
  const ValueId v = c.input(shape, dtype, true);
  Tensor& t = c.data.back().tensor;
  for (int64_t i = 0; i < t.count(); ++i) store_real(t, i, 0.25 * double(c.random.between(1, 9)));
  return v;
}

bool product(RandomCall& c, std::string_view op) {
  const Extents batch = c.shape(0, 2);
  Extents a = c.narrowed(batch), b = c.narrowed(batch);
  const int64_t k = c.random.chance(0.2) ? c.random.between(60, 1100) : c.extent();
  const int64_t m = c.random.chance(0.1) ? 100 : c.extent(),
                n = c.random.chance(0.1) ? 70 : c.extent();
  if (!a.empty() || c.random.chance(0.8)) a.push_back(m);
  a.push_back(k);
  b.push_back(k);
  if (b.size() > 1 || c.random.chance(0.8)) b.push_back(n);
  const DType left = byte(c), right = byte(c);
  const bool quantized = op == "qlinear_matmul";
  if (!quantized) {
    std::vector<ValueId> inputs{bytes(c, a, left), bytes(c, b, right), {}, {}};
    if (c.random.chance(0.7)) inputs[2] = bytes(c, parameters(c, a, true), left);
    if (c.random.chance(0.7)) inputs[3] = bytes(c, parameters(c, b, false), right);
    return c.emit(op, std::move(inputs));
  }
  const bool same = c.random.chance(0.5);  // for all rows
  const auto of_rows = [&](const Extents& x) { return same ? Extents{} : parameters(c, x, true); };
  const DType scale = c.random.chance(0.8) ? DType::f32 : DType::f16, result = byte(c);
  Extents y = a.size() >= b.size() ? a : b;
  if (y.size() >= 2) y.end()[-1] = n, y.end()[-2] = m;
  std::vector<ValueId> inputs{bytes(c, a, left)};
  inputs.push_back(factors(c, of_rows(a), scale));
  inputs.push_back(bytes(c, parameters(c, a, true), left));
  inputs.push_back(bytes(c, b, right));
  inputs.push_back(factors(c, parameters(c, b, false), scale));
  inputs.push_back(bytes(c, parameters(c, b, false), right));
  inputs.push_back(factors(c, of_rows(y), scale));
  for (int64_t i = 0; i < c.data.back().tensor.count(); ++i)
    store_real(c.data.back().tensor, i, 64.0 * double(c.random.between(1, 500)));
  inputs.push_back(bytes(c, of_rows(y), result));
  return c.emit(op, std::move(inputs));
}

bool convolution(RandomCall& c, std::string_view op) {
  const auto axes = size_t(c.random.between(1, 3));
  const int64_t group = c.random.chance(0.4) ? c.random.between(2, 4) : 1;
  const int64_t depth = c.random.chance(0.2) ? c.random.between(20, 140) : c.random.between(1, 5);
  const int64_t filters = group * c.random.between(1, c.random.chance(0.2) ? 40 : 5);
  Extents x{c.random.between(0, 2), group * depth}, w{filters, depth};
  Integers kernel, pads, ends, strides, dilations;
  for (size_t i = 0; i < axes; ++i) {
    x.push_back(c.random.between(1, axes == 1 ? 60 : 9));
    w.push_back(c.random.between(1, 3));
    if (window(c, x.back(), w.back(), pads, ends, strides, dilations) == 0) return false;
  }
  pads.insert(pads.end(), ends.begin(), ends.end());
  Builder::Given attrs{
      {"pads", pads}, {"strides", strides}, {"dilations", dilations}, {"group", group}};
  const auto each = [&] { return c.random.chance(0.5) ? Extents{filters} : Extents{}; };
  const DType image = byte(c), weight = byte(c);
  if (op == "conv_integer") {
    std::vector<ValueId> inputs{bytes(c, x, image), bytes(c, w, weight), {}, {}};
    if (c.random.chance(0.7)) inputs[2] = bytes(c, {}, image);
    if (c.random.chance(0.7)) inputs[3] = bytes(c, each(), weight);
    return c.emit(op, std::move(inputs), std::move(attrs));
  }
  std::vector<ValueId> inputs{bytes(c, x, image), factors(c, {}, DType::f32), bytes(c, {}, image)};
  inputs.push_back(bytes(c, w, weight));
  inputs.push_back(factors(c, each(), DType::f32));
  inputs.push_back(bytes(c, each(), weight));
  inputs.push_back(factors(c, {}, DType::f32));
  store_real(c.data.back().tensor, 0, 64.0 * double(c.random.between(1, 500)));
  inputs.push_back(bytes(c, {1}, byte(c)));
  if (c.random.chance(0.5)) inputs.push_back(c.integers({filters}, -100'000, 100'000, DType::i32));
  return c.emit(op, std::move(inputs), std::move(attrs));
}

}  // namespace

std::vector<Subject> quantized_subjects() {
  return {{"block_linear", block_linear},        {"quantize_blocks", quantize_blocks},
          {"conv_integer", convolution},         {"matmul_integer", product},
          {"qlinear_conv", convolution},         {"qlinear_matmul", product},
          {"dequantize_linear", quantize},       {"dynamic_quantize_linear", dynamic_quantize},
          {"quantize_linear", quantize},         {"quantized_add", quantized_add},
          {"quantized_conv", quantized_conv},    {"quantized_depthwise_conv", quantized_conv},
          {"quantized_linear", quantized_linear}};
}

}  // namespace hone::testing
