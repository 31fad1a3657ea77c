// Every kernel of the cpu backend, at sizes that are split between threads and at small ones: the
// number of threads changes no bit.
#include <gtest/gtest.h>

#include <map>

#include "backends/backends.h"
#include "backends/cpu/cpu.h"
#include "kernels/gemm/gemm.h"
#include "ops/catalogue.h"
#include "runtime/session.h"
#include "support/data.h"
#include "support/op_cases.h"

namespace hone {
namespace {

using Calls = std::map<std::string, std::vector<std::string>, std::less<>>;

std::string graph(std::string_view inputs, std::string_view call) {
  return "graph g(" + std::string(inputs) + ") -> (y) { y = " + std::string(call) + " }";
}

// The operators of the lowered form, whose panels are as wide as this machine's.
void add_lowered(Calls& m) {
  const int64_t width = kernels::gemm_kernel().columns;
  const auto panels = [&](int64_t columns, const std::string& depth) {
    return std::to_string((columns + width - 1) / width) + "," + depth + "," +
           std::to_string(width) + "]";
  };
  m["linear"] = {graph("x: f32[N,M], w: f32[" + panels(300, "M") + ", b: f32[300], r: f32[N,300]",
                       "linear(x, w, b, r) <columns=300, activation=\"gelu\">"),
                 graph("x: f32[500,M], w: f32[" + panels(20, "M"), "linear(x, w) <columns=20>"),
                 graph("x: f32[N,M], w: f32[" + panels(800, "M"), "linear(x, w) <columns=800>"),
                 graph("x: f32[N,0], w: f32[" + panels(1000, "0"), "linear(x, w) <columns=1000>"),
                 graph("x: f32[N,M], w: f16[" + panels(300, "M"), "linear(x, w) <columns=300>"),
                 graph("x: f32[N,M], w: bf16[" + panels(800, "M"), "linear(x, w) <columns=800>")};
  m["linear_gather"] = {
      graph("i: i64[N], w: f16[" + panels(300, "64"), "linear_gather(i, w) <columns=300>")};
  m["channels_last_conv"] = {
      graph("x: f32[2,N,21,8], w: f32[1," + panels(70, "72") + ", b: f32[70]",
            "channels_last_conv(x, w, b) <filters=70, kernel_shape=[3, 3], pads=[1, 1, 1, 1]>"),
      graph("x: f32[1,N,21,3], w: f32[1," + panels(5, "27"),
            "channels_last_conv(x, w) <filters=5, kernel_shape=[3, 3], pads=[1, 1, 1, 1]>"),
      graph("x: f32[2,N,28,8], w: f32[1," + panels(16, "72"),
            "channels_last_conv(x, w) <filters=16, kernel_shape=[3, 3], pads=[1, 1, 1, 1]>"),
      graph("x: f32[2,3,N,57], w: f32[1," + panels(32, "27"),
            "channels_last_conv(x, w) <filters=32, kernel_shape=[3, 3], pads=[1, 1, 1, 1], "
            "strides=[2, 2], channels_first=1>"),
      graph("x: f32[1,N,28,0], w: f32[1," + panels(32, "0"),
            "channels_last_conv(x, w) <filters=32, kernel_shape=[3, 3], pads=[1, 1, 1, 1]>"),
      graph("x: f32[1,8,N,0], w: f32[1," + panels(1000, "0"),
            "channels_last_conv(x, w) <filters=1000, kernel_shape=[1, 1]>"),
      graph("x: f32[1,N,21,8], w: f32[2," + panels(9, "4"),
            "channels_last_conv(x, w) <filters=18, group=2, kernel_shape=[1, 1]>"),
      graph("x: f32[1,N,7,8], w: f32[1," + panels(900, "72"),
            "channels_last_conv(x, w) <filters=900, kernel_shape=[3, 3], pads=[1, 1, 1, 1]>"),
      graph("x: f32[2,N,21,8], w: f32[1," + panels(70, "72"),
            "channels_last_conv(x, w) <filters=70, kernel_shape=[3, 3], pads=[1, 1, 1, 1], "
            "algorithm=\"winograd\">")};
  m["quantized_add"] = {graph("a: u8[N,M], b: i8[N,M]",
                              "quantized_add(a, b, _, _, u8{3}) <a_scale=0.1, b_scale=0.3>")};
  m["quantize_blocks"] = {graph("x: f32[N,M]", "quantize_blocks(x) <block=16>")};
  m["block_linear"] = {
      graph("x: i8[N,64], w: u8[19,2,256], b: f32[300], a: f32[N,2], s: f32[19,2,16]",
            "block_linear(x, w, b, _, a, s) <columns=300, zero=8, activation=\"gelu\">"),
      graph("x: i8[2,N,70], w: u8[2,3,512], a: f32[2,N,3], s: f16[2,3,16], z: f16[2,3,16]",
            "block_linear(x, w, _, _, a, s, z) <columns=20, bits=8>"),
      graph("x: i8[N,320], w: u8[19,10,256], a: f32[N,2], s: f32[19,2,16], f: i8[19,10,16]",
            "block_linear(x, w, _, _, a, s, _, f) <columns=300, zero=8, super=8, "
            "row_block=256>"),
      graph("x: i8[N,320], w: u8[19,10,512], r: f32[N,300], a: f32[N,2], s: f32[19,2,16]",
            "block_linear(x, w, _, r, a, s) <columns=300, bits=8, zero=128, super=8, "
            "row_block=256>")};
  m["block_gather"] = {graph("i: i64[N], s: f16[19,2,16], w: u8[19,2,256]",
                             "block_gather(i, w, s) <columns=300, depth=64, zero=8>")};
  m["paged_append"] = {graph("k: f16[3,2,8,64], x: f32[3,16]",
                             "paged_append(k, x, i64[3]{5, 100, 17}) <transposed=1>")};
  m["paged_attention"] = {
      graph("q: f32[70,48], k: f16[3,2,8,64], v: f16[3,2,64,8]",
            "paged_attention(q, k, v, i64[3]{0, 69, 70}, i64[2]{128, 3}, i64[2,2]{1, 2, 0, 0}) "
            "<heads=6, window=100>")};
  m["quantized_rms_normalization"] = {
      "graph g(x: f32[N,M], w: f32[M]) -> (y, s) { y, s = quantized_rms_normalization(x, w) }"};
  m["quantized_swiglu"] = {
      "graph g(a: f32[N,M], b: f32[N,M]) -> (y, s) { y, s = quantized_swiglu(a, b) }"};
  m["rotary_angles"] = {"graph g(p: i64[N], f: f64[M]) -> (y, s) { y, s = rotary_angles(p, f) }"};
  m["rotary_embedding"] = {graph("x: f32[1,N,80], c: f32[1,N,5], s: f32[1,N,5]",
                                 "rotary_embedding(x, c, s) <num_heads=8>")};
  m["swiglu"] = {graph("a: f32[N,M], b: f32[N,M]", "swiglu(a, b)")};
  m["quantized_linear"] = {
      graph("x: u8[N,64], w: i8[19,16,16,4], s: i32[300], f: f32[300], z: u8[], b: f32[300]",
            "quantized_linear(x, w, b, _, f, z, s) <columns=300, activation=\"gelu\">"),
      graph("x: i8[2,N,70], w: i8[2,32,16,4], s: i32[20], f: f32[], z: i8[20]",
            "quantized_linear(x, w, _, _, f, _, s, z, u8{3}) <columns=20>")};
  m["matmul_integer"] = {
      graph("a: u8[N,M], b: i8[M,70], z: u8[], w: i8[70]", "matmul_integer(a, b, z, w)"),
      graph("a: i8[3,N,M], b: u8[3,M,33], z: i8[N]", "matmul_integer(a, b, z)"),
      graph("a: u8[3,2,N,7], b: u8[2,7,50]", "matmul_integer(a, b)")};
  m["qlinear_matmul"] = {graph("a: u8[N,M], b: i8[M,70], s: f32[70], z: u8[], w: i8[], t: f32[]",
                               "qlinear_matmul(a, t, z, b, s, w, t, z)"),
                         graph("a: u8[3,N,M], b: i8[3,M,33], s: f32[N], z: u8[], w: i8[], t: f32[]",
                               "qlinear_matmul(a, s, z, b, t, w, t, z)")};
  m["conv_integer"] = {
      graph("x: u8[2,8,N,21], k: i8[16,8,3,3], z: u8[], w: i8[16]",
            "conv_integer(x, k, z, w) <pads=[1, 1, 1, 1]>"),
      graph("x: i8[3,8,N,21], k: u8[8,1,3,3]", "conv_integer(x, k) <group=8, strides=[2, 1]>")};
  m["qlinear_conv"] = {graph(
      "x: u8[2,8,N,21], k: i8[16,8,3,3], z: u8[], w: i8[16], s: f32[16], t: f32[], b: i32[16]",
      "qlinear_conv(x, t, z, k, s, w, t, z, b) <pads=[1, 1, 1, 1]>")};
  m["quantized_conv"] = {
      graph("x: u8[2,N,21,8], w: i8[1,5,32,16,4], s: i32[70], f: f32[70], z: u8[]",
            "quantized_conv(x, w, _, _, f, z, s, _, u8{7}) <filters=70, kernel_shape=[3, 3], "
            "pads=[1, 1, 1, 1]>"),
      graph("x: i8[1,N,21,64], w: i8[2,1,16,16,4], s: i32[18], f: f32[]",
            "quantized_conv(x, w, _, _, f, _, s) <filters=18, group=2, kernel_shape=[1, 1]>")};
  m["quantized_depthwise_conv"] = {
      graph("x: u8[2,N,21,M], w: i8[9,M], s: i32[M], f: f32[M], z: u8[]",
            "quantized_depthwise_conv(x, w, _, _, f, z, s, _, u8{7}) <kernel_shape=[3, 3], "
            "pads=[1, 1, 1, 1]>")};
  for (std::string_view axis : {"", " <axis=0>", " <axis=1>"}) {
    const std::string scale = axis.empty() ? "f32[]" : axis == " <axis=0>" ? "f32[N]" : "f32[M]";
    m["quantize_linear"].push_back(
        graph("x: f32[N,M], s: " + scale, "quantize_linear(x, s)" + std::string(axis)));
    m["dequantize_linear"].push_back(
        graph("x: i8[N,M], s: " + scale, "dequantize_linear(x, s)" + std::string(axis)));
  }
  m["dynamic_quantize_linear"] = {graph("x: f32[N,M]", "dynamic_quantize_linear(x)")};
  m["channels_last_depthwise_conv"] = {
      graph("x: f32[2,N,21,M], w: f32[9,M], b: f32[M]",
            "channels_last_depthwise_conv(x, w, b) <kernel_shape=[3, 3], pads=[1, 1, 1, 1]>"),
      graph("x: f32[1,N,100], w: f32[4,100]",
            "channels_last_depthwise_conv(x, w) <kernel_shape=[4], pads=[3, 0]>")};
  m["channels_last_separable_conv"] = {
      graph("x: f32[2,N,21,8], w: f32[9,40], b: f32[20], e: f32[1," + panels(40, "8") +
                ", p: f32[1," + panels(20, "40"),
            "channels_last_separable_conv(x, w, b, _, _, e, _, p) <kernel_shape=[3, 3], "
            "pads=[1, 1, 1, 1], strides=[2, 1], filters=20, expansion_activation=\"relu\">"),
      graph("x: f32[1,N,21,M], w: f32[9,M], p: f32[1," + panels(20, "M"),
            "channels_last_separable_conv(x, w, _, _, _, _, _, p) <kernel_shape=[3, 3], "
            "pads=[1, 1, 1, 1], filters=20>"),
      graph("x: f32[5,N,9,8], w: f32[15,40], e: f32[1," + panels(40, "8"),
            "channels_last_separable_conv(x, w, _, _, _, e) <kernel_shape=[5, 3], "
            "dilations=[2, 1], pads=[4, 1, 4, 1]>")};
  for (std::string_view op : {"channels_last_average_pool", "channels_last_max_pool"})
    m[std::string(op)] = {graph("x: f32[2,N,21,M]",
                                std::string(op) + "(x) <kernel_shape=[3, 2], pads=[1, 0, 1, 1]>")};
  m["attention"] = {graph("q: f32[2,N,24], k: f32[2,33,24], v: f32[2,33,24]",
                          "attention(q, k, v) <q_num_heads=3, kv_num_heads=3>"),
                    graph("q: f32[1,4,N,16], k: f32[1,2,N,16], v: f32[1,2,N,5]",
                          "attention(q, k, v) <is_causal=1>")};
  m["split"] = {"graph g(x: f32[N,7]) -> (y, z) { y, z = split(x, i64[2]{3, 4}) <axis=1> }"};
}

// Reductions, logic, and what is done along axes.
void add_families(Calls& m) {
  for (const std::string op :
       {"l1", "l2", "log_sum", "log_sum_exp", "max", "mean", "min", "prod", "sum", "sum_square"})
    for (std::string_view axes : {"i64[1]{2}", "i64[2]{1, -1}", "i64[3]{0, 1, 2}", "i64[1]{1}"})
      m["reduce_" + op].push_back(
          graph("x: f32[2,N,M]", "reduce_" + op + "(x, " + std::string(axes) + ")"));
  for (std::string_view op : {"arg_max", "arg_min"})
    for (std::string_view axis : {"0", "1"})
      m[std::string(op)].push_back(
          graph("x: f32[N,M]", std::string(op) + "(x) <axis=" + std::string(axis) + ">"));
  for (std::string_view op : {"and", "or", "xor"})
    m[std::string(op)] = {graph("a: bool[N,M], b: bool[N,1]", std::string(op) + "(a, b)")};
  m["not"] = {graph("a: bool[N,M]", "not(a)")};
  m["where"] = {graph("c: bool[N,1], a: f32[N,M], b: f32[]", "where(c, a, b)"),
                graph("c: bool[N,M], a: i64[N,1], b: i64[M]", "where(c, a, b)")};
  for (std::string_view axis : {"0", "1"})
    m["log_softmax"].push_back(
        graph("x: f32[N,M]", "log_softmax(x) <axis=" + std::string(axis) + ">"));
  m["cast"] = {graph("x: f32[N,M]", "cast(x) <to=f16>"), graph("x: i64[N,M]", "cast(x) <to=f32>")};
  m["conv_transpose"] = {
      graph("x: f32[2,24,N,11], w: f32[24,30,2,3]", "conv_transpose(x, w) <strides=[2, 2]>")};
  m["global_max_pool"] = {graph("x: f32[2,N,5,M]", "global_max_pool(x)")};
  m["rms_normalization"] = {graph("x: f32[N,M], s: f32[M]", "rms_normalization(x, s)")};
  m["instance_normalization"] = {
      graph("x: f32[2,N,M], s: f32[N], b: f32[N]", "instance_normalization(x, s, b)")};
  m["group_normalization"] = {graph("x: f32[2,6,N,M], s: f32[6], b: f32[6]",
                                    "group_normalization(x, s, b) <num_groups=2>")};
  m["channels_last_group_normalization"] = {
      graph("x: f32[2,N,M,6], s: f32[6], b: f32[6]",
            "channels_last_group_normalization(x, s, b) <num_groups=2>")};
  m["lrn"] = {graph("x: f32[2,M,N]", "lrn(x) <size=5>"),
              graph("x: f32[2,N,M]", "lrn(x) <size=4, axis=2>")};
}

// What moves elements.
void add_movement(Calls& m) {
  m["slice"] = {graph("x: f32[N,2,M]",
                      "slice(x, i64[2]{0, -1}, i64[2]{9999, -99999}, "
                      "i64[2]{0, 2}, i64[2]{1, -2})")};
  m["range"] = {graph("x: f32[N,M]", "range(i64{0}, size(x), i64{1})"),
                graph("x: f32[N,M]", "range(f32{0.5}, cast(size(x)) <to=f32>, f32{0.25})")};
  m["shape"] = {graph("x: f32[N,M]", "shape(x)")};
  m["size"] = {graph("x: f32[N,M]", "size(x)")};
  m["expand"] = {graph("x: f32[N,1,M]", "expand(x, i64[3]{1, 3, 1})")};
  m["tile"] = {graph("x: f32[N,M]", "tile(x, i64[2]{2, 3})")};
  m["pad"] = {graph("x: f32[N,2,M]", "pad(x, i64[6]{1, 0, 2, 0, 1, 1})"),
              graph("x: f32[N,M]", "pad(x, i64[4]{0, 2, 0, 1}) <mode=\"wrap\">")};
  m["resize"] = {graph("x: f32[2,N,M]", "resize(x) <scales=[1.0, 2.0, 1.5], mode=\"linear\">"),
                 graph("x: f32[N,M,3]", "resize(x) <scales=[2.0, 1.5, 1.0]>")};
  m["depth_to_space"] = {graph("x: f32[2,12,N,M]", "depth_to_space(x) <blocksize=2>")};
  m["space_to_depth"] = {graph("x: f32[N,3,4,10]", "space_to_depth(x) <blocksize=2>")};
  m["gather_elements"] = {
      graph("x: f32[N,M]", "gather_elements(x, i64[1,5]{0, -1, 0, 0, -1}) <axis=0>")};
  m["gather_nd"] = {graph("x: f32[N,M]", "gather_nd(x, i64[3,1]{0, -1, 0})")};
  m["scatter_elements"] = {
      graph("x: f32[N,M], u: f32[1,4]", "scatter_elements(x, i64[1,4]{0, -1, 0, 0}, u) <axis=0>")};
  m["scatter_nd"] = {graph("x: f32[N,M], u: f32[2,M]", "scatter_nd(x, i64[2,1]{0, -1}, u)")};
}

// Graphs with one call each, by operator. N and M are bound to several sizes.
const Calls& calls() {
  static const auto* all = [] {
    auto* m = new Calls;
    for (std::string_view op : {"abs",          "acos",       "asin",
                                "atan",         "ceil",       "celu",
                                "cos",          "elu",        "erf",
                                "exp",          "floor",      "gelu",
                                "hard_sigmoid", "hard_swish", "leaky_relu",
                                "log",          "mish",       "neg",
                                "reciprocal",   "relu",       "round",
                                "selu",         "shrink",     "sigmoid",
                                "sign",         "sin",        "softplus",
                                "softsign",     "sqrt",       "swish",
                                "tan",          "tanh",       "thresholded_relu"})
      (*m)[std::string(op)] = {graph("x: f32[N,M]", std::string(op) + "(x)")};
    for (std::string_view op :
         {"add", "div", "equal", "greater", "greater_or_equal", "less", "less_or_equal", "max",
          "mean", "min", "mul", "pow", "prelu", "sub", "sum"})
      for (std::string_view other : {"[N,M]", "[M]", "[N,1]", "[]"})
        (*m)[std::string(op)].push_back(
            graph("a: f32[N,M], b: f32" + std::string(other), std::string(op) + "(a, b)"));
    (*m)["elementwise"] = {
        graph("x: f32[N,M], r: f32[N,M]", "elementwise(x, r) <program=\"x0 sigmoid x1 mul tanh\">"),
        graph("x: f32[N,M], p: f32[N,40], s: f32[]",
              "elementwise(x, p, s) <program=\"x0 x1 add relu\", joined=2>"),
        graph("x: f32[3,N,M], w: f32[M], b: f32[M], s: f32[]",
              "elementwise(x, w, b, s) <program=\"x0 x1 mul x2 add relu x3 sub\">")};
    (*m)["clip"] = {graph("x: f32[N,M]", "clip(x, -0.5, 0.75)")};
    for (std::string_view op : {"average_pool", "max_pool"})
      (*m)[std::string(op)] = {
          graph("x: f32[2,M,33,N]", std::string(op) + "(x) <kernel_shape=[3, 1]>"),
          graph("x: f32[1,N,17,29]",
                std::string(op) + "(x) <kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1]>")};
    (*m)["global_average_pool"] = {graph("x: f32[2,N,5,M]", "global_average_pool(x)")};
    (*m)["batch_normalization"] = {
        graph("x: f32[2,N,M], s: f32[N], b: f32[N], e: f32[N], v: f32[N]",
              "batch_normalization(x, s, b, e, mul(v, v))")};
    (*m)["layer_normalization"] = {
        graph("x: f32[N,M], s: f32[M], b: f32[M]", "layer_normalization(x, s, b)"),
        graph("x: f32[3,N,M], s: f32[M]", "layer_normalization(x, s) <axis=1>")};
    (*m)["softmax"] = {graph("x: f32[N,M]", "softmax(x)"),
                       graph("x: f32[N,M]", "softmax(x) <axis=0>"),
                       graph("x: f32[2,N,M]", "softmax(x) <axis=1>")};
    for (std::string_view axis : {"0", "1", "2"})
      (*m)["concat"].push_back(graph("a: f32[N,2,M], b: f32[N,2,M]",
                                     "concat(a, b, a) <axis=" + std::string(axis) + ">"));
    (*m)["gather"] = {graph("x: f32[N,M]", "gather(x, i64[4]{0, -1, 0, 0})"),
                      graph("x: f32[N,M]", "gather(x, i64[2,1]{0, -1}) <axis=1>")};
    for (std::string_view perm : {"[1, 0, 2]", "[2, 1, 0]", "[0, 2, 1]"})
      (*m)["transpose"].push_back(
          graph("x: f32[3,N,M]", "transpose(x) <perm=" + std::string(perm) + ">"));
    (*m)["matmul"] = {graph("a: f32[N,M], b: f32[M,70]", "matmul(a, b)"),
                      graph("a: f32[1,M], b: f32[M,N]", "matmul(a, b)"),
                      graph("a: f32[3,N,40], b: f32[3,40,33]", "matmul(a, b)"),
                      graph("a: f32[3,2,N,7], b: f32[2,7,50]", "matmul(a, b)"),
                      graph("a: f32[M], b: f32[M]", "matmul(a, b)")};
    (*m)["gemm"] = {graph("a: f32[N,M], b: f32[M,65], c: f32[65]", "gemm(a, b, c)"),
                    graph("a: f32[M,N], b: f32[65,M], c: f32[N,1]",
                          "gemm(a, b, c) <transa=1, transb=1, alpha=0.5, beta=2.0>")};
    const std::string kernels = "x: f32[2,8,N,21], k: f32[16,8,3,3], b: f32[16]";
    (*m)["conv"] = {
        graph(kernels, "conv(x, k, b) <pads=[1, 1, 1, 1]>"),
        graph(kernels,
              "conv(x, k, b) <pads=[2, 2, 2, 2], dilations=[2, 2], "
              "strides=[2, 1]>"),
        graph("x: f32[1,8,N,21], k: f32[40,8,1,1]", "conv(x, k)"),
        graph("x: f32[3,8,N,21], k: f32[8,1,3,3]", "conv(x, k) <group=8, pads=[1, 1, 1, 1]>"),
        graph("x: f32[1,8,N,21], k: f32[6,4,3,1]", "conv(x, k) <group=2, pads=[1, 0, 1, 0]>"),
        graph("x: f32[2,3,N], k: f32[5,3,4]", "conv(x, k) <pads=[2, 1]>")};
    add_lowered(*m);
    add_families(*m);
    add_movement(*m);
    return m;
  }();
  return *all;
}

// Is the call run by the cpu backend, and not by the plain loops?
bool on_cpu(const Program& program, std::string_view op) {
  for (const Program::Share& share : program.shares())
    for (const std::string& name : share.operators)
      if (share.backend == "cpu" && name == op) return true;
  return false;
}

class Threads : public ::testing::TestWithParam<const char*> {};

TEST_P(Threads, ChangeNoBit) {
  const auto cases = calls().find(GetParam());
  ASSERT_NE(cases, calls().end()) << "the kernel has no call here";
  for (const std::string& text : cases->second) {
    const auto model = testing::model_of(text, standard_catalogue());
    ASSERT_TRUE(model.ok()) << describe(model.error()) << "\n" << text;
    const auto program =
        Program::make(std::make_shared<const Model>(*model), backends_for("auto").take(), Limits{});
    ASSERT_TRUE(program.ok()) << describe(program.error());
    EXPECT_TRUE(on_cpu(**program, GetParam())) << text;
    for (const auto& [n, m] : {std::pair<int64_t, int64_t>{3, 5}, {1, 40'003}, {259, 131}}) {
      SCOPED_TRACE(text + " for N=" + std::to_string(n) + ", M=" + std::to_string(m));
      testing::Random random(uint64_t(n * m));
      Dim::Bindings bindings{{"N", n}, {"M", m}};
      const auto inputs = testing::random_inputs(model->main(), bindings, random);
      std::vector<Datum> expected;
      for (int threads = 1; threads <= 4; ++threads) {
        ThreadPool pool(threads);
        Session session(*program, pool);
        for (int run = 0; run < (threads == 1 ? 1 : 3); ++run) {
          const auto outputs = session.run(inputs);
          ASSERT_TRUE(outputs.ok()) << describe(outputs.error());
          if (expected.empty()) expected = *outputs;
          ASSERT_TRUE(testing::identical((*outputs)[0], expected[0])) << threads << " threads";
        }
      }
    }
  }
}

#define CPU(name) #name,
constexpr const char* kKernels[] = {
#include "backends/cpu/kernels.def"
};
#undef CPU
INSTANTIATE_TEST_SUITE_P(Kernels, Threads, ::testing::ValuesIn(kKernels),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace hone
