// Depthwise convolution of tensors whose channels are the last axis.
#include <algorithm>
#include <vector>

#include "backends/cpu/channels_last_geometry.h"
#include "backends/cpu/epilogue.h"
#include "kernels/windows/windows.h"

namespace hone::cpu {
namespace {

Status run_channels_last_depthwise_conv(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Geometry g = TRY(geometry_of(c, false));
  const std::vector<float> outside(size_t(g.channels), 0.0f);
  const float* x = c.in(0).as<float>().data();
  const kernels::Epilogue epilogue = epilogue_of(c, g.channels);
  // Pieces of a line of results.
  constexpr int64_t kPiece = 64;
  const int64_t positions = g.positions(), pieces = (g.out[2] + kPiece - 1) / kPiece;
  const int64_t cost = std::max<int64_t>(1, std::min(kPiece, g.out[2]) * g.channels * positions);
  pool.parallel_for(g.images * g.out[0] * g.out[1] * pieces, std::max<int64_t>(1, kGrain / cost),
                    [&](int64_t begin, int64_t end) {
                      std::vector<const float*> taps(size_t(kPiece * positions));
                      for (int64_t piece = begin; piece < end; ++piece) {
                        const int64_t line = piece / pieces, column = piece % pieces * kPiece;
                        const int64_t count = std::min(kPiece, g.out[2] - column);
                        const int64_t n = line / (g.out[0] * g.out[1]);
                        const int64_t first = line % (g.out[0] * g.out[1]) * g.out[2] + column;
                        const Taps window(g, x + n * g.in_size() * g.channels, outside.data());
                        for (int64_t i = 0; i < count; ++i)
                          window.each(first + i, [&](int64_t k, const float* pixel) {
                            taps[size_t(i * positions + k)] = pixel;
                          });
                        const int64_t at = (line * g.out[2] + column) * g.channels;
                        kernels::Epilogue e = epilogue;
                        if (e.added) e.added += at;
                        kernels::window_kernels().depthwise(taps.data(), positions, count,
                                                            c.in(1).as<float>().data(), g.channels,
                                                            e, y.as<float>().data() + at);
                      }
                    });
  return ok();
}

}  // namespace

const CpuKernel channels_last_depthwise_conv_kernel{
    "channels_last_depthwise_conv", accepts_channels_last, run_channels_last_depthwise_conv};

}  // namespace hone::cpu
