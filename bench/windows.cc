// Times depthwise convolutions and pooling with channels last against what bounds them, with the
// same threads: reading every input once and writing every result once, or the multiply-adds.
//
//   cmake --build build/release --target hone_bench_windows
//   build/release/hone_bench_windows [THREADS [NAME]]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <vector>

#include "backends/cpu/channels_last_lines.h"
#include "kernels/peaks/peaks.h"
#include "kernels/rows/rows.h"

namespace hone {
namespace {

using cpu::Geometry;

enum class Kind { depthwise, maximum, mean };

struct Case {
  std::string_view name;
  Kind kind;
  int64_t size, channels, kernel, stride;
  int64_t dilation = 1;
};

constexpr Case kCases[] = {
    {"depthwise 3x3", Kind::depthwise, 112, 32, 3, 1},
    {"depthwise 3x3", Kind::depthwise, 112, 96, 3, 2},
    {"depthwise 3x3", Kind::depthwise, 56, 144, 3, 1},
    {"depthwise 3x3", Kind::depthwise, 56, 144, 3, 2},
    {"depthwise 3x3", Kind::depthwise, 28, 192, 3, 1},
    {"depthwise 3x3", Kind::depthwise, 28, 192, 3, 2},
    {"depthwise 3x3", Kind::depthwise, 14, 384, 3, 1},
    {"depthwise 3x3", Kind::depthwise, 14, 576, 3, 1},
    {"depthwise 3x3", Kind::depthwise, 14, 576, 3, 2},
    {"depthwise 3x3", Kind::depthwise, 7, 960, 3, 1},
    {"depthwise 3x3", Kind::depthwise, 28, 58, 3, 1},
    {"depthwise 5x5", Kind::depthwise, 56, 72, 5, 2},
    {"depthwise 5x5", Kind::depthwise, 28, 120, 5, 1},
    {"depthwise 5x5", Kind::depthwise, 14, 480, 5, 1},
    {"depthwise 5x5", Kind::depthwise, 7, 960, 5, 1},
    {"depthwise 3x3", Kind::depthwise, 28, 192, 3, 1, 2},
    {"depthwise 7x7", Kind::depthwise, 56, 96, 7, 1},
    {"depthwise 1x1", Kind::depthwise, 56, 128, 1, 1},
    {"max 3x3", Kind::maximum, 112, 64, 3, 2},
    {"max 3x3", Kind::maximum, 56, 192, 3, 2},
    {"max 3x3", Kind::maximum, 28, 192, 3, 1},
    {"max 3x3", Kind::maximum, 14, 480, 3, 1},
    {"max 2x2", Kind::maximum, 112, 64, 2, 2},
    {"mean 3x3", Kind::mean, 28, 192, 3, 1},
    {"mean 2x2", Kind::mean, 56, 128, 2, 2},
    {"mean 7x7", Kind::mean, 7, 1024, 7, 1},
};

Geometry geometry_of(const Case& c) {
  const bool whole = c.kernel == c.size;
  const int64_t reach = (c.kernel - 1) * c.dilation;
  const int64_t before = whole || c.kernel == 2 ? 0 : reach / 2;
  const int64_t padded = c.size + 2 * before;
  const int64_t out = (padded - reach - 1) / c.stride + 1;
  return {1,
          c.channels,
          {1, c.size, c.size},
          {1, out, out},
          {1, c.kernel, c.kernel},
          {1, c.stride, c.stride},
          {1, c.dilation, c.dilation},
          {0, before, before}};
}

// The least time of a few rounds: what others do on the machine only adds to it.
double seconds_of(const std::function<void()>& f) {
  using Clock = std::chrono::steady_clock;
  const auto time = [&](int64_t times) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < times; ++i) f();
    return std::chrono::duration<double>(Clock::now() - start).count() / double(times);
  };
  f();
  const auto times = int64_t(std::clamp(0.005 / std::max(1e-7, time(3)), 1.0, 1e6));
  double best = 1e9;
  for (int round = 0; round < 7; ++round) best = std::min(best, time(times));
  return best;
}

// As runs of a model have them: at cache lines.
class Floats {
 public:
  explicit Floats(int64_t n) : tensor_(Tensor::make(DType::f32, {n}).take()) {
    std::ranges::fill(tensor_.as<float>(), 0.5f);
  }
  float* data() { return tensor_.as<float>().data(); }
  int64_t size() const { return tensor_.count(); }

 private:
  Tensor tensor_;
};

struct Buffers {
  Floats x, weights, bias, columns, y;
};

void compute(const Case& c, const Geometry& g, Buffers& b, ThreadPool& pool) {
  const kernels::Epilogue relu{.bias = b.bias.data(), .activation = kernels::Activation::relu};
  const kernels::WindowKernels& k = kernels::window_kernels();
  cpu::each_line(g, b.x.data(), c.kind == Kind::depthwise ? b.weights.data() : nullptr, pool,
                 [&](const kernels::WindowLine& line, const cpu::OutputLine& output,
                     const kernels::WindowPart& part) {
                   float* y = b.y.data() + output.number * g.out[2] * g.channels;
                   switch (c.kind) {
                     case Kind::depthwise:
                       return k.depthwise(line, output.inputs, output.count, part, relu, y);
                     case Kind::maximum:
                       return k.maximum(line, output.inputs, output.count, part, y);
                     case Kind::mean:
                       return k.mean(line, output.inputs, output.count, part, float(c.kernel),
                                     b.columns.data(), y);
                   }
                 });
}

// Copies as much of x as y has room for and reads the rest.
void move(Buffers& b, ThreadPool& pool) {
  constexpr int64_t kPiece = 4096;
  const int64_t in = b.x.size(), out = b.y.size();
  const int64_t pieces = std::max<int64_t>(pool.size(), out / kPiece);
  const kernels::RowKernels& rows = kernels::row_kernels();
  std::vector<float> sums(static_cast<size_t>(pieces));  // so that reading is not left out
  pool.parallel_for(pieces, std::max<int64_t>(1, pieces / (4 * pool.size())),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t from = in * i / pieces, to = out * i / pieces;
                        const int64_t read = in * (i + 1) / pieces - from;
                        const int64_t copied = std::min(read, out * (i + 1) / pieces - to);
                        const float* x = b.x.data() + from;
                        rows.unary(kernels::Unary::relu, x, b.y.data() + to, copied);
                        if (read > copied) sums[size_t(i)] = rows.sum(x + copied, read - copied);
                      }
                    });
}

// Of multiply-adds alone, as many as some result needs.
double arithmetic(double flops, ThreadPool& pool) {
  constexpr int64_t kIterations = 20000;
  const kernels::PeakKernels& peaks = kernels::peak_kernels();
  std::vector<float> results(static_cast<size_t>(pool.size()));  // so that nothing is left out
  const double seconds = seconds_of([&] {
    pool.parallel_for(pool.size(), 1,
                      [&](int64_t i, int64_t) { results[size_t(i)] = peaks.f32(kIterations); });
  });
  return flops / (double(kIterations * peaks.f32_flops) * pool.size() / seconds);
}

void report(const Case& c, ThreadPool& pool) {
  const Geometry g = geometry_of(c);
  Buffers b{Floats(g.in_size() * g.channels), Floats(g.positions() * g.channels),
            Floats(g.channels), Floats(g.out[2]), Floats(g.out_size() * g.channels)};
  const double taken = seconds_of([&] { compute(c, g, b, pool); });
  const double moved = seconds_of([&] { move(b, pool); });
  const double products = double(b.y.size()) * double(g.positions());
  const double added = c.kind == Kind::depthwise ? arithmetic(2 * products, pool) : 0;
  fmt::print("{:14s} {:3d} x {:3d} x {:4d}  stride {}  dilation {}  {:8.1f} us  {:6.1f} GB/s",
             c.name, c.size, c.size, c.channels, c.stride, c.dilation, taken * 1e6,
             4 * double(b.x.size() + b.y.size()) / taken / 1e9);
  fmt::print("  moving {:8.1f} us  multiply-adds {:6.1f} us  {:4.2f} of the bound\n", moved * 1e6,
             added * 1e6, std::max(moved, added) / taken);
}

}  // namespace
}  // namespace hone

int main(int argc, char** argv) {
  hone::ThreadPool pool(argc > 1 ? std::atoi(argv[1]) : 1);
  for (const hone::Case& c : hone::kCases)
    if (argc <= 2 || c.name == argv[2]) hone::report(c, pool);
  return 0;
}
