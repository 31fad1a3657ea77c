// Every kernel of the cpu backend against the reference, on random calls: odd and empty shapes,
// broadcasting, axes from the end, zero factors, infinities, types that are known only at run time.
// Long because: each kernel has its own random calls, and they share the makers of inputs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backends/backends.h"
#include "base/checked.h"
#include "ir/text.h"
#include "kernels/gemm/gemm.h"
#include "ops/catalogue.h"
#include "property/random_call.h"
#include "runtime/session.h"

namespace hone {
namespace {

using testing::RandomCall;
using testing::Subject;

constexpr uint64_t kCalls = 400;   // tried for each operator
constexpr uint64_t kEnough = 100;  // of them must run on the kernel

bool unary(RandomCall& c, std::string_view op) { return c.emit(op, {c.input(c.shape(0, 4))}); }

bool binary(RandomCall& c, std::string_view op) {
  const Extents to = c.shape(0, 4);
  const ValueId a = c.input(c.narrowed(to)), b = c.input(c.narrowed(to));
  return c.emit(op, {a, b});
}

Builder::Given window(RandomCall& c, size_t axes, const Extents& kernel, bool pooling) {
  Builder::Given attrs;
  const auto list = [&](const char* name, size_t n, int64_t low, int64_t high) {
    if (!c.random.chance(0.6)) return;
    Integers values(n);
    for (int64_t& v : values) v = c.random.between(low, high);
    attrs.emplace_back(name, std::move(values));
  };
  list("strides", axes, 1, 4);
  list("dilations", axes, 1, 3);
  if (c.random.chance(0.3)) {
    const char* kinds[] = {"SAME_UPPER", "SAME_LOWER", "VALID"};
    attrs.emplace_back("auto_pad", std::string(kinds[c.random.between(0, 2)]));
  } else {
    list("pads", 2 * axes, 0, 3);
  }
  if (pooling || c.random.chance(0.5)) attrs.emplace_back("kernel_shape", Integers(kernel));
  if (pooling) attrs.emplace_back("ceil_mode", c.random.between(0, 1));
  return attrs;
}

DType pooled(RandomCall& c, std::string_view op) {
  if (op.ends_with("average_pool") || c.random.chance(0.6)) return DType::f32;
  return c.random.chance(0.5) ? DType::u8 : DType::i8;
}

bool pool(RandomCall& c, std::string_view op) {
  const auto axes = size_t(c.random.between(1, 2));
  Extents x{c.random.between(0, 2), c.random.between(1, 3)}, kernel;
  for (size_t i = 0; i < axes; ++i) {
    x.push_back(c.random.between(1, 17));
    kernel.push_back(c.random.between(1, 5));
  }
  auto attrs = window(c, axes, kernel, true);
  if (op == "average_pool") attrs.emplace_back("count_include_pad", c.random.between(0, 1));
  return c.emit(op, {c.input(x, pooled(c, op))}, std::move(attrs));
}

bool conv(RandomCall& c, std::string_view op) {
  const auto axes = size_t(c.random.between(1, 3));
  const bool deep = c.random.chance(0.2);  // more to sum than one block of a panel
  const int64_t group = c.random.chance(0.4) ? c.random.between(1, 4) : 1;
  const int64_t depth = deep ? c.random.between(150, 300) : c.random.between(1, 4);
  Extents x{c.random.between(0, 2), group * depth};
  Extents w{group * c.random.between(1, 9), depth}, kernel;
  for (size_t i = 0; i < axes; ++i) {
    x.push_back(c.random.between(1, deep ? 6 : 12));
    kernel.push_back(c.random.between(1, 3));
    w.push_back(kernel.back());
  }
  auto attrs = window(c, axes, kernel, false);
  attrs.emplace_back("group", group);
  // Padding takes no part, whatever its weight.
  std::vector<ValueId> inputs{c.input(x), c.input(w)};
  if (c.random.chance(0.5)) inputs.push_back(c.input({w[0]}));
  return c.emit(op, std::move(inputs), std::move(attrs));
}

bool matmul(RandomCall& c, std::string_view op) {
  const Extents batch = c.shape(0, 2);
  Extents a = c.narrowed(batch), b = c.narrowed(batch);
  const int64_t k = c.random.chance(0.2) ? c.random.between(500, 1100) : c.extent();
  if (a.empty() && c.random.chance(0.2)) {
    a = {k};
  } else {
    a.push_back(c.random.chance(0.1) ? 100 : c.extent());
    a.push_back(k);
  }
  if (b.empty() && c.random.chance(0.2)) {
    b = {k};
  } else {
    b.push_back(k);
    b.push_back(c.random.chance(0.1) ? 70 : c.extent());
  }
  const ValueId va = c.input(a), vb = c.input(b);
  return c.emit(op, {va, vb});
}

bool gemm(RandomCall& c, std::string_view op) {
  const int64_t rows = c.extent(), columns = c.extent();
  const int64_t k = c.random.chance(0.2) ? c.random.between(500, 1100) : c.extent();
  const bool ta = c.random.chance(0.5), tb = c.random.chance(0.5);
  std::vector<ValueId> inputs{c.input(ta ? Extents{k, rows} : Extents{rows, k}),
                              c.input(tb ? Extents{columns, k} : Extents{k, columns})};
  if (c.random.chance(0.6)) inputs.push_back(c.input(c.narrowed({rows, columns})));
  return c.emit(op, std::move(inputs),
                {{"alpha", c.factor()},
                 {"beta", c.factor()},
                 {"transa", int64_t(ta)},
                 {"transb", int64_t(tb)}});
}

bool transpose(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(0, 5);
  Builder::Given attrs;
  if (c.random.chance(0.8)) attrs.emplace_back("perm", c.permutation(shape.size()));
  return c.emit(op, {c.input(shape, c.whole_bytes())}, std::move(attrs));
}

bool concat(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 4);
  const int64_t axis = c.axis(shape.size());
  const DType dtype = c.whole_bytes();
  std::vector<ValueId> inputs;
  for (int64_t n = c.random.between(1, 4); n > 0; --n) {
    Extents own = shape;
    own[size_t(axis < 0 ? axis + int64_t(shape.size()) : axis)] = c.extent();
    inputs.push_back(c.input(own, dtype));
  }
  return c.emit(op, std::move(inputs), {{"axis", axis}});
}

bool gather(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 4);
  const int64_t axis = c.axis(shape.size());
  const int64_t rows = shape[size_t(axis < 0 ? axis + int64_t(shape.size()) : axis)];
  const ValueId x = c.input(shape, c.whole_bytes());
  const DType dtype = c.random.chance(0.5) ? DType::i32 : DType::i64;
  const int64_t beyond = c.random.chance(0.1) ? 1 : 0;
  return c.emit(
      op, {x, c.integers(c.shape(0, 2), -rows - beyond, std::max<int64_t>(rows - 1, -rows), dtype)},
      {{"axis", axis}});
}

bool softmax(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 4);
  return c.emit(op, {c.input(shape)}, {{"axis", c.axis(shape.size())}});
}

bool layer_normalization(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 4);
  const auto weights = [&] {
    if (c.random.chance(0.3)) return c.input(c.narrowed(shape));
    return c.input({c.random.chance(0.2) ? 1 : shape.back()});
  };
  std::vector<ValueId> inputs{c.input(shape), weights()};
  if (c.random.chance(0.7)) inputs.push_back(weights());
  return c.emit(op, std::move(inputs),
                {{"axis", c.random.chance(0.5) ? int64_t{-1} : c.axis(shape.size())}});
}

bool batch_normalization(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 5);
  const int64_t channels = shape.size() == 1 ? 1 : shape[1];
  std::vector<ValueId> inputs{c.input(shape)};
  for (int i = 0; i < 3; ++i) inputs.push_back(c.input({channels}));
  const ValueId variance = c.input({channels});
  for (float& v : c.data.back().tensor.as<float>()) v = std::fabs(v);
  inputs.push_back(variance);
  return c.emit(op, std::move(inputs),
                {{"training_mode", c.random.between(0, 9) == 0 ? int64_t{1} : int64_t{0}}});
}

bool clip(RandomCall& c, std::string_view op) {
  std::vector<ValueId> inputs{c.input(c.shape(0, 3)), ValueId{}, ValueId{}};
  for (size_t i : {1, 2})
    if (c.random.chance(0.7)) inputs[i] = c.input({});
  return c.emit(op, std::move(inputs));
}

// What the operators of the lowered form have in common: bias, residual, activation.
Builder::Given epilogue(RandomCall& c, std::vector<ValueId>& inputs, const Extents& out) {
  const bool residual = c.random.chance(0.3);
  inputs.push_back(c.random.chance(0.5) ? c.input({out.back()}) : ValueId{});
  inputs.push_back(residual ? c.input(out) : ValueId{});
  constexpr const char* kNames[] = {"none", "relu", "clip", "sigmoid",
                                    "tanh", "silu", "gelu", "gelu_tanh"};
  Builder::Given attrs;
  attrs.emplace_back("activation", std::string(kNames[c.random.between(0, 7)]));
  attrs.emplace_back("low", -0.5f);
  attrs.emplace_back("high", 0.75f);
  return attrs;
}

int64_t panel_width() { return kernels::gemm_kernel().columns; }

// As f32, or stored in 16 bits.
ValueId panels(RandomCall& c, int64_t columns, int64_t depth) {
  constexpr DType kStored[] = {DType::f32, DType::f32, DType::f16, DType::bf16};
  return c.input({(columns + panel_width() - 1) / panel_width(), depth, panel_width()},
                 kStored[c.random.between(0, 3)]);
}

bool linear_gather(RandomCall& c, std::string_view op) {
  const int64_t columns = c.random.between(1, 100);
  const ValueId at = c.integers(c.shape(0, 2), -columns, columns - (c.random.chance(0.95) ? 1 : 0));
  const ValueId table = panels(c, columns, c.random.between(0, 50));
  return c.emit(op, {at, table}, {{"columns", columns}});
}

bool linear(RandomCall& c, std::string_view op) {
  Extents x = c.shape(1, 3);
  if (c.random.chance(0.2)) x = {c.random.between(100, 400), c.random.between(1, 40)};
  if (c.random.chance(0.2)) x.back() = c.random.between(250, 800);
  int64_t columns = c.random.chance(0.2) ? c.random.between(60, 300) : c.random.between(1, 40);
  // Products that the reference takes long for have fewer columns.
  constexpr int64_t kMostMacs = 600'000;
  const int64_t each = checked_product(x).value_or(0);
  if (each > 0) columns = std::min(columns, kMostMacs / each + 1);
  std::vector<ValueId> inputs{c.input(x), panels(c, columns, x.back())};
  Extents out = x;
  out.back() = columns;
  auto attrs = epilogue(c, inputs, out);
  attrs.emplace_back("columns", columns);
  return c.emit(op, std::move(inputs), std::move(attrs));
}

// The output's shape as inference gives it; none where it refuses.
std::optional<Extents> output_of(RandomCall& c, std::string_view op, std::vector<ValueId> inputs,
                                 const Builder::Given& attrs) {
  const OpDef& def = *standard_catalogue().find(op);
  const auto normal = normalize(def, attrs);
  if (!normal) return std::nullopt;
  std::vector<Type> types;
  for (const Datum& d : c.data) types.push_back(d.type());
  std::vector<Infer::Input> seen;
  size_t next = 0;
  for (ValueId v : inputs)
    seen.push_back(v.valid() ? Infer::Input{&types[next++], nullptr} : Infer::Input{});
  const auto out = def.infer(Infer(def, *normal, seen, 1));
  return out ? (*out)[0].tensor.shape.fixed() : std::nullopt;
}

bool channels_last_conv(RandomCall& c, std::string_view op) {
  const bool depthwise = op == "channels_last_depthwise_conv";
  const auto axes = size_t(c.random.between(1, 3));
  const int64_t group = !depthwise && c.random.chance(0.3) ? c.random.between(2, 3) : 1;
  const int64_t depth = c.random.chance(0.2) ? c.random.between(100, 300) : c.random.between(1, 9);
  const bool vectors = c.random.chance(0.3);  // whole ones, and lines that may fill tiles
  const int64_t columns = vectors                ? 16 * c.random.between(1, 2)
                          : c.random.chance(0.2) ? c.random.between(30, 70)
                                                 : c.random.between(1, 9);
  Extents x{c.random.between(0, 2)}, kernel;
  int64_t positions = 1;
  for (size_t i = 0; i < axes; ++i) {
    x.push_back(c.random.between(1, axes == 1                            ? 200
                                    : vectors && axes == 2 && depth < 10 ? 32
                                                                         : 14));
    kernel.push_back(c.random.between(1, depthwise ? 7 : 3));
    positions *= kernel.back();
  }
  const bool planes = !depthwise && c.random.chance(0.3);
  x.insert(planes ? x.begin() + 1 : x.end(), group * depth);
  auto attrs = window(c, axes, kernel, false);
  std::erase_if(attrs, [](const auto& a) { return a.first == "kernel_shape"; });
  attrs.emplace_back("kernel_shape", kernel);
  if (planes) attrs.emplace_back("channels_first", int64_t{1});
  if (!depthwise) {
    attrs.emplace_back("group", group);
    attrs.emplace_back("filters", group * columns);
  }
  const Extents panels{group, (columns + panel_width() - 1) / panel_width(), positions * depth,
                       panel_width()};
  std::vector<ValueId> inputs{
      c.input(x), c.input(depthwise ? Extents{positions, depth} : panels, DType::f32, !depthwise)};
  const auto out = output_of(c, op, inputs, attrs);
  if (!out) return false;
  for (auto& a : epilogue(c, inputs, *out)) attrs.push_back(std::move(a));
  return c.emit(op, std::move(inputs), std::move(attrs));
}

// By Winograd's way, one block of tiles and several.
bool winograd(RandomCall& c, std::string_view op) {
  const int64_t filters = c.random.between(1, 40), channels = c.random.between(1, 20);
  const Extents x{c.random.between(0, 2), c.random.between(3, 30), c.random.between(3, 50),
                  channels};
  Integers pads(4);
  for (int64_t& p : pads) p = c.random.between(0, 1);
  Builder::Given attrs{{"filters", filters},
                       {"pads", pads},
                       {"kernel_shape", Integers{3, 3}},
                       {"algorithm", std::string("winograd")}};
  std::vector<ValueId> inputs{
      c.input(x, DType::f32, true),
      c.input({1, (filters + panel_width() - 1) / panel_width(), 9 * channels, panel_width()},
              DType::f32, true)};
  // Rounding errors are as large as what cancels.
  for (float& w : c.data.back().tensor.as<float>()) w /= 16;
  const auto out = output_of(c, op, inputs, attrs);
  if (!out) return false;
  for (auto& a : epilogue(c, inputs, *out)) attrs.push_back(std::move(a));
  return c.emit(op, std::move(inputs), std::move(attrs));
}

bool direct_or_winograd(RandomCall& c, std::string_view op) {
  return c.random.chance(0.3) ? winograd(c, op) : channels_last_conv(c, op);
}

// A depthwise convolution with a product of pixels before it, behind it, or both.
bool separable(RandomCall& c, std::string_view op) {
  const bool expands = c.random.chance(0.6), projects = !expands || c.random.chance(0.6);
  const auto some = [&] {
    return c.random.chance(0.2) ? c.random.between(30, 70) : c.random.between(1, 9);
  };
  const int64_t channels = some(), depth = expands ? some() : channels, filters = some();
  const Extents kernel{c.random.between(1, 5), c.random.between(1, 5)};
  auto attrs = window(c, 2, kernel, false);
  std::erase_if(attrs, [](const auto& a) { return a.first == "kernel_shape"; });
  attrs.emplace_back("kernel_shape", kernel);
  const auto panels = [&](int64_t rows, int64_t columns) {
    return c.input({1, (columns + panel_width() - 1) / panel_width(), rows, panel_width()},
                   DType::f32, true);
  };
  const auto bias = [&] { return c.random.chance(0.5) ? c.input({channels}) : ValueId{}; };
  std::vector<ValueId> inputs(8);
  inputs[0] =
      c.input({c.random.between(0, 2), c.random.between(1, 20), c.random.between(1, 20), depth});
  inputs[1] = c.input({kernel[0] * kernel[1], channels});
  if (projects) inputs[4] = bias();
  if (expands) {
    inputs[5] = panels(depth, channels);
    inputs[6] = bias();
    attrs.emplace_back("expansion_activation", std::string("silu"));
  }
  if (projects) {
    inputs[7] = panels(channels, filters);
    attrs.emplace_back("filters", filters);
    attrs.emplace_back("depthwise_activation", std::string("clip"));
    attrs.emplace_back("depthwise_low", -1.5f);
    attrs.emplace_back("depthwise_high", 1.0f);
  }
  const auto out = output_of(c, op, inputs, attrs);
  if (!out) return false;
  std::vector<ValueId> last;
  for (auto& a : epilogue(c, last, *out)) attrs.push_back(std::move(a));
  std::ranges::copy(last, inputs.begin() + 2);
  return c.emit(op, std::move(inputs), std::move(attrs));
}

bool channels_last_pool(RandomCall& c, std::string_view op) {
  const auto axes = size_t(c.random.between(1, 3));
  Extents x{c.random.between(0, 2)}, kernel;
  for (size_t i = 0; i < axes; ++i) {
    x.push_back(c.random.between(1, axes == 1 ? 60 : 12));
    kernel.push_back(c.random.between(1, 7));
  }
  x.push_back(c.random.between(1, 70));
  auto attrs = window(c, axes, kernel, true);
  if (op == "channels_last_average_pool")
    attrs.emplace_back("count_include_pad", c.random.between(0, 1));
  return c.emit(op, {c.input(x, pooled(c, op))}, std::move(attrs));
}

bool attention(RandomCall& c, std::string_view op) {
  const int64_t batch = c.random.between(1, 2), shared = c.random.between(1, 2);
  const int64_t kv_heads = c.random.chance(0.03) ? 0 : c.random.between(1, 3);
  const int64_t heads = kv_heads * shared;
  const int64_t queries = c.random.chance(0.2) ? c.random.between(50, 120) : c.extent();
  const int64_t keys = c.random.chance(0.2) ? c.random.between(50, 120) : c.extent();
  const auto size = [&] { return c.random.chance(0.05) ? 0 : c.random.between(1, 20); };
  const int64_t head = size(), value_head = size();
  const bool packed = kv_heads > 0 && c.random.chance(0.5);
  // Values that a mask hides may be anything.
  const auto operand = [&](int64_t n, int64_t length, int64_t width, bool finite) {
    return c.input(packed ? Extents{batch, length, n * width} : Extents{batch, n, length, width},
                   DType::f32, finite);
  };
  std::vector<ValueId> inputs{operand(heads, queries, head, true),
                              operand(kv_heads, keys, head, true),
                              operand(kv_heads, keys, value_head, false)};
  if (c.random.chance(0.4)) {
    const Extents mask{c.random.chance(0.5) ? batch : 1, c.random.chance(0.5) ? heads : 1, queries,
                       c.random.chance(0.8) ? keys : std::max<int64_t>(1, keys / 2)};
    inputs.push_back(c.random.chance(0.5) ? c.input(mask, DType::boolean)
                                          : c.input(mask, DType::f32, true));
  }
  Builder::Given attrs{{"is_causal", c.random.between(0, 1)}};
  if (c.random.chance(0.5)) attrs.emplace_back("scale", c.factor());
  if (packed) {
    attrs.emplace_back("q_num_heads", heads);
    attrs.emplace_back("kv_num_heads", kv_heads);
  }
  return c.emit(op, std::move(inputs), std::move(attrs));
}

bool split(RandomCall& c, std::string_view op) {
  const Extents x = c.shape(1, 4);
  const int64_t axis = c.axis(x.size());
  const int64_t whole = x[size_t(axis < 0 ? axis + int64_t(x.size()) : axis)];
  const int64_t first = c.random.between(0, whole);
  const ValueId parts = c.known({first, whole - first});
  return c.emit(op, {c.input(x, c.whole_bytes()), parts}, {{"axis", axis}}, 2);
}

// A random program, on inputs of the result's shape, of its last axis and of one element.
bool elementwise(RandomCall& c, std::string_view op) {
  constexpr std::string_view kFunctions[] = {"abs",  "erf",     "gelu", "gelu_tanh", "neg",
                                             "relu", "sigmoid", "tanh", "dup",       "0.0 1.5 clip",
                                             "add",  "sub",     "mul"};
  Extents shape = c.shape(0, 3);
  // Beyond a block of the kernel, and last axes of every length beside it.
  if (!shape.empty() && c.random.chance(0.2)) shape.back() = c.random.between(200, 1500);
  std::vector<ValueId> inputs;
  for (int64_t i = c.random.between(1, 3); i > 0; --i) {
    const bool whole = inputs.empty() || c.random.chance(0.4);
    const bool vector = !shape.empty() && c.random.chance(0.6);
    inputs.push_back(c.input(whole ? shape : vector ? Extents{shape.back()} : Extents{}));
  }
  // The first input in two or three parts.
  std::vector<ValueId> parts{inputs[0]};
  if (!shape.empty() && c.random.chance(0.4)) {
    parts.clear();
    for (int64_t left = shape.back(), i = c.random.between(1, 2); i >= 0; --i) {
      Extents part = shape;
      part.back() = i == 0 ? left : c.random.between(0, left);
      left -= part.back();
      parts.push_back(c.input(part));
    }
  }
  std::string program = "x0";
  size_t depth = 1, used = 1;
  while (used < inputs.size() || depth > 1 || c.random.chance(0.8)) {
    if (depth < 4 && c.random.chance(0.4)) {
      const bool number = used == inputs.size() && c.random.chance(0.5);
      const size_t next = used < inputs.size() ? used++ : 0;
      program += number ? " 0.75" : " x" + std::to_string(next);
      ++depth;
      continue;
    }
    const size_t f = size_t(c.random.between(0, std::size(kFunctions) - 1));
    const bool two = f >= 10, more = kFunctions[f] == "dup";
    if ((two && depth < 2) || (more && depth > 4)) continue;
    program += " " + std::string(kFunctions[f]);
    depth += more ? 1 : 0;
    depth -= two ? 1 : 0;
  }
  const auto joined = int64_t(parts.size());
  parts.insert(parts.end(), inputs.begin() + 1, inputs.end());
  return c.emit(op, std::move(parts), {{"program", program}, {"joined", joined}});
}

constexpr Subject kSubjects[] = {
    {"abs", unary},
    {"add", binary},
    {"attention", attention},
    {"average_pool", pool},
    {"batch_normalization", batch_normalization},
    {"channels_last_average_pool", channels_last_pool},
    {"channels_last_conv", direct_or_winograd},
    {"channels_last_depthwise_conv", channels_last_conv},
    {"channels_last_max_pool", channels_last_pool},
    {"channels_last_separable_conv", separable},
    {"clip", clip},
    {"concat", concat},
    {"conv", conv},
    {"div", binary},
    {"elementwise", elementwise},
    {"erf", unary},
    {"exp", unary},
    {"gather", gather},
    {"gelu",
     [](RandomCall& c, std::string_view op) {
       return c.emit(op, {c.input(c.shape(0, 4))},
                     {{"approximate", std::string(c.random.chance(0.5) ? "tanh" : "none")}});
     }},
    {"gemm", gemm},
    {"global_average_pool",
     [](RandomCall& c, std::string_view op) { return c.emit(op, {c.input(c.shape(2, 5))}); }},
    {"layer_normalization", layer_normalization},
    {"linear", linear},
    {"linear_gather", linear_gather},
    {"matmul", matmul},
    {"max_pool", pool},
    {"mul", binary},
    {"neg", unary},
    {"relu", unary},
    {"sigmoid", unary},
    {"softmax", softmax},
    {"split", split},
    {"sqrt", unary},
    {"sub", binary},
    {"tanh", unary},
    {"transpose", transpose},
};

// Sorted by operator.
std::vector<Subject> all_subjects() {
  std::vector<Subject> all(std::begin(kSubjects), std::end(kSubjects));
  for (const auto& more : {testing::computing_subjects(), testing::moving_subjects(),
                           testing::quantized_subjects(), testing::language_subjects()})
    all.insert(all.end(), more.begin(), more.end());
  std::ranges::sort(all, {}, &Subject::op);
  return all;
}

// A new kernel needs a row above, or in what is collected there.
TEST(CpuKernels, AllAreListed) {
  std::vector<std::string_view> listed, there{
#define CPU(name) #name,
#include "backends/cpu/kernels.def"
#undef CPU
                                        };
  for (const Subject& s : all_subjects()) listed.push_back(s.op);
  EXPECT_EQ(listed, there);
}

class CpuKernel : public ::testing::TestWithParam<Subject> {};

TEST_P(CpuKernel, GivesWhatTheReferenceGives) {
  ThreadPool one(1), two(2);
  uint64_t compared = 0;
  for (uint64_t seed = 0; seed < kCalls && !HasFailure(); ++seed) {
    RandomCall call(seed);
    if (!GetParam().make(call, GetParam().op)) continue;
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + print(call.model));
    for (const Datum& d : call.data) SCOPED_TRACE(d.type().str());
    const auto model = std::make_shared<const Model>(std::move(call.model));
    const auto fast = Program::make(model, backends_for("auto").take(), Limits{});
    const auto plain = Program::make(model, backends_for("reference").take(), Limits{});
    ASSERT_TRUE(fast.ok()) << describe(fast.error());
    ASSERT_TRUE(plain.ok()) << describe(plain.error());
    const auto expected = Session(*plain, one).run(call.data);
    const auto computed = Session(*fast, two).run(call.data);
    ASSERT_EQ(computed.ok(), expected.ok())
        << describe(computed.ok() ? expected.error() : computed.error());
    if (!computed) continue;
    EXPECT_EQ(testing::quantizes(GetParam().op)
                  ? testing::quantized_difference(*computed, *expected, 1e-4)
                  : testing::difference(*computed, *expected, 1e-4, 1e-4),
              "");
    const auto alone = Session(*fast, one).run(call.data);
    ASSERT_TRUE(alone.ok());
    EXPECT_TRUE(testing::identical((*alone)[0], (*computed)[0])) << "threads change the result";
    if ((*fast)->shares()[0].nodes == 1) ++compared;
  }
  EXPECT_GE(compared, kEnough);
}

INSTANTIATE_TEST_SUITE_P(All, CpuKernel, ::testing::ValuesIn(all_subjects()),
                         [](const auto& info) { return std::string(info.param.op); });

}  // namespace
}  // namespace hone
