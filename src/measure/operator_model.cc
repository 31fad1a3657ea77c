#include "measure/operator_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/checked.h"
#include "base/hash.h"
#include "base/text.h"
#include "ir/text.h"
#include "ops/catalogue.h"

namespace hone::measure {
namespace {

using Dims = std::vector<int64_t>;

std::string typed(std::string_view dtype, const Dims& shape) {
  return fmt::format("{}[{}]", dtype, fmt::join(shape, ","));
}
std::string f32(const Dims& shape) { return typed("f32", shape); }

// A constant: how it is stored, in how many bits for each element, and what belongs to it.
struct Weight {
  Weight(const Dims& dims) : shape(dims), type(f32(dims)) {}
  Weight(Dims dims, std::string what, int64_t bits, std::string_view more = {})
      : shape(std::move(dims)), type(std::move(what)), element_bits(bits), rest(more) {}
  Dims shape;
  std::string type;
  int64_t element_bits = 32;
  std::string rest;
};

// The graph as text, and its weights: constants w0, w1 …
struct Description {
  std::string inputs, body;
  std::vector<Weight> weights;
};

Description gemm(const Dims& d) {
  return {"x: " + f32({d[0], d[2]}), "matmul(x, @w0)", {Dims{d[2], d[1]}}};
}

// Bytes from the numbers, products of bytes, and numbers again.
Description quantized_gemm(const Dims& d) {
  const Dims w{d[2], d[1]};
  return {"x: " + f32({d[0], d[2]}),
          "matmul(dequantize_linear(quantize_linear(x, f32{0.01}, u8{128}), f32{0.01}, u8{128}), "
          "dequantize_linear(@w0, f32{0.01}))",
          {Weight(w, typed("i8", w), 8)}};
}

Description block_gemm(const Dims& d, std::string_view codes, int64_t bits) {
  const Dims w{d[1], d[2]}, scales{d[1], d[2] / 32};
  return {
      "x: " + f32({d[0], d[2]}),
      "matmul(dequantize_linear(q, s) <axis=-1, block_size=32>, transpose(@w0))",
      {Weight(w, fmt::format("{} affine({}, axis=1, block=32)", f32(w), codes), bits, " scale @w1"),
       scales}};
}
Description block4_gemm(const Dims& d) { return block_gemm(d, "u4", 4); }
Description block8_gemm(const Dims& d) { return block_gemm(d, "u8", 8); }

// Between transposes that the lowering cancels: as between others of its kind, the channels are the
// last axis.
Description convolution(const Dims& d, int64_t filters, int64_t group, int64_t size,
                        int64_t stride) {
  const int64_t before = (size - 1) / 2, after = size / 2;
  return {"x: " + f32({d[0], d[2], d[3], d[1]}),
          fmt::format("transpose(conv(transpose(x) <perm=[0, 3, 1, 2]>, @w0) <group={0}, "
                      "kernel_shape=[{1}, {1}], pads=[{2}, {2}, {3}, {3}], strides=[{4}, {4}]>) "
                      "<perm=[0, 2, 3, 1]>",
                      group, size, before, after, stride),
          {Dims{filters, d[1] / group, size, size}}};
}
Description conv(const Dims& d) { return convolution(d, d[4], 1, d[5], d.size() > 6 ? d[6] : 1); }
Description depthwise(const Dims& d) {
  return convolution(d, d[1], d[1], d[4], d.size() > 5 ? d[5] : 1);
}
Description softmax(const Dims& d) { return {"x: " + f32(d), "softmax(x) <axis=-1>", {}}; }
Description layer_normalization(const Dims& d) {
  return {"x: " + f32(d),
          "layer_normalization(x, @w0, @w1) <axis=-1>",
          {Dims{d.back()}, Dims{d.back()}}};
}
Description rms_normalization(const Dims& d) {
  return {"x: " + f32(d), "rms_normalization(x, @w0) <axis=-1>", {Dims{d.back()}}};
}
// Every head looks at all keys: [N, H, S, D].
Description attention(const Dims& d) {
  return {fmt::format("x: {0}, k: {0}, v: {0}", f32(d)), "attention(x, k, v)", {}};
}
// Streams of memory, as those of McCalpin's STREAM: a copy joins two halves, which is moving bytes
// and nothing else.
Description copy(const Dims& d) {
  return {fmt::format("x: {0}, y: {0}", f32(d)), "concat(x, y) <axis=0>", {}};
}
Description scale(const Dims& d) { return {"x: " + f32(d), "mul(x, f32{3})", {}}; }
Description triad(const Dims& d) {
  return {fmt::format("x: {0}, y: {0}", f32(d)), "add(x, mul(y, f32{3}))", {}};
}

struct Maker {
  std::string_view op, dims;  // dims: what the numbers are
  size_t least, most;         // numbers
  Description (*describe)(const Dims& dims);
  bool of_bytes = false;
  int64_t multiple = 1;  // of which the last number is one
};
constexpr std::array kMakers{
    Maker{"gemm", "MxNxK", 3, 3, gemm},
    Maker{"quantized_gemm", "MxNxK", 3, 3, quantized_gemm, true},
    Maker{"block4_gemm", "MxNxK, K a multiple of 32", 3, 3, block4_gemm, true, 32},
    Maker{"block8_gemm", "MxNxK, K a multiple of 32", 3, 3, block8_gemm, true, 32},
    Maker{"conv", "NxCxHxWxFxK[xS]", 6, 7, conv},
    Maker{"depthwise", "NxCxHxWxK[xS]", 5, 6, depthwise},
    Maker{"softmax", "AxBx…", 1, 8, softmax},
    Maker{"layer_normalization", "AxBx…", 1, 8, layer_normalization},
    Maker{"rms_normalization", "AxBx…", 1, 8, rms_normalization},
    Maker{"attention", "NxHxSxD", 4, 4, attention},
    Maker{"copy", "AxBx…", 1, 8, copy},
    Maker{"scale", "AxBx…", 1, 8, scale},
    Maker{"triad", "AxBx…", 1, 8, triad},
};

Error wrong_dims(std::string_view op, std::string_view dims, std::string_view form) {
  Error error = fail(ErrorId::usage,
                     fmt::format("--op {} takes --dims {}, not '{}'", op, form, printable(dims)));
  error.hint = "sizes from 1 to 1000000 with x between, such as 128x768x768";
  return error;
}

std::optional<Dims> numbers_in(std::string_view text) {
  Dims dims;
  while (true) {
    const size_t end = std::min(text.find('x'), text.size());
    int64_t n = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + end, n);
    if (error != std::errc() || stop != text.data() + end || n < 1 || n > 1'000'000)
      return std::nullopt;
    dims.push_back(n);
    if (end == text.size()) return dims;
    text.remove_prefix(end + 1);
  }
}

// An operator that takes a shape, and inputs of it.
std::optional<Description> elementwise(const OpDef& op, const Dims& dims) {
  const bool plain = std::ranges::all_of(op.inputs, [](const Port& p) {
    return p.presence == Port::Presence::required && p.dtypes.has(DType::f32);
  });
  const bool free = std::ranges::none_of(op.attrs, [](const AttrDef& a) { return a.required; });
  if (!op.is(Trait::elementwise) || !plain || !free || op.inputs.empty() || op.inputs.size() > 2)
    return std::nullopt;
  if (op.inputs.size() == 1)
    return Description{"x: " + f32(dims), fmt::format("{}(x)", op.name), {}};
  return Description{
      fmt::format("x: {0}, y: {0}", f32(dims)), fmt::format("{}(x, y)", op.name), {}};
}

Result<Description> described(std::string_view op, std::string_view dims) {
  const auto numbers = numbers_in(dims);
  for (const Maker& maker : kMakers) {
    if (maker.op != op) continue;
    if (!numbers || numbers->size() < maker.least || numbers->size() > maker.most ||
        numbers->back() % maker.multiple != 0)
      return wrong_dims(op, dims, maker.dims);
    return maker.describe(*numbers);
  }
  const OpDef* def = standard_catalogue().find(op);
  if (def != nullptr && (!numbers || numbers->size() > 8)) return wrong_dims(op, dims, "AxBx…");
  auto found = def ? elementwise(*def, *numbers) : std::nullopt;
  if (found) return std::move(*found);
  std::vector<std::string_view> names;
  for (const Maker& maker : kMakers) names.push_back(maker.op);
  Error error = fail(ErrorId::usage, "--op takes no '" + printable(op) + "'");
  error.hint =
      fmt::format("{}, or an element-wise operator such as add or gelu", fmt::join(names, ", "));
  return error;
}

// Between -1 and 1: small enough that long sums stay so.
Result<DataSource> made_up(int64_t count, const Limits& limits) {
  Tensor tensor = TRY(Tensor::make(DType::f32, {count}, limits.runtime_memory));
  const auto numbers = tensor.as<float>();
  for (int64_t i = 0; i < count; ++i)
    numbers[size_t(i)] = float(mix64(uint64_t(i)) >> 40) * 0x1p-23f - 1;
  DataSource source;
  source.name = "weights";
  source.size = uint64_t(tensor.byte_size());
  const auto owner = std::make_shared<const Tensor>(std::move(tensor));
  source.memory = std::shared_ptr<const std::byte>(owner, owner->data());
  return source;
}

}  // namespace

Result<Model> operator_model(std::string_view op, std::string_view dims, const Limits& limits) {
  const Description d = TRY(described(op, dims));
  std::string constants;
  int64_t size = 0;  // bytes
  for (size_t i = 0; i < d.weights.size(); ++i) {
    const Weight& w = d.weights[i];
    const auto elements = checked_product(w.shape);
    const auto bits = elements ? checked_mul(*elements, w.element_bits) : std::nullopt;
    if (!bits || *bits > int64_t{8} << 40)
      return fail(ErrorId::over_memory, "weights of type " + w.type + " are too large");
    // The last one first: a name stands before what takes it.
    constants.insert(
        0, fmt::format("const @w{}: {} = span(0, {}, {}){}\n", i, w.type, size, *bits / 8, w.rest));
    size += (*bits / 8 + 63) / 64 * 64;
  }
  std::string text = "hone 1\n";
  if (size > 0) text += fmt::format("source 0 \"weights\" {}\n", size);
  // What the body names q and s are blocks of x.
  const bool blocks = d.body.find("(q, s)") != std::string::npos;
  text += fmt::format("{}graph main({}) -> (z) {{\n{}  z = {}\n}}\n", constants, d.inputs,
                      blocks ? "  q, s = quantize_blocks(x)\n" : "", d.body);
  Model model = TRY(parse_model_text(text, standard_catalogue(), limits)
                        .context("making a model of --op " + printable(op)));
  if (size > 0) model.sources[0] = TRY(made_up(size / 4, limits));
  return model;
}

Status check_operator(std::string_view op, std::string_view dims) {
  TRY(described(op, dims));
  return ok();
}

bool multiplies_bytes(std::string_view op) {
  return std::ranges::any_of(kMakers, [&](const Maker& m) { return m.op == op && m.of_bytes; });
}

}  // namespace hone::measure
