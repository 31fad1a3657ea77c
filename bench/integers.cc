// Times products of bytes and of 4-bit blocks beside the int8 peak of the machine, and of one row
// beside reading its weights, each in the same milliseconds, on one thread.
//
//   cmake --build build/release --target hone_bench_integers
//   [HONE_INSTRUCTION_SET=avx512vnni] build/release/hone_bench_integers
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <vector>

#include "base/pages.h"
#include "kernels/block_gemm/block_gemm.h"
#include "kernels/instruction_set.h"
#include "kernels/integer_gemm/integer_gemm.h"
#include "kernels/peaks/peaks.h"

namespace hone {
namespace {

using namespace kernels;
using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Size {
  int64_t m, n, k;
};

// Made-up numbers, in huge pages as weights lie.
template <class T>
class Made {
 public:
  Made(int64_t count, T value) : memory_(zeroed_memory(size_t(count) * sizeof(T))) {
    std::fill_n(data(), count, value);
  }
  T* data() const { return reinterpret_cast<T*>(memory_.get()); }

 private:
  std::shared_ptr<std::byte> memory_;
};

class Bytes {
 public:
  explicit Bytes(const Size& s)
      : a_(s.m * s.k, 3),
        b_(integer_panels(s.n) * kIntegerPanel * padded_depth(s.k), 2),
        scales_(s.n, 0.1f),
        y_(s.m * s.n, 0) {
    p_.zeros = true;
    p_.a = a_.data(), p_.a_step = p_.depth = s.k;
    p_.b = b_.data();
    p_.m = s.m, p_.n = s.n;
    p_.epilogue.scales = scales_.data();
    p_.epilogue.reals = y_.data();
    p_.epilogue.row = s.n;
  }
  void run() const { multiply(integer_gemm_kernel(), p_, 0, p_.m, 0, integer_panels(p_.n)); }

 private:
  Made<uint8_t> a_;
  Made<int8_t> b_;
  Made<float> scales_, y_;
  IntegerProduct p_;
};

class Blocks {
 public:
  Blocks(const Size& s, bool nibbles, bool runs)
      : kernel_(block_gemm_kernel(s.m, runs)),
        units_(s.k / kBlockUnit),
        panels_((s.n + kBlockPanel - 1) / kBlockPanel),
        code_bytes_(panels_ * units_ * kUnitBytes / (nibbles ? 2 : 1)),
        codes_(code_bytes_, uint8_t{0x37}),
        scales_(panels_ * units_ * kBlockPanel, 0.01f),
        fine_(panels_ * units_ * kBlockPanel, int8_t{100}),
        y_(s.m * s.n, 0) {
    BlockWeights& w = p_.weights;
    w.bits = nibbles ? 4 : 8;
    w.columns = s.n, w.blocks = units_, w.zero = nibbles ? 8 : 128;
    w.codes = codes_.data(), w.scales.at = scales_.data();
    w.in_runs = runs;
    if (runs && nibbles) w.levels.fine = fine_.data();
    const BlockRowSizes sizes = row_sizes(kernel_, w, s.m);
    a_ = Made<int8_t>(sizes.codes, 3);
    a_scales_ = Made<float>(sizes.scales, 0.1f);
    begins_ = Made<int32_t>(std::max<int64_t>(1, sizes.begins), 0);
    p_.rows = {sizes.height, sizes.tiles, a_.data(), a_scales_.data(),
               sizes.begins > 0 ? begins_.data() : nullptr};
    p_.m = s.m;
    p_.y = y_.data();
    p_.y_row = s.n;
  }
  void run() const { multiply(kernel_, p_, 0, panels_); }
  // Reads what a run reads of the weights.
  void read() const {
    const auto& read = peak_kernels().read;
    volatile float sink = read(reinterpret_cast<const float*>(codes_.data()), code_bytes_ / 4) +
                          read(scales_.data(), scale_bytes() / 4);
    (void)sink;
  }
  int64_t bytes() const { return code_bytes_ + scale_bytes(); }

 private:
  int64_t scale_bytes() const {
    const BlockWeights& w = p_.weights;
    const int64_t fine = w.levels.fine ? w.blocks : 0;
    return panels_ * kBlockPanel * (4 * w.sums() + fine);
  }

  const BlockGemmKernel& kernel_;
  int64_t units_, panels_, code_bytes_;
  Made<uint8_t> codes_;
  Made<float> scales_;
  Made<int8_t> fine_;
  Made<float> y_;
  Made<int8_t> a_{1, 0};
  Made<float> a_scales_{1, 0};
  Made<int32_t> begins_{1, 0};
  BlockProduct p_;
};

// Median, and what all but a twentieth at either end lie between.
std::string spread(std::vector<double> all) {
  std::ranges::sort(all);
  const auto at = [&](size_t part) { return all[all.size() * part / 20]; };
  return fmt::format("{:.2f} ({:.2f} to {:.2f})", at(10), at(1), at(19));
}

constexpr auto kTime = std::chrono::milliseconds(1500);

void many_rows(const Size& s) {
  const Bytes bytes(s);
  const Blocks blocks(s, true, false), runs(s, true, true);
  const PeakKernels& peaks = peak_kernels();
  const int64_t iterations = 200'000'000 / peaks.int8_ops;
  const double work = 2 * double(s.m * s.n) * double(s.k);
  std::vector<double> of_bytes, of_blocks, of_runs;
  for (const auto end = Clock::now() + kTime; Clock::now() < end;) {
    volatile int32_t sink = 0;
    const double peak =
        double(iterations * peaks.int8_ops) / seconds_of([&] { sink = peaks.int8(iterations); });
    of_bytes.push_back(work / seconds_of([&] { bytes.run(); }) / peak);
    of_blocks.push_back(work / seconds_of([&] { blocks.run(); }) / peak);
    of_runs.push_back(work / seconds_of([&] { runs.run(); }) / peak);
  }
  fmt::print("{} x {} x {} of the int8 peak: bytes {}, 4-bit blocks {}, in runs {}\n", s.m, s.n,
             s.k, spread(std::move(of_bytes)), spread(std::move(of_blocks)),
             spread(std::move(of_runs)));
}

void one_row(int64_t n, int64_t k, bool nibbles, bool runs) {
  const Blocks blocks({1, n, k}, nibbles, runs);
  std::vector<double> of_reading;
  for (const auto end = Clock::now() + kTime; Clock::now() < end;) {
    const double reading = seconds_of([&] { blocks.read(); });
    of_reading.push_back(reading / seconds_of([&] { blocks.run(); }));
  }
  fmt::print("1 x {} x {} of {} bits{}, {:.1f} MB: {} of the rate of reading them\n", n, k,
             nibbles ? 4 : 8, runs ? ", in runs" : "", double(blocks.bytes()) / 1e6,
             spread(std::move(of_reading)));
}

void all() {
  fmt::print("{}\n", name(instruction_set()));
  for (const Size& s : std::array<Size, 3>{{{128, 768, 768}, {512, 768, 768}, {128, 3072, 768}}})
    many_rows(s);
  for (const bool nibbles : {true, false})
    for (const auto& [n, k] :
         std::array<std::pair<int64_t, int64_t>, 3>{{{768, 768}, {50257, 768}, {131072, 4096}}})
      for (const bool runs : {false, true}) one_row(n, k, nibbles, runs);
}

}  // namespace
}  // namespace hone

int main() { hone::all(); }
