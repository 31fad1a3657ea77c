#include "calibrate/synthetic_operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hone::calibrate {
namespace {

// Of products with few rows, whose multiply-adds are as many.
constexpr double kMostWeights = 4e7;

}  // namespace

void Operators::linear() {
  const double macs = d_.size(scale_.least, scale_.most);
  const int64_t m = d_.size(4, std::min(1024.0, macs / 256));
  auto [n, k] = split(macs / double(m), 8192);
  const std::string x = made(Dims{m, k});
  std::string y = fmt::format("matmul({}, {})", x, t_.weight({k, n}));
  if (d_.chance(0.7)) y = fmt::format("add({}, {})", y, t_.weight({n}));
  if (d_.chance(0.3)) y = fmt::format("relu({})", y);
  use(y, 2);
}

void Operators::linear_few_rows() {
  auto [n, k] = split(d_.size(std::min(scale_.least / 8, kMostWeights / 4),
                              std::min(scale_.most / 4, kMostWeights)),
                      16384);
  const int64_t m = d_.chance(0.7) ? 1 : d_.size(2, 3);
  use(fmt::format("add(matmul({}, {}), {})", made(Dims{m, k}), t_.weight({k, n}), t_.weight({n})),
      2);
}

void Operators::matmul() {
  const int64_t batch = d_.size(1, 16);
  const double each = std::max(512.0, double(d_.size(scale_.least, scale_.most)) / double(batch));
  const int64_t m = d_.size(2, std::min(512.0, each / 64));
  auto [n, k] = split(each / double(m), 1024);
  use(fmt::format("matmul({}, {})", made(Dims{batch, m, k}), made(Dims{batch, k, n})), 3);
}

void Operators::quantized_linear() {
  const double macs = d_.size(scale_.least, scale_.most * 2);
  const int64_t m = d_.chance(0.4) ? d_.size(1, 3) : d_.size(4, std::min(1024.0, macs / 256));
  auto [n, k] = split(macs / double(m), 8192);
  use(read(fmt::format("quantize_linear(add(matmul({}, {}), {}), f32{{0.5}}, u8{{128}})",
                       bytes(made(Dims{m, k})), signed_weight({k, n}), t_.weight({n}))),
      2);
}

void Operators::block_linear(int64_t bits) {
  const bool one = d_.chance(0.5);
  const double macs = one ? d_.size(std::min(scale_.least, kMostWeights / 2),
                                    std::min(scale_.most / 2, 2 * kMostWeights))
                          : d_.size(scale_.least * 4, scale_.most * 2);
  const int64_t m = one ? 1 : d_.size(2, std::min(512.0, macs / 4096));
  auto [n, k] = split(macs / double(m), 8192);
  k = std::max<int64_t>(32, k / 32 * 32);
  const std::string scales = t_.weight({n, k / 32});
  const std::string w = t_.stored(
      "f32", {n, k}, bits, fmt::format("affine(u{}, axis=1, block=32)", bits), "scale " + scales);
  const auto q = t_.let(2, fmt::format("quantize_blocks({})", made(Dims{m, k})));
  use(fmt::format("matmul(dequantize_linear({}, {}) <axis=-1, block_size=32>, transpose({}))", q[0],
                  q[1], w),
      2);
}

void Operators::conv(int64_t size, int64_t stride) {
  const auto [x, f] = image_and_filters([&](const Image& i, int64_t filters) {
    return i.elements() * double(filters * size * size) / double(stride * stride);
  });
  convolution(x, f, size, stride, 1);
}

// 3 x 3 with as many channels as networks have most often: what Winograd's way is for.
void Operators::conv_of_threes() {
  const auto [x, f] = image_and_filters([](const Image& i, int64_t filters) {
    return i.channels < 16 || filters < 16 ? 0 : i.elements() * double(9 * filters) / 4;
  });
  convolution(x, f, 3, 1, 1);
}

void Operators::conv_of_image() {
  const int64_t c = d_.one_of({1, 1, 2, 3, 3, 3, 4}), size = d_.one_of({3, 3, 5, 7, 9});
  const int64_t stride = d_.one_of({1, 1, 2}), f = d_.width(4, 64, 8);
  const double pixels = std::max(64.0, d_.size(scale_.least, scale_.most) *
                                           double(stride * stride) / double(c * f * size * size));
  const double side = std::min(std::sqrt(pixels), 800.0);
  const auto height = std::max<int64_t>(size, int64_t(side * std::exp(d_.unit() - 0.5)));
  const auto width = std::max<int64_t>(size, int64_t(side * side / double(height)));
  use(first_to_last(t_.let(fmt::format("relu(conv({}, {}, {}) {})", t_.input({1, c, height, width}),
                                       t_.weight({f, c, size, size}), t_.weight({f}),
                                       window(size, stride, 1)))),
      4);
}

void Operators::depthwise() {
  const int64_t size = d_.one_of({3, 3, 3, 5, 7}), stride = d_.one_of({1, 1, 2});
  const auto [x, f] = image_and_filters([&](const Image& i, int64_t) {
    return i.elements() * double(2 * size * size) / double(stride * stride);
  });
  convolution(x, x.channels, size, stride, x.channels);
}

// An inverted bottleneck: on large images its parts are computed band by band. Some have no
// product before the depthwise convolution, or none behind it.
void Operators::bottleneck() {
  const int64_t pixels = d_.size(10, 160), c = d_.width(8, 64, 8);
  const bool expands = d_.chance(0.6), projects = !expands || d_.chance(0.8);
  const int64_t wide = expands ? c * d_.one_of({2, 4, 6}) : c;
  const int64_t size = d_.one_of({3, 3, 5}), stride = d_.one_of({1, 2});
  const std::string_view end = d_.chance(0.5) ? "clip({}, 0.0, 6.0)" : "relu({})";
  const auto activated = [&](const std::string& x) {
    return t_.let(fmt::format(fmt::runtime(end), x));
  };
  std::string x = made(Image{pixels, pixels, c});
  if (expands)
    x = activated(
        fmt::format("conv({}, {}, {})", x, t_.weight({wide, c, 1, 1}), t_.weight({wide})));
  x = activated(fmt::format("conv({}, {}, {}) {}", x, t_.weight({wide, 1, size, size}),
                            t_.weight({wide}), window(size, stride, wide)));
  const int64_t to = expands ? c : d_.width(8, 64, 8);
  if (projects) {
    x = t_.let(fmt::format("conv({}, {}, {})", x, t_.weight({to, wide, 1, 1}), t_.weight({to})));
    if (!expands) x = activated(x);
  }
  use(first_to_last(x), 4);
}

void Operators::quantized_conv() {
  const int64_t size = d_.one_of({1, 1, 3, 3}), stride = d_.one_of({1, 1, 2});
  auto [x, f] = image_and_filters([&](const Image& i, int64_t filters) {
    return i.elements() * double(filters * size * size) / double(stride * stride) / 2;
  });
  if (d_.chance(0.2)) x.channels = d_.one_of({1, 3, 4});
  use(dequantized(fmt::format("quantize_linear(conv({}, {}, {}) {}, f32{{0.5}}, u8{{128}})",
                              bytes(made(x)), signed_weight({f, x.channels, size, size}),
                              t_.weight({f}), window(size, stride, 1))),
      4);
}

void Operators::quantized_depthwise() {
  const int64_t size = d_.one_of({3, 3, 3, 5}), stride = d_.one_of({1, 1, 2});
  const auto [x, f] = image_and_filters([&](const Image& i, int64_t) {
    return i.elements() * double(size * size) / double(stride * stride);
  });
  const int64_t c = x.channels;
  use(dequantized(fmt::format("quantize_linear(conv({}, {}, {}) {}, f32{{0.5}}, u8{{128}})",
                              bytes(made(x)), signed_weight({c, 1, size, size}), t_.weight({c}),
                              window(size, stride, c))),
      4);
}

void Operators::conv_transpose() {
  const int64_t size = d_.one_of({2, 2, 3, 3, 4}), stride = size == 2 ? 2 : d_.one_of({1, 2, 2});
  const auto [x, f] = image_and_filters([&](const Image& i, int64_t filters) {
    return i.elements() * double(filters * size * size);
  });
  const bool each = d_.chance(0.15);
  const int64_t filters = each ? 1 : f;
  use(fmt::format("conv_transpose({}, {}) <group={}, kernel_shape=[{}, {}], strides=[{}, {}]>",
                  made(Dims{1, x.channels, x.height, x.width}),
                  t_.weight({x.channels, filters, size, size}), each ? x.channels : 1, size, size,
                  stride, stride),
      4);
}

void Operators::pool() {
  const int64_t size = d_.one_of({2, 2, 3, 3, 5}), stride = d_.one_of({1, 2, 2});
  const std::string_view op = d_.chance(0.6) ? "max_pool" : "average_pool";
  Image x = image(elements(), 1024);
  x.height = std::max(x.height, size);
  x.width = std::max(x.width, size);
  use(first_to_last(t_.let(fmt::format("{}({}) <kernel_shape=[{}, {}], strides=[{}, {}]>", op,
                                       made(x), size, size, stride, stride))),
      4);
}

void Operators::pool_of_planes() {
  Image x = image(elements() / 4, 256);
  x.height = std::max<int64_t>(x.height, 3);
  x.width = std::max<int64_t>(x.width, 3);
  const int64_t size = d_.one_of({2, 3, 3});
  use(fmt::format("{}({}) <kernel_shape=[{}, {}], strides=[2, 2]>",
                  d_.chance(0.5) ? "max_pool" : "average_pool",
                  made(Dims{1, x.channels, x.height, x.width}), size, size),
      4);
}

void Operators::global_pool() {
  const Image x = image(elements(), 2048);
  if (d_.chance(0.7)) return use(fmt::format("global_average_pool({})", made(x)), 4);
  use(fmt::format("global_average_pool({})", made(Dims{1, x.channels, x.height, x.width})), 4);
}

void Operators::attention() {
  const int64_t heads = d_.size(1, 16), size = d_.one_of({16, 32, 48, 64, 64, 96, 128});
  const double most = std::sqrt(double(scale_.most) / double(heads * size * 2));
  const int64_t rows = d_.size(4, std::clamp(most, 8.0, 512.0));
  const int64_t keys = d_.chance(0.7) ? rows : d_.size(4, 512);
  const Dims q{1, heads, rows, size}, k{1, heads, keys, size};
  use(fmt::format("attention({}, {}, {})", made(q), made(k), made(k)), 4);
}

void Operators::softmax() { use(fmt::format("softmax({}) <axis=-1>", made(rows())), 2); }

void Operators::row_norm() {
  const Dims s = rows();
  if (d_.chance(0.3))
    return use(fmt::format("rms_normalization({}, {}) <axis=-1>", made(s), t_.weight({s[1]})), 2);
  use(fmt::format("layer_normalization({}, {}, {}) <axis=-1>", made(s), t_.weight({s[1]}),
                  t_.weight({s[1]})),
      2);
}

void Operators::plane_norm() {
  const Image x = image(elements(), 512);
  const Dims planes{1, x.channels, x.height, x.width};
  const std::string from = d_.chance(0.5) ? made(planes) : made(x);
  use(fmt::format("instance_normalization({}, {}, {})", from, t_.weight({x.channels}),
                  t_.weight({x.channels})),
      4);
}

void Operators::neighbours_norm() {
  const Image x = image(elements(), 512);
  const std::string from = d_.chance(0.3) ? made(Dims{1, x.channels, x.height, x.width}) : made(x);
  use(fmt::format("lrn({}) <size=5>", from), 4);
}

void Operators::reduce() {
  const Dims s = rows();
  static constexpr std::string_view kForms[] = {"reduce_mean", "reduce_mean", "reduce_sum",
                                                "reduce_max", "reduce_l2"};
  const int64_t axis = d_.chance(0.6) ? 1 : 0;
  if (d_.chance(0.3)) {  // rows of a few
    const int64_t row = d_.size(2, 16), n = std::max<int64_t>(1, s[0] * s[1] / row);
    return use(
        fmt::format("{}({}, i64[1]{{1}}) <keepdims=1>", d_.one_of(kForms), made(Dims{n, row})), 2);
  }
  use(fmt::format("{}({}, i64[1]{{{}}}) <keepdims=1>", d_.one_of(kForms), made(s), axis), 2);
}

void Operators::recurrent() {
  const int64_t steps = d_.chance(0.3) ? 1 : d_.size(2, 64), in = d_.size(4, 256),
                hidden = d_.width(8, 256, 16);
  const bool lstm = d_.chance(0.5), both = d_.chance(0.25);
  const int64_t gates = (lstm ? 4 : 3) * hidden, directions = both ? 2 : 1;
  use(fmt::format("{}({}, {}, {}) <hidden_size={}{}>", lstm ? "lstm" : "gru",
                  made(Dims{steps, 1, in}), t_.weight({directions, gates, in}),
                  t_.weight({directions, gates, hidden}), hidden,
                  both ? ", direction=\"bidirectional\"" : ""),
      4);
}

void Operators::elementwise() {
  const Dims s = rows();
  const std::string x = t_.input(s);
  const std::string y = d_.chance(0.6) ? t_.input(s) : t_.weight({s[1]});
  static constexpr std::string_view kForms[] = {"add({0}, {1})",
                                                "mul({0}, {1})",
                                                "mul({0}, sigmoid({1}))",
                                                "gelu(add({0}, {1}))",
                                                "sub({0}, {1})",
                                                "relu(add({0}, {1}))",
                                                "div({0}, add(abs({1}), 1.0))",
                                                "add(mul({0}, 0.5), {1})",
                                                "mul(exp({0}), {1})",
                                                "add(mul({0}, {1}), {0})"};
  use(fmt::format(fmt::runtime(d_.one_of(kForms)), x, y), 2);
}

// Of one input, which another operator has made or which comes from outside.
void Operators::activation() {
  const Dims s = rows();
  static constexpr std::string_view kForms[] = {"tanh({})",
                                                "sigmoid({})",
                                                "hard_swish({})",
                                                "div({}, f32{{3.0}})",
                                                "sqrt({})",
                                                "mul({}, f32{{2.0}})",
                                                "clip({}, 0.0, 6.0)",
                                                "add({}, f32{{1.0}})",
                                                "gelu({})",
                                                "exp({})",
                                                "pow({}, f32{{2.0}})",
                                                "relu({})",
                                                "leaky_relu({})"};
  use(fmt::format(fmt::runtime(d_.one_of(kForms)), d_.chance(0.5) ? t_.input(s) : made(s)), 2);
}

void Operators::gated() {
  const Dims s = rows();
  use(fmt::format("mul(swish({}), {})", t_.input(s), t_.input(s)), 2);
}

void Operators::rotary() {
  const int64_t heads = d_.size(1, 32), size = d_.one_of({32, 64, 64, 128});
  const int64_t rows = std::max<int64_t>(1, int64_t(elements() / double(heads * size)));
  use(fmt::format("rotary_embedding({}, {}, {})", made(Dims{1, heads, rows, size}),
                  t_.input({1, rows, size / 2}), t_.input({1, rows, size / 2})),
      4);
}

void Operators::transpose() {
  const auto n = elements();
  const int64_t heads = d_.size(1, 16), size = d_.one_of({16, 32, 64, 64});
  const int64_t rows = std::max<int64_t>(1, int64_t(n / double(heads * size)));
  if (d_.chance(0.25)) {
    const int64_t groups = d_.one_of({2, 3, 4, 8});
    return use(
        fmt::format("transpose({}) <perm=[0, 1, 3, 2]>",
                    made(Dims{1, rows, groups, std::max<int64_t>(2, heads * size / groups)})),
        4);
  }
  if (d_.chance(0.2)) {
    const Image x = image(n, 512);
    return use(
        fmt::format("depth_to_space({}) <blocksize=2>",
                    made(Dims{1, 4 * std::max<int64_t>(1, x.channels / 4), x.height, x.width})),
        4);
  }
  static constexpr std::string_view kPerms[] = {"[0, 2, 1, 3]", "[0, 2, 1, 3]", "[0, 2, 3, 1]",
                                                "[0, 3, 1, 2]"};
  use(fmt::format("transpose({}) <perm={}>", made(Dims{1, rows, heads, size}), d_.one_of(kPerms)),
      4);
}

void Operators::concat() {
  const int64_t widest = d_.chance(0.3) ? 8 : 256;
  const int64_t n = int64_t(elements()), c = d_.width(1, double(widest), 8),
                rows = std::max<int64_t>(1, n / c / (widest == 8 ? 16 : 1));
  if (d_.chance(0.3)) {
    const Dims planes{1, c, std::max<int64_t>(1, rows / 8), 8};
    return use(fmt::format("concat({}, {}) <axis=1>", t_.input(planes), t_.input(planes)), 4);
  }
  std::string parts;
  const int64_t count = d_.one_of({2, 2, 3, 4, 8});
  for (int64_t i = 0; i < count; ++i)
    parts += (i > 0 ? ", " : "") + t_.input({std::max<int64_t>(1, rows / count),
                                             i == 0 ? c : d_.width(1, double(widest), 8)});
  use(fmt::format("concat({}) <axis=1>", parts), 2);
}

// Rows or columns of a matrix, or both.
void Operators::cut() {
  Dims s = rows();
  if (d_.chance(0.3)) s = {std::max<int64_t>(1, s[0] * s[1] / 64), d_.size(2, 12)};
  const int64_t from = s[1] / 4, to = std::max(from + 1, s[1] - s[1] / 4);
  const int64_t first = s[0] / 4, last = std::max(first + 1, s[0] - s[0] / 4);
  if (d_.chance(0.3) && s[1] >= 4) {
    const int64_t half = s[1] / 2;
    const auto parts =
        t_.let(2, fmt::format("split({}, i64[2]{{{}, {}}}) <axis=1>", made(s), half, s[1] - half));
    use(fmt::format("mul({}, 2.0)", parts[0]), 2);
    return use(fmt::format("mul({}, 2.0)", parts[1]), 2);
  }
  use(fmt::format("slice({}, i64[2]{{{}, {}}}, i64[2]{{{}, {}}})", made(s), first, from, last, to),
      2);
}

void Operators::pad() {
  const Image x = image(elements(), 256);
  const int64_t by = d_.size(1, 8);
  use(fmt::format("pad({}, i64[8]{{0, 0, {}, {}, 0, 0, {}, {}}})",
                  made(Dims{1, x.channels, x.height, x.width}), by, by, by, by),
      4);
}

void Operators::resize() {
  const Image x = image(elements() / 4, 256);
  const bool linear = d_.chance(0.4);
  use(fmt::format("resize({}, _, f32[4]{{1, 1, 2, 2}}) <mode=\"{}\">", made(x),
                  linear ? "linear" : "nearest"),
      4);
}

void Operators::gather() {
  const int64_t c = d_.width(32, 1024, 32), rows = d_.size(1, 512);
  const std::string at = t_.let(fmt::format("cast(mul({}, 10.0)) <to=i64>", t_.input({rows})));
  use(fmt::format("gather({}, {}) <axis=0>",
                  t_.weight({std::max<int64_t>(64, int64_t(2e6) / c), c}), at),
      2);
}

void Operators::scatter() {
  const int64_t rows = d_.size(8, 512), c = d_.size(1, 64);
  const int64_t updates = std::max<int64_t>(1, std::min(rows, int64_t(elements()) / c) / 2);
  if (d_.chance(0.5)) {
    const std::string at =
        t_.let(fmt::format("cast(mul({}, 3.0)) <to=i64>", t_.input({updates, c})));
    return use(fmt::format("scatter_elements({}, {}, {}) <axis=0>", made(Dims{rows, c}), at,
                           t_.input({updates, c})),
               2);
  }
  if (d_.chance(0.3)) {  // whole rows
    const int64_t some = std::max<int64_t>(1, rows / 8);
    const std::string at = t_.let(fmt::format("cast(mul({}, 3.0)) <to=i64>", t_.input({some, 1})));
    return use(
        fmt::format("scatter_nd({}, {}, {})", made(Dims{rows, 8 * c}), at, t_.input({some, 8 * c})),
        2);
  }
  const int64_t width = d_.size(1, 4);
  const std::string at =
      t_.let(fmt::format("cast(mul({}, 3.0)) <to=i64>", t_.input({updates, c, width})));
  Dims shape(size_t(width), 4);
  shape[0] = rows;
  use(fmt::format("scatter_nd({}, {}, {})", made(shape), at, t_.input({updates, c})),
      size_t(width));
}

void Operators::quantize() {
  const Dims s = rows();
  use(read(fmt::format("quantize_linear({}, f32{{0.01}}, u8{{128}})", made(s))), 2);
}

// Operators that have no kernel of their own run by their definition.
void Operators::without_kernel() {
  const Dims s = rows();
  static constexpr std::string_view kForms[] = {"cum_sum({}, i64{{1}})", "trilu({})", "hardmax({})",
                                                "cum_sum({}, i64{{0}})"};
  const int64_t n = std::max<int64_t>(1, s[0] / 16);
  use(fmt::format(fmt::runtime(d_.one_of(kForms)), made(Dims{n, s[1]})), 2);
}

Operators::Image Operators::image(double most, int64_t most_channels) {
  Image x{1, 1, 8};
  for (int tries = 0; tries < 20; ++tries) {
    x.channels = d_.chance(0.1) ? d_.size(1, 16) : d_.width(8, double(most_channels), 8);
    x.height = d_.size(2, 240);
    x.width = d_.chance(0.75) ? x.height : d_.size(2, 240);
    if (x.elements() <= most && x.elements() >= most / 30) return x;
  }
  x.channels = std::min<int64_t>(x.channels, 64);
  x.height = x.width = std::max<int64_t>(1, int64_t(std::sqrt(most / double(x.channels))));
  return x;
}

template <class Work>
std::pair<Operators::Image, int64_t> Operators::image_and_filters(Work work) {
  constexpr double kMostChannels = 1024;
  for (int tries = 0; tries < 60; ++tries) {
    Image x{d_.size(2, 160), 0, d_.width(8, kMostChannels, 8)};
    x.width = d_.chance(0.75) ? x.height : d_.size(2, 160);
    const int64_t f = d_.width(8, kMostChannels, 8);
    const double n = work(x, f);
    if (n >= scale_.least && n <= scale_.most && x.elements() <= 4e6) return {x, f};
  }
  const auto side = std::clamp<int64_t>(
      int64_t(std::sqrt(scale_.most / std::max(1.0, work(Image{1, 1, 16}, 16)))), 2, 56);
  return {{side, side, 16}, 16};
}

std::pair<int64_t, int64_t> Operators::split(double product, double most) {
  product = std::max(64.0, product);
  const double least = std::max(8.0, product / most);
  const int64_t a = d_.width(least, std::max(least, std::min(most, product / 8)), 16);
  return {a, rounded(product / double(a), 8)};
}

int64_t Operators::rounded(double n, int64_t unit) {
  const int64_t whole = std::max<int64_t>(1, int64_t(n));
  return d_.chance(0.25) || whole < unit ? whole : (whole + unit / 2) / unit * unit;
}

Dims Operators::rows() {
  const int64_t n = int64_t(elements()), row = d_.width(24, 2048, 16);
  return {std::max<int64_t>(1, n / row), row};
}

std::string Operators::made(const Dims& shape) {
  return t_.let(fmt::format("relu({})", t_.input(shape)));
}
std::string Operators::made(const Image& image) {
  return last_to_first(made(Dims{1, image.height, image.width, image.channels}));
}
std::string Operators::last_to_first(const std::string& x) {
  return t_.let(fmt::format("transpose({}) <perm=[0, 3, 1, 2]>", x));
}
std::string Operators::first_to_last(const std::string& x) {
  return t_.let(fmt::format("transpose({}) <perm=[0, 2, 3, 1]>", x));
}
std::string Operators::bytes(const std::string& x) {
  return dequantized(fmt::format("quantize_linear({}, f32{{0.01}}, u8{{128}})", x));
}
std::string Operators::dequantized(const std::string& x) {
  return t_.let(fmt::format("dequantize_linear({}, {}, u8{{128}})", x,
                            x.find("0.5") != std::string::npos ? "f32{0.5}" : "f32{0.01}"));
}
std::string Operators::read(const std::string& x) {
  return fmt::format("relu({})", dequantized(x));
}
std::string Operators::signed_weight(const Dims& shape) {
  return fmt::format("dequantize_linear({}, f32{{0.01}})", t_.stored("i8", shape, 8));
}

std::string Operators::window(int64_t size, int64_t stride, int64_t group) const {
  const int64_t pad = size / 2;
  return fmt::format("<group={}, kernel_shape=[{}, {}], pads=[{}, {}, {}, {}], strides=[{}, {}]>",
                     group, size, size, pad, pad, pad, pad, stride, stride);
}

void Operators::convolution(const Image& image, int64_t filters, int64_t size, int64_t stride,
                            int64_t group) {
  std::string y = fmt::format("conv({}, {}, {}) {}", made(image),
                              t_.weight({filters, image.channels / group, size, size}),
                              t_.weight({filters}), window(size, stride, group));
  if (d_.chance(0.7)) y = fmt::format("relu({})", y);
  use(first_to_last(t_.let(y)), 4);
}

void Operators::use(const std::string& text, size_t rank) {
  t_.use(text.find('(') == std::string::npos ? text : t_.let(text), rank);
}

}  // namespace hone::calibrate
