// Depthwise convolution of tensors whose channels are the last axis.
#include "backends/cpu/channels_last_lines.h"
#include "backends/cpu/epilogue.h"

namespace hone::cpu {
namespace {

Status run_channels_last_depthwise_conv(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Geometry g = TRY(geometry_of(c, false));
  const kernels::Epilogue epilogue = epilogue_of(c, g.channels);
  float* result = y.as<float>().data();
  each_line(g, c.in(0).as<float>().data(), c.in(1).as<float>().data(), pool,
            [&](const kernels::WindowLine& line, const OutputLine& output,
                const kernels::WindowPart& part) {
              const int64_t at = output.number * g.out[2] * g.channels;
              kernels::Epilogue e = epilogue;
              if (e.added) e.added += at;
              kernels::window_kernels().depthwise(line, output.inputs, output.count, part, e,
                                                  result + at);
            });
  return ok();
}

}  // namespace

const CpuKernel channels_last_depthwise_conv_kernel{
    "channels_last_depthwise_conv", accepts_channels_last, run_channels_last_depthwise_conv};

}  // namespace hone::cpu
