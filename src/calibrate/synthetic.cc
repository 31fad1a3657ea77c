#include "calibrate/synthetic.h"

#include <fmt/format.h>

#include <algorithm>

#include "calibrate/draw.h"

namespace hone::calibrate {
namespace {

// How large operators of a program are, as the multiply-adds or elements that one has.
struct Scale {
  double least, most;
};

// Adds one operator, behind one that makes its input as in a network.
class Operators {
 public:
  Operators(ProgramText& text, Draw& draw, Scale scale) : t_(text), d_(draw), scale_(scale) {}

  void linear() {
    const double macs = d_.size(scale_.least, scale_.most);
    const int64_t m = d_.size(4, std::min(1024.0, macs / 256));
    auto [n, k] = split(macs / double(m), 8192);
    const std::string x = made({m, k});
    std::string y = fmt::format("matmul({}, {})", x, t_.weight({k, n}));
    if (d_.chance(0.7)) y = fmt::format("add({}, {})", y, t_.weight({n}));
    if (d_.chance(0.3)) y = fmt::format("relu({})", y);
    use(y, 2);
  }
  void linear_few_rows() {
    auto [n, k] = split(d_.size(scale_.least / 8, scale_.most / 4), 16384);
    const int64_t m = d_.chance(0.7) ? 1 : d_.size(2, 3);
    use(fmt::format("add(matmul({}, {}), {})", made({m, k}), t_.weight({k, n}), t_.weight({n})), 2);
  }
  void conv(int64_t size, int64_t stride) {
    const double macs = d_.size(scale_.least, scale_.most) / double(size * size);
    const int64_t pixels =
        std::clamp<int64_t>(d_.size(4, 112), 2, int64_t(std::sqrt(macs / 64)) + 2);
    auto [f, c] = split(std::max(64.0, macs / double(pixels * pixels)), 2048);
    convolution(pixels, c, f, size, stride, 1);
  }
  // 3 x 3 with as many channels as networks have most often: what Winograd's way is for.
  void conv_of_threes() {
    const double macs = double(d_.size(scale_.most / 10, scale_.most)) / 9;
    const int64_t c = d_.width(16, std::clamp(std::sqrt(macs / 16), 17.0, 512.0), 16);
    const int64_t f = d_.width(16, std::clamp(macs / double(16 * c), 17.0, 512.0), 16);
    const auto pixels = int64_t(std::sqrt(macs / double(c * f)));
    convolution(std::clamp<int64_t>(pixels, 4, 112), c, f, 3, 1, 1);
  }
  void conv_of_image() {
    const int64_t pixels = d_.size(24, scale_.most > 3e7 ? 320 : 96);
    const int64_t c = d_.one_of({1, 3, 3, 4}), f = d_.width(8, 64, 8);
    const int64_t size = d_.one_of({3, 3, 5, 7}), pad = size / 2, stride = d_.one_of({1, 2, 2});
    use(first_to_last(
            t_.let(fmt::format("relu(conv({}, {}, {}) <kernel_shape=[{}, {}], pads=[{}, {}, {}, "
                               "{}], strides=[{}, {}]>)",
                               t_.input({1, c, pixels, pixels}), t_.weight({f, c, size, size}),
                               t_.weight({f}), size, size, pad, pad, pad, pad, stride, stride))),
        4);
  }
  void depthwise() {
    const int64_t size = d_.one_of({3, 3, 3, 5, 7}), stride = d_.one_of({1, 1, 2});
    const double elements =
        std::max(64.0, d_.size(scale_.least, scale_.most) / double(size * size) / 2);
    const int64_t pixels =
        std::clamp<int64_t>(d_.size(4, 128), 2, int64_t(std::sqrt(elements / 8)) + 2);
    const int64_t c =
        std::clamp<int64_t>(int64_t(elements / double(pixels * pixels)) / 8 * 8, 8, 1536);
    convolution(pixels, c, c, size, stride, c);
  }
  // An inverted bottleneck: on large images its parts are computed band by band.
  void bottleneck() {
    const int64_t pixels = d_.size(10, 112), c = d_.width(8, 64, 8),
                  wide = c * d_.one_of({2, 4, 6});
    const int64_t size = d_.one_of({3, 3, 5}), stride = d_.one_of({1, 2}), pad = size / 2;
    const std::string x = last_to_first(made({1, pixels, pixels, c}));
    const std::string e = t_.let(fmt::format("clip(conv({}, {}, {}), 0.0, 6.0)", x,
                                             t_.weight({wide, c, 1, 1}), t_.weight({wide})));
    const std::string d =
        t_.let(fmt::format("clip(conv({}, {}, {}) <group={}, kernel_shape=[{}, {}], pads=[{}, {}, "
                           "{}, {}], strides=[{}, {}]>, 0.0, 6.0)",
                           e, t_.weight({wide, 1, size, size}), t_.weight({wide}), wide, size, size,
                           pad, pad, pad, pad, stride, stride));
    use(first_to_last(
            t_.let(fmt::format("conv({}, {}, {})", d, t_.weight({c, wide, 1, 1}), t_.weight({c})))),
        4);
  }
  void matmul() {
    const int64_t batch = d_.size(1, 16);
    const double each = std::max(512.0, double(d_.size(scale_.least, scale_.most)) / double(batch));
    const int64_t m = d_.size(2, std::min(512.0, each / 64));
    auto [n, k] = split(each / double(m), 1024);
    use(fmt::format("matmul({}, {})", made({batch, m, k}), made({batch, k, n})), 3);
  }
  void attention() {
    const int64_t heads = d_.size(1, 16), size = d_.one_of({16, 32, 48, 64, 64, 96, 128});
    const double most = std::sqrt(double(scale_.most) / double(heads * size * 2));
    const int64_t rows = d_.size(4, std::clamp(most, 8.0, 512.0));
    const int64_t keys = d_.chance(0.7) ? rows : d_.size(4, 512);
    const Dims q{1, heads, rows, size}, k{1, heads, keys, size};
    use(fmt::format("attention({}, {}, {})", made(q), made(k), made(k)), 4);
  }
  void softmax() {
    const Dims shape = rows();
    use(fmt::format("softmax({}) <axis=-1>", made(shape)), 2);
  }
  void layer_normalization() {
    const Dims s = rows();
    use(fmt::format("layer_normalization({}, {}, {}) <axis=-1>", made(s), t_.weight({s[1]}),
                    t_.weight({s[1]})),
        2);
  }
  void elementwise() {
    const Dims s = rows();
    const std::string x = t_.input(s);
    const std::string y = d_.chance(0.6) ? t_.input(s) : t_.weight({s[1]});
    static constexpr std::string_view kForms[] = {"add({0}, {1})",
                                                  "mul({0}, {1})",
                                                  "mul({0}, sigmoid({1}))",
                                                  "gelu(add({0}, {1}))",
                                                  "tanh({0})",
                                                  "relu(add({0}, {1}))",
                                                  "div({0}, add(abs({1}), 1.0))",
                                                  "hard_swish({0})",
                                                  "mul(exp({0}), {1})",
                                                  "sigmoid({0})"};
    const auto form = kForms[size_t(d_.unit() * std::size(kForms))];
    use(fmt::format(fmt::runtime(form), x, y), 2);
  }
  void pool() {
    const int64_t size = d_.one_of({2, 3, 3}), pixels = d_.size(6, 112);
    const int64_t c =
        std::clamp<int64_t>(int64_t(elements() / double(pixels * pixels)) / 8 * 8, 8, 1024);
    const std::string_view op = d_.chance(0.6) ? "max_pool" : "average_pool";
    use(first_to_last(t_.let(fmt::format("{}({}) <kernel_shape=[{}, {}], strides=[2, 2]>", op,
                                         last_to_first(made({1, pixels, pixels, c})), size, size))),
        4);
  }
  void global_pool() {
    const int64_t pixels = d_.size(3, 56);
    const int64_t c =
        std::clamp<int64_t>(int64_t(elements() / double(pixels * pixels)) / 8 * 8, 8, 2048);
    if (d_.chance(0.5))
      return use(
          fmt::format("global_average_pool({})", last_to_first(made({1, pixels, pixels, c}))), 4);
    const Dims shape{1, std::max<int64_t>(1, c / 4), pixels + 2, pixels + 2};
    use(d_.chance(0.5)
            ? fmt::format("global_average_pool({})", made(shape))
            : fmt::format("average_pool({}) <kernel_shape=[3, 3], strides=[2, 2]>", made(shape)),
        4);
  }
  void reduce() {
    const Dims s = rows();
    use(fmt::format("reduce_mean({}, i64[1]{{{}}}) <keepdims=1>", made(s), d_.chance(0.6) ? 1 : 0),
        2);
  }
  void transpose() {
    const auto n = elements();
    const int64_t heads = d_.size(1, 16), size = d_.one_of({16, 32, 64, 64});
    const int64_t rows = std::max<int64_t>(1, int64_t(n / double(heads * size)));
    if (d_.chance(0.25)) {
      const int64_t groups = d_.one_of({2, 3, 4, 8});
      return use(fmt::format("transpose({}) <perm=[0, 1, 3, 2]>",
                             made({1, rows, groups, std::max<int64_t>(2, heads * size / groups)})),
                 4);
    }
    const std::string_view perm = d_.chance(0.6)   ? "[0, 2, 1, 3]"
                                  : d_.chance(0.5) ? "[0, 2, 3, 1]"
                                                   : "[0, 3, 1, 2]";
    use(fmt::format("transpose({}) <perm={}>", made({1, rows, heads, size}), perm), 4);
  }
  void concat() {
    const int64_t n = int64_t(elements()), c = d_.width(8, 256, 8),
                  rows = std::max<int64_t>(1, n / c);
    if (d_.chance(0.4)) {
      const Dims planes{1, c, std::max<int64_t>(1, rows / 8), 8};
      return use(fmt::format("concat({}, {}) <axis=1>", t_.input(planes), t_.input(planes)), 4);
    }
    use(fmt::format("concat({}, {}) <axis=1>", t_.input({rows, c}),
                    t_.input({rows, d_.width(8, 256, 8)})),
        2);
  }
  void gather() {
    const int64_t c = d_.width(32, 1024, 32), rows = d_.size(1, 512);
    const std::string at = t_.let(fmt::format("cast(mul({}, 10.0)) <to=i64>", t_.input({rows})));
    use(fmt::format("gather({}, {}) <axis=0>",
                    t_.weight({std::max<int64_t>(64, int64_t(2e6) / c), c}), at),
        2);
  }
  void resize() {
    const int64_t pixels = d_.size(7, 56),
                  c = std::clamp<int64_t>(int64_t(elements() / double(pixels * pixels)) / 8 * 8, 8,
                                          256);
    use(fmt::format("resize({}, _, f32[4]{{1, 1, 2, 2}}) <mode=\"nearest\">",
                    last_to_first(made({1, pixels, pixels, c}))),
        4);
  }
  void quantized_linear() {
    const double macs = d_.size(scale_.least, scale_.most * 2);
    const int64_t m = d_.chance(0.25) ? 1 : d_.size(4, std::min(1024.0, macs / 256));
    auto [n, k] = split(macs / double(m), 8192);
    use(read(fmt::format("quantize_linear(add(matmul({}, {}), {}), f32{{0.5}}, u8{{128}})",
                         bytes(made({m, k})), signed_weight({k, n}), t_.weight({n}))),
        2);
  }
  void quantized_conv(bool depthwise) {
    const int64_t size = depthwise ? 3 : d_.one_of({1, 1, 3, 3}), stride = d_.one_of({1, 1, 2});
    const double macs = d_.size(scale_.least, scale_.most * 2) / double(size * size);
    const int64_t pixels =
        std::clamp<int64_t>(d_.size(4, 112), 2, int64_t(std::sqrt(macs / 64)) + 2);
    auto [f, c] = split(std::max(64.0, macs / double(pixels * pixels)), 1024);
    if (depthwise)
      f = c = std::clamp<int64_t>(int64_t(macs / double(pixels * pixels)) / 8 * 8, 8, 1024);
    const int64_t pad = size / 2, group = depthwise ? c : 1;
    use(dequantized(fmt::format("quantize_linear(conv({}, {}, {}) <group={}, kernel_shape=[{}, "
                                "{}], pads=[{}, {}, {}, {}], "
                                "strides=[{}, {}]>, f32{{0.5}}, u8{{128}})",
                                bytes(last_to_first(made({1, pixels, pixels, c}))),
                                signed_weight({f, c / group, size, size}), t_.weight({f}), group,
                                size, size, pad, pad, pad, pad, stride, stride)),
        4);
  }
  void block_linear(int64_t bits) {
    const bool one = d_.chance(0.5);
    const double macs =
        one ? d_.size(scale_.least, scale_.most / 2) : d_.size(scale_.least * 4, scale_.most * 2);
    const int64_t m = one ? 1 : d_.size(2, std::min(512.0, macs / 4096));
    auto [n, k] = split(macs / double(m), 8192);
    k = std::max<int64_t>(32, k / 32 * 32);
    const std::string scales = t_.weight({n, k / 32});
    const std::string w = t_.stored(
        "f32", {n, k}, bits, fmt::format("affine(u{}, axis=1, block=32)", bits), "scale " + scales);
    const auto q = t_.let(2, fmt::format("quantize_blocks({})", made({m, k})));
    use(fmt::format("matmul(dequantize_linear({}, {}) <axis=-1, block_size=32>, transpose({}))",
                    q[0], q[1], w),
        2);
  }
  void conv_transpose() {
    const int64_t pixels = d_.size(4, 40), c = d_.width(8, 64, 8), f = d_.width(4, 64, 4);
    const std::string y =
        t_.let(fmt::format("conv_transpose({}, {}) <kernel_shape=[2, 2], strides=[2, 2]>",
                           made({1, c, pixels, pixels}), t_.weight({c, f, 2, 2})));
    use(y, 4);
  }
  void planes() {
    const int64_t pixels = d_.size(4, 64), c = d_.width(8, 128, 8);
    const std::string x = made({1, c, pixels, pixels});
    use(d_.chance(0.5)
            ? fmt::format("lrn({}) <size=5>", x)
            : fmt::format("instance_normalization({}, {}, {})", x, t_.weight({c}), t_.weight({c})),
        4);
  }
  void recurrent() {
    const int64_t steps = d_.size(4, 64), in = d_.size(16, 256), hidden = d_.width(16, 256, 16);
    const bool lstm = d_.chance(0.5);
    const int64_t gates = (lstm ? 4 : 3) * hidden;
    use(fmt::format("{}({}, {}, {}) <hidden_size={}>", lstm ? "lstm" : "gru", made({steps, 1, in}),
                    t_.weight({1, gates, in}), t_.weight({1, gates, hidden}), hidden),
        4);
  }

 private:
  // Two sizes with about this product.
  std::pair<int64_t, int64_t> split(double product, double most) {
    product = std::max(64.0, product);
    const double least = std::max(8.0, product / most);
    const int64_t a = d_.width(least, std::max(least, std::min(most, product / 8)), 16);
    return {a, rounded(product / double(a), 8)};
  }
  // To a multiple, but for one in four.
  int64_t rounded(double n, int64_t unit) {
    const int64_t whole = std::max<int64_t>(1, int64_t(n));
    return d_.chance(0.25) || whole < unit ? whole : (whole + unit / 2) / unit * unit;
  }
  double elements() { return double(d_.size(256, std::clamp(scale_.most / 20, 2048.0, 4e6))); }
  Dims rows() {
    const int64_t n = int64_t(elements()), row = d_.width(24, 2048, 16);
    return {std::max<int64_t>(1, n / row), row};
  }
  // The result of an operator before.
  std::string made(const Dims& shape) { return t_.let(fmt::format("relu({})", t_.input(shape))); }
  std::string last_to_first(const std::string& x) {
    return t_.let(fmt::format("transpose({}) <perm=[0, 3, 1, 2]>", x));
  }
  std::string first_to_last(const std::string& x) {
    return t_.let(fmt::format("transpose({}) <perm=[0, 2, 3, 1]>", x));
  }
  std::string bytes(const std::string& x) {
    return dequantized(fmt::format("quantize_linear({}, f32{{0.01}}, u8{{128}})", x));
  }
  std::string dequantized(const std::string& x) {
    return t_.let(fmt::format("dequantize_linear({}, {}, u8{{128}})", x,
                              x.find("0.5") != std::string::npos ? "f32{0.5}" : "f32{0.01}"));
  }
  // Bytes as numbers that something is computed with.
  std::string read(const std::string& x) { return fmt::format("relu({})", dequantized(x)); }
  std::string signed_weight(const Dims& shape) {
    return fmt::format("dequantize_linear({}, f32{{0.01}})", t_.stored("i8", shape, 8));
  }
  void convolution(int64_t pixels, int64_t c, int64_t f, int64_t size, int64_t stride,
                   int64_t group) {
    const int64_t pad = size / 2;
    std::string y = fmt::format(
        "conv({}, {}, {}) <group={}, kernel_shape=[{}, {}], pads=[{}, {}, {}, {}], strides=[{}, "
        "{}]>",
        last_to_first(made({1, pixels, pixels, c})), t_.weight({f, c / group, size, size}),
        t_.weight({f}), group, size, size, pad, pad, pad, pad, stride, stride);
    if (d_.chance(0.7)) y = fmt::format("relu({})", y);
    use(first_to_last(t_.let(y)), 4);
  }
  // Text of a call, or the name of a result.
  void use(const std::string& text, size_t rank) {
    t_.use(text.find('(') == std::string::npos ? text : t_.let(text), rank);
  }

  ProgramText& t_;
  Draw& d_;
  Scale scale_;
};

// Operators by their share of the shapes.
struct Kind {
  double share;
  void (*add)(Operators& ops, Draw& draw);
};
constexpr Kind kKinds[] = {
    {9, [](Operators& o, Draw&) { o.linear(); }},
    {5, [](Operators& o, Draw&) { o.linear_few_rows(); }},
    {9, [](Operators& o, Draw&) { o.conv(1, 1); }},
    {2, [](Operators& o, Draw&) { o.conv(1, 2); }},
    {6, [](Operators& o, Draw&) { o.conv(3, 1); }},
    {7, [](Operators& o, Draw&) { o.conv_of_threes(); }},
    {4, [](Operators& o, Draw&) { o.conv(3, 2); }},
    {2, [](Operators& o, Draw& d) { o.conv(d.one_of({2, 5, 7}), d.one_of({1, 2})); }},
    {3, [](Operators& o, Draw&) { o.conv_of_image(); }},
    {7, [](Operators& o, Draw&) { o.depthwise(); }},
    {4, [](Operators& o, Draw&) { o.bottleneck(); }},
    {4, [](Operators& o, Draw&) { o.matmul(); }},
    {5, [](Operators& o, Draw&) { o.attention(); }},
    {3, [](Operators& o, Draw&) { o.softmax(); }},
    {4, [](Operators& o, Draw&) { o.layer_normalization(); }},
    {6, [](Operators& o, Draw&) { o.elementwise(); }},
    {3, [](Operators& o, Draw&) { o.pool(); }},
    {2, [](Operators& o, Draw&) { o.global_pool(); }},
    {2, [](Operators& o, Draw&) { o.reduce(); }},
    {4, [](Operators& o, Draw&) { o.transpose(); }},
    {2, [](Operators& o, Draw&) { o.concat(); }},
    {2, [](Operators& o, Draw&) { o.gather(); }},
    {1, [](Operators& o, Draw&) { o.resize(); }},
    {5, [](Operators& o, Draw&) { o.quantized_linear(); }},
    {5, [](Operators& o, Draw&) { o.quantized_conv(false); }},
    {3, [](Operators& o, Draw&) { o.quantized_conv(true); }},
    {3, [](Operators& o, Draw&) { o.block_linear(4); }},
    {2, [](Operators& o, Draw&) { o.block_linear(8); }},
    {2, [](Operators& o, Draw&) { o.recurrent(); }},
    {2, [](Operators& o, Draw&) { o.conv_transpose(); }},
    {3, [](Operators& o, Draw&) { o.planes(); }},
};

// About so many operators, of all kinds, in random order.
std::vector<const Kind*> dealt(Draw& draw, double shapes) {
  double all = 0;
  for (const Kind& k : kKinds) all += k.share;
  std::vector<std::pair<double, const Kind*>> order;
  for (const Kind& kind : kKinds) {
    const double wanted = shapes * kind.share / all;
    const auto count = size_t(wanted) + (draw.chance(wanted - std::floor(wanted)) ? 1 : 0);
    for (size_t i = 0; i < count; ++i) order.emplace_back(draw.unit(), &kind);
  }
  std::ranges::sort(order);
  std::vector<const Kind*> kinds;
  for (const auto& [at, kind] : order) kinds.push_back(kind);
  return kinds;
}

struct Size {
  std::string_view name;
  double share;
  Scale scale;
  int64_t weight_bytes;  // of one program at most
};
constexpr Size kSizes[] = {
    {"tiny", 0.2, {5e2, 1e5}, 96 << 10},
    {"small", 0.2, {1e4, 1e6}, 768 << 10},
    {"medium", 0.43, {1e5, 3e7}, 20 << 20},
    {"large", 0.17, {4e6, 2e8}, 120 << 20},
};

}  // namespace

std::vector<SyntheticProgram> operator_programs(uint64_t seed, size_t shapes) {
  std::vector<SyntheticProgram> programs;
  for (const Size& size : kSizes) {
    Draw draw(seed ^ mix64(uint64_t(&size - kSizes) + 1));
    SyntheticProgram program{std::string(size.name) + "_0", {}, 0};
    size_t parts = 1;
    for (const Kind* kind : dealt(draw, double(shapes) * size.share)) {
      if (program.text.weight_bytes() > size.weight_bytes) {
        programs.push_back(std::move(program));
        program = {fmt::format("{}_{}", size.name, parts++), {}, 0};
      }
      Operators ops(program.text, draw, size.scale);
      kind->add(ops, draw);
      ++program.shapes;
    }
    if (!program.text.empty()) programs.push_back(std::move(program));
  }
  return programs;
}

}  // namespace hone::calibrate
