#include "backends/cpu/channels_last_geometry.h"

namespace hone::cpu {

Result<Geometry> geometry_of(const Call& c, bool ceil_mode, bool channels_first) {
  const Extents& x = c.in(0).shape();
  if (x.size() < 3 || x.size() > 5) return not_accepted(c);
  const auto first = x.begin() + (channels_first ? 2 : 1);
  const std::vector<Dim> in(first, first + ptrdiff_t(x.size()) - 2);
  const Windows windows = TRY(make_windows(c, in, {}, ceil_mode));
  Geometry g{x[0],      channels_first ? x[1] : x.back(),
             {1, 1, 1}, {1, 1, 1},
             {1, 1, 1}, {1, 1, 1},
             {1, 1, 1}, {0, 0, 0}};
  for (size_t i = 0; i < windows.size(); ++i) {
    const size_t at = 3 - windows.size() + i;
    g.in[at] = *windows[i].in.constant();
    g.out[at] = *windows[i].out.constant();
    g.kernel[at] = windows[i].kernel;
    g.stride[at] = windows[i].stride;
    g.dilation[at] = windows[i].dilation;
    g.before[at] = windows[i].before;
  }
  return g;
}

bool Geometry::covers_pixels() const {
  for (int axis = 0; axis < 3; ++axis)
    if (kernel[axis] != 1 || stride[axis] != 1 || before[axis] != 0 || in[axis] != out[axis])
      return false;
  return true;
}

Support accepts_spatial(const Graph& graph, const Node& node) {
  const Shape& x = graph[node.inputs[0]].type.tensor.shape;
  if (!x.ranked || x.rank() < 3 || x.rank() > 5) return no("only one to three spatial axes");
  return yes();
}

Support accepts_channels_last(const Graph& graph, const Node& node) {
  const Support spatial = accepts_spatial(graph, node);
  return spatial.yes ? f32_only(graph, node) : spatial;
}

}  // namespace hone::cpu
