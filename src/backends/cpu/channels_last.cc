// Convolutions of tensors whose channels are the last axis.
#include <memory>
#include <vector>

#include "backends/cpu/channels_last_geometry.h"
#include "backends/cpu/epilogue.h"
#include "backends/cpu/products.h"
#include "backends/cpu/window_rows.h"
#include "backends/cpu/winograd.h"
#include "kernels/gemm/gemm.h"

namespace hone::cpu {
namespace {

Status run_channels_last_conv(Call& c, ThreadPool& pool) {
  const Extents& panels = c.in(1).shape();
  Tensor& y = *TRY(c.out(0));
  if (panels.size() != 4 || panels[3] != kernels::gemm_kernel().columns) return not_accepted(c);
  if (y.count() == 0) return ok();
  const bool planes = c.integer("channels_first") != 0;
  const Geometry g = TRY(geometry_of(c, false, planes));
  if (c.text("algorithm") == "winograd" && g.channels > 0) return run_winograd(c, g, pool);
  const int64_t groups = c.integer("group"), filters = y.shape().back();
  const int64_t depth = g.channels / groups, columns = filters / groups;
  const kernels::Epilogue epilogue = epilogue_of(c, filters);
  std::vector<std::unique_ptr<kernels::RowSource>> sources;
  std::vector<kernels::Product> products;
  for (int64_t group = 0; group < groups; ++group) {
    const float* x = c.in(0).as<float>().data() + group * depth * (planes ? g.in_size() : 1);
    kernels::Product& p = products.emplace_back();
    p.a = {x, g.channels, g.positions() * depth};
    if (planes || !g.covers_pixels()) {
      sources.push_back(planes ? plane_rows(g, x, depth) : window_rows(g, x, depth, panels[1]));
      p.a.source = sources.back().get();
    }
    p.b = c.in(1).as<float>().data() + group * panels[1] * panels[2] * panels[3];
    p.c = y.as<float>().data() + group * columns;
    p.c_row = c.row_step > 0 ? c.row_step : filters;
    p.m = y.count() / filters;
    p.n = columns;
    p.epilogue = epilogue;
    if (p.epilogue.bias) p.epilogue.bias += group * columns;
    if (p.epilogue.added) p.epilogue.added += group * columns;
  }
  multiply_all(products, c, pool);
  return ok();
}

Support accepts_conv(const Graph& graph, const Node& node) {
  const Shape& panels = graph[node.inputs[1]].type.tensor.shape;
  if (!panels.ranked || panels.rank() != 4 || !panels.dims[3].is(kernels::gemm_kernel().columns))
    return no("panels of another width than this machine's " +
              std::to_string(kernels::gemm_kernel().columns));
  return accepts_channels_last(graph, node);
}

}  // namespace

const CpuKernel channels_last_conv_kernel{
    "channels_last_conv",         accepts_conv, run_channels_last_conv,
    CpuKernel::InPlace::residual, false,        true};

}  // namespace hone::cpu
