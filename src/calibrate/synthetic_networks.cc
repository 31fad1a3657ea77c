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
    int64_t size = d_.one_of({64, 96, 128, 160, 192, 224}), c = d_.one_of({16, 24, 32, 64});
    std::string x = t_.input({1, 3, size, size});
    x = conv(x, 3, c, d_.one_of({3, 3, 7}), 2, 1, "relu");
    size /= 2;
    const int64_t kind = d_.size(1, 5), stages = d_.size(2, 4);
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
    const int64_t classes = d_.size(10, 1000);
    x = let("reshape(global_average_pool({}), i64[2]{{1, {}}})", x, c);
    t_.output(let("add(matmul({}, {}), {})", x, t_.weight({c, classes}), t_.weight({classes})));
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
      default: {
        const int64_t half = c / 2, inner = std::max<int64_t>(8, c / 4);
        const std::string squeezed = conv(x, c, inner, 1, 1, 1, "relu");
        return let("concat({}, {}) <axis=1>", conv(squeezed, inner, half, 1, 1, 1, "relu"),
                   conv(squeezed, inner, c - half, 3, 1, 1, "relu"));
      }
    }
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

}  // namespace

std::vector<SyntheticProgram> network_programs(uint64_t seed, size_t count) {
  Draw draw(seed ^ 0x6e6574);
  std::vector<SyntheticProgram> programs;
  for (size_t i = 0; i < count; ++i) {
    SyntheticProgram program;
    Network network(program.text, draw);
    const size_t kind = i % 4;
    program.name = fmt::format("{}_{}",
                               kind < 2    ? "convolutional"
                               : kind == 2 ? "transformer"
                                           : "perceptron",
                               i);
    kind < 2 ? network.convolutional() : kind == 2 ? network.transformer() : network.perceptron();
    program.shapes = 1;
    programs.push_back(std::move(program));
  }
  return programs;
}

}  // namespace hone::calibrate
