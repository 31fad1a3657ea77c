// Whole networks of random depth, width and kind: the error of sums is measured on them, and the
// scale that brings sums of steps to times of networks.
#include <fmt/format.h>

#include <algorithm>

#include "calibrate/draw.h"
#include "calibrate/synthetic.h"

namespace hone::calibrate {
namespace {

class Network {
 public:
  Network(ProgramText& text, Draw& draw) : t_(text), d_(draw) {}

  // Stages of blocks on images, each half as large; global pooling; a classifier.
  void convolutional() {
    int64_t size = d_.one_of({28, 32, 48, 64, 96, 128, 160, 192, 224}),
            c = d_.one_of({8, 16, 16, 24, 32, 64});
    std::string x = t_.input({1, 3, size, size});
    x = conv(x, 3, c, d_.one_of({3, 3, 7}), 2, 1, "relu");
    size /= 2;
    if (d_.chance(0.3) && size > 16) {
      x = let("max_pool({}) <kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]>", x);
      size = (size + 1) / 2;
    }
    const int64_t kind = d_.size(1, 7), stages = d_.size(2, 4);
    for (int64_t s = 0; s < stages; ++s) {
      const int64_t blocks = d_.size(1, 4);
      for (int64_t b = 0; b < blocks; ++b) x = block(kind, x, c);
      if (size <= 8) break;
      const int64_t wider = std::min<int64_t>(512, d_.chance(0.7) ? 2 * c : c);
      x = d_.chance(0.6) ? conv(x, c, wider, 3, 2, 1, "relu")
                         : conv(let("max_pool({}) <kernel_shape=[2, 2], strides=[2, 2]>", x), c,
                                wider, 1, 1, 1, "relu");
      c = wider;
      size /= 2;
    }
    classify(x, c);
  }

  // Depthwise convolutions between products of pixels, of widths that grow.
  void mobile() {
    int64_t size = d_.one_of({48, 64, 96, 128, 160, 224, 320}), c = d_.one_of({8, 16, 16, 32});
    const std::string_view activation = d_.chance(0.5) ? "clip" : "relu";
    std::string x = conv(t_.input({1, 3, size, size}), 3, c, 3, 2, 1, activation);
    size /= 2;
    const bool expands = d_.chance(0.5);
    const int64_t layers = d_.size(4, 12);
    for (int64_t i = 0; i < layers; ++i) {
      const int64_t stride = size > 6 && d_.chance(0.35) ? 2 : 1, kernel = d_.one_of({3, 3, 3, 5});
      const int64_t to = std::min<int64_t>(512, stride == 2 || d_.chance(0.2) ? 2 * c : c);
      const int64_t wide = expands ? c * d_.one_of({2, 4, 6}) : c;
      std::string y = expands ? conv(x, c, wide, 1, 1, 1, activation) : x;
      y = conv(y, wide, wide, kernel, stride, wide, activation);
      y = conv(y, wide, to, 1, 1, 1, expands ? "" : activation);
      x = expands && stride == 1 && to == c ? let("add({}, {})", y, x) : y;
      c = to;
      size = (size + stride - 1) / stride;
    }
    classify(x, c);
  }

  // The same kinds of layers in bytes.
  void quantized() {
    int64_t size = d_.one_of({24, 32, 48, 64, 96}), c = d_.one_of({8, 16, 32, 64});
    const bool depthwise = d_.chance(0.5);
    std::string x = byte_conv(bytes(t_.input({1, 3, size, size})), 3, c, 3, 2, 1);
    size /= 2;
    const int64_t layers = d_.size(3, 9);
    for (int64_t i = 0; i < layers; ++i) {
      const int64_t stride = size > 6 && d_.chance(0.35) ? 2 : 1;
      const int64_t to = std::min<int64_t>(256, stride == 2 ? 2 * c : c);
      if (depthwise) {
        x = byte_conv(byte_conv(x, c, c, 3, stride, c), c, to, 1, 1, 1);
      } else {
        const std::string y = byte_conv(x, c, to, 3, stride, 1);
        x = to == c && stride == 1 ? bytes(let("add({}, {})", y, x)) : y;
      }
      c = to;
      size /= stride;
    }
    const std::string pooled = let("reshape(global_average_pool({}), i64[2]{{1, {}}})", x, c);
    const int64_t classes = d_.size(2, 100);
    t_.output(let("add(matmul({}, {}), {})", bytes(pooled), signed_weight({c, classes}),
                  t_.weight({classes})));
  }

  // Layers of attention and two products.
  void transformer() {
    const int64_t heads = d_.one_of({2, 4, 6, 8, 12}), size = d_.one_of({32, 64, 64});
    const int64_t rows = d_.size(8, 256), width = heads * size, layers = d_.size(1, 4);
    std::string x = t_.input({1, rows, width});
    for (int64_t i = 0; i < layers; ++i) {
      const std::string n = norm(x, width);
      std::string parts[3];
      for (std::string& part : parts) part = heads_of(linear(n, width, width), rows, heads, size);
      const std::string a = let("attention({}, {}, {})", parts[0], parts[1], parts[2]);
      const std::string joined =
          let("reshape(transpose({}) <perm=[0, 2, 1, 3]>, i64[3]{{1, {}, {}}})", a, rows, width);
      x = let("add({}, {})", x, linear(joined, width, width));
      const int64_t inner = width * d_.one_of({2, 4, 4});
      const std::string h = let("gelu({})", linear(norm(x, width), width, inner));
      x = let("add({}, {})", x, linear(h, inner, width));
    }
    t_.output(norm(x, width));
  }

  // Layers of a language model that reads a prompt, or goes on by one token, behind others.
  void language(bool prompt, std::string_view format, int64_t block_bytes) {
    const int64_t width = 256 * d_.size(1, 5), inner = width * d_.one_of({2, 3, 4}), head = 64;
    const int64_t heads = width / head, shared = d_.one_of({1, 2, 4}), groups = heads / shared;
    const int64_t rows = prompt ? d_.size(16, 384) : 1, keys = rows + d_.size(32, 1500);
    const int64_t pages = (keys + kPage - 1) / kPage, layers = prompt ? 1 : d_.size(2, 4);
    std::string table;
    for (int64_t i = 0; i < pages; ++i) table += fmt::format("{}{}", i > 0 ? ", " : "", i);
    const auto product = [&](const std::string& bytes, int64_t to, int64_t from) {
      return let("matmul({}, transpose({}))", bytes, t_.blocks(format, {to, from}, block_bytes));
    };
    const auto in_bytes = [&](const std::string& y) {
      const auto q = t_.let(2, fmt::format("quantize_blocks({}) <block=256>", y));
      return let("dequantize_linear({}, {}) <axis=-1, block_size=256>", q[0], q[1]);
    };
    std::string x = t_.input({rows, width});
    const std::string cosines = t_.input({1, rows, head / 2}),
                      sines = t_.input({1, rows, head / 2});
    for (int64_t i = 0; i < layers; ++i) {
      const std::string n = in_bytes(let("rms_normalization({}, {})", x, t_.weight({width})));
      const std::string q = product(n, width, width), k = product(n, groups * head, width),
                        v = product(n, groups * head, width);
      t_.use(k, 2);
      t_.use(v, 2);
      const std::string turned =
          let("reshape(rotary_embedding(reshape({}, i64[3]{{1, {}, {}}}), {}, {}) <num_heads={}>, "
              "i64[2]{{{}, {}}})",
              q, rows, width, cosines, sines, heads, rows, width);
      const std::string a = let(
          "paged_attention({}, {}, {}, i64[2]{{0, {}}}, i64[1]{{{}}}, i64[1,{}]{{{}}}) <heads={}>",
          turned, t_.stored("f16", {pages, groups, head, kPage}, 16),
          t_.stored("f16", {pages, groups, kPage, head}, 16), rows, keys, pages, table, heads);
      x = let("add({}, {})", x, product(in_bytes(a), width, width));
      const std::string m = in_bytes(let("rms_normalization({}, {})", x, t_.weight({width})));
      const std::string h =
          let("swiglu({}, {})", product(m, inner, width), product(m, inner, width));
      x = let("add({}, {})", x, product(in_bytes(h), width, inner));
    }
    t_.output(x);
  }

  void perceptron() {
    int64_t width = d_.width(32, 1024, 32);
    std::string x = t_.input({d_.chance(0.5) ? 1 : d_.size(2, 64), width});
    const int64_t layers = d_.size(2, 8);
    for (int64_t i = 0; i < layers; ++i) {
      const int64_t next = d_.width(32, 1024, 32);
      x = let("relu({})", linear(x, width, next));
      width = next;
    }
    t_.output(x);
  }

 private:
  static constexpr int64_t kPage = 64;  // tokens of a page of the cache

  void classify(const std::string& x, int64_t c) {
    const int64_t classes = d_.size(2, 1000);
    const std::string pooled = let("reshape(global_average_pool({}), i64[2]{{1, {}}})", x, c);
    t_.output(
        let("add(matmul({}, {}), {})", pooled, t_.weight({c, classes}), t_.weight({classes})));
  }
  template <class... T>
  std::string let(std::string_view form, const T&... values) {
    return t_.let(fmt::format(fmt::runtime(form), values...));
  }
  std::string conv(const std::string& x, int64_t from, int64_t to, int64_t size, int64_t stride,
                   int64_t group, std::string_view activation) {
    const int64_t pad = size / 2;
    std::string y =
        let("conv({}, {}, {}) <group={}, kernel_shape=[{}, {}], pads=[{}, {}, {}, {}], "
            "strides=[{}, {}]>",
            x, t_.weight({to, from / group, size, size}), t_.weight({to}), group, size, size, pad,
            pad, pad, pad, stride, stride);
    if (activation == "relu") return let("relu({})", y);
    if (activation == "clip") return let("clip({}, 0.0, 6.0)", y);
    return y;
  }
  std::string block(int64_t kind, const std::string& x, int64_t c) {
    switch (kind) {
      case 1: return conv(x, c, c, 3, 1, 1, "relu");
      case 2: {
        const std::string y = conv(conv(x, c, c, 3, 1, 1, "relu"), c, c, 3, 1, 1, "");
        return let("relu(add({}, {}))", y, x);
      }
      case 3: {
        const int64_t inner = std::max<int64_t>(8, c / 4);
        const std::string y =
            conv(conv(x, c, inner, 1, 1, 1, "relu"), inner, inner, 3, 1, 1, "relu");
        return let("relu(add({}, {}))", conv(y, inner, c, 1, 1, 1, ""), x);
      }
      case 4: {
        const int64_t wide = c * d_.one_of({2, 4, 6}), size = d_.one_of({3, 3, 5});
        const std::string y =
            conv(conv(x, c, wide, 1, 1, 1, "clip"), wide, wide, size, 1, wide, "clip");
        return let("add({}, {})", conv(y, wide, c, 1, 1, 1, ""), x);
      }
      case 5: {  // what came before, and some more
        const int64_t more = std::max<int64_t>(8, c / 4);
        const std::string y = conv(conv(x, c, c, 1, 1, 1, "relu"), c, more, 3, 1, 1, "relu");
        return conv(let("concat({}, {}) <axis=1>", x, y), c + more, c, 1, 1, 1, "relu");
      }
      case 6: {  // channels weighed by a look at all pixels
        const std::string y = conv(x, c, c, 3, 1, 1, "relu");
        const int64_t inner = std::max<int64_t>(8, c / 4);
        const std::string w = conv(let("global_average_pool({})", y), c, inner, 1, 1, 1, "relu");
        return let("mul({}, sigmoid({}))", y, conv(w, inner, c, 1, 1, 1, ""));
      }
      default: {
        const int64_t half = c / 2, inner = std::max<int64_t>(8, c / 4);
        const std::string squeezed = conv(x, c, inner, 1, 1, 1, "relu");
        return let("concat({}, {}) <axis=1>", conv(squeezed, inner, half, 1, 1, 1, "relu"),
                   conv(squeezed, inner, c - half, 3, 1, 1, "relu"));
      }
    }
  }
  std::string bytes(const std::string& x) {
    return let(
        "dequantize_linear(quantize_linear({}, f32{{0.05}}, u8{{128}}), f32{{0.05}}, u8{{128}})",
        x);
  }
  std::string signed_weight(const Dims& shape) {
    return t_.let(fmt::format("dequantize_linear({}, f32{{0.01}})", t_.stored("i8", shape, 8)));
  }
  std::string byte_conv(const std::string& x, int64_t from, int64_t to, int64_t size,
                        int64_t stride, int64_t group) {
    const int64_t pad = size / 2;
    return bytes(
        let("relu(conv({}, {}, {}) <group={}, kernel_shape=[{}, {}], pads=[{}, {}, {}, "
            "{}], strides=[{}, {}]>)",
            x, signed_weight({to, from / group, size, size}), t_.weight({to}), group, size, size,
            pad, pad, pad, pad, stride, stride));
  }
  std::string linear(const std::string& x, int64_t from, int64_t to) {
    return let("add(matmul({}, {}), {})", x, t_.weight({from, to}), t_.weight({to}));
  }
  std::string norm(const std::string& x, int64_t width) {
    return let("layer_normalization({}, {}, {}) <axis=-1>", x, t_.weight({width}),
               t_.weight({width}));
  }
  std::string heads_of(const std::string& x, int64_t rows, int64_t heads, int64_t size) {
    return let("transpose(reshape({}, i64[4]{{1, {}, {}, {}}})) <perm=[0, 2, 1, 3]>", x, rows,
               heads, size);
  }

  ProgramText& t_;
  Draw& d_;
};

struct Kind {
  std::string_view name;
  void (Network::*write)();
};
constexpr Kind kKinds[] = {
    {"convolutional", &Network::convolutional}, {"mobile", &Network::mobile},
    {"convolutional", &Network::convolutional}, {"transformer", &Network::transformer},
    {"perceptron", &Network::perceptron},       {"mobile", &Network::mobile},
    {"quantized", &Network::quantized}};

}  // namespace

std::vector<SyntheticProgram> language_programs(uint64_t seed, size_t count) {
  struct Format {
    std::string_view name;
    int64_t block_bytes;
  };
  constexpr Format kFormats[] = {{"q4_0", 18}, {"q8_0", 34}};
  Draw draw(seed ^ 0x6c616e67);
  std::vector<SyntheticProgram> programs;
  for (size_t i = 0; i < count; ++i) {
    SyntheticProgram program;
    Draw own(draw.bits());
    Network network(program.text, own);
    const Format& f = kFormats[i / 2 % 2];
    network.language(i % 2 == 1, f.name, f.block_bytes);
    program.name = fmt::format("{}_{}", i % 2 == 1 ? "prompt" : "token", i);
    program.shapes = 1;
    programs.push_back(std::move(program));
  }
  return programs;
}

std::vector<SyntheticProgram> network_programs(uint64_t seed, size_t count) {
  Draw draw(seed ^ 0x6e6574);
  std::vector<SyntheticProgram> programs;
  for (size_t i = 0; i < count; ++i) {
    SyntheticProgram program;
    Draw own(draw.bits());
    Network network(program.text, own);
    const Kind& kind = kKinds[i % std::size(kKinds)];
    program.name = fmt::format("{}_{}", kind.name, i);
    (network.*kind.write)();
    program.shapes = 1;
    programs.push_back(std::move(program));
  }
  return programs;
}

}  // namespace hone::calibrate
