// What convolution and pooling share: the geometry of sliding windows and plain loops over them.
#pragma once

#include <functional>
#include <span>

#include "ops/common.h"

namespace hone {

// Extent `axis` of input i; unknown where input or extent is.
Dim extent(const Infer& c, size_t i, size_t axis);
// Product of all extents from axis `first` on; unknown when unranked.
Dim count_from(const Shape& shape, size_t first);
// Integer attribute that must be at least 1.
Result<int64_t> positive(const Infer& c, std::string_view attribute);

// Positions of the kernel that the attribute kernel_shape says; none where there are none, or more
// than `most`.
std::optional<int64_t> kernel_positions(const Infer& c, int64_t most);

// The window along one axis. Output o covers inputs o * stride - before + k * dilation.
struct Window {
  Dim in, out;
  int64_t kernel = 0;  // 0: not known
  int64_t stride = 1, dilation = 1, before = 0, after = 0;
};
using Windows = std::vector<Window>;

// auto_pad, dilations, kernel_shape, pads and strides, in the order of declaration, then `more`.
std::vector<AttrDef> window_attrs(bool kernel_required, std::vector<AttrDef> more);
// Reads the attributes and computes the output extents; in ceil mode, a window that would start in
// the padding after the input is dropped. Unknown kernel extents are taken from `kernel_shape`.
Result<Windows> make_windows(const Infer& c, std::span<const Dim> in, std::span<const Dim> kernel,
                             bool ceil_mode = false);
// An integer list attribute with one element for each axis; `fallback` where it is not given.
Result<Integers> axis_list(const Infer& c, std::string_view attribute, size_t count,
                           int64_t fallback, int64_t least);
// The fixed input, output and kernel extents.
Extents in_extents(const Windows& windows);
Extents out_extents(const Windows& windows);

// A convolution: x [N, C, in...] with weights [M, C / group, kernel...].
struct Convolution {
  Shape out;  // [N, M, out...]
  Windows windows;
  int64_t group = 1;
};
// Ranked shapes of x and weights, with as many axes, at least 3; none where neither has a rank.
struct ConvolutionShapes {
  Shape in, weights;
};
Result<std::optional<ConvolutionShapes>> convolution_shapes(const Infer& c, size_t x,
                                                            size_t weights);
// Fails unless `channels`, which `what` names, divide into so many groups; unknown ones pass.
Status expect_groups(const Infer& c, const Dim& channels, int64_t group, std::string_view what);
// Fails unless the bias, where there is one, is [filters].
Status expect_bias(const Infer& c, size_t bias, const Dim& filters);
// For operators with x and weights among their inputs; `bias` may be absent.
Result<Convolution> make_convolution(const Infer& c, size_t x, size_t weights, size_t bias);
// The sums of products, in order of the output. Integers up to 8 bits are exact.
std::vector<double> convolve(const std::vector<double>& x, const Extents& x_shape,
                             const std::vector<double>& w, const Extents& w_shape,
                             const Convolution& convolution);
// MACs and FLOPs of a convolution; adds 1 FLOP for each output element with a bias.
Cost convolution_cost(const Infer& c, const Types& out, size_t weights, size_t bias);

// Pairs (o, i) of flat offsets into `strided` and `dense` extents that kernel position k connects:
// along each axis i = o * stride - before + k * dilation within bounds.
struct Tap {
  int64_t strided, dense;
};
std::vector<Tap> taps(const Windows& windows, const Extents& k, const Extents& strided,
                      const Extents& dense);

// Calls visit(o, offsets, counted) for every output position: the flat offsets of the inputs that
// the window covers, and how many positions it has within the padded input.
void each_window(const Windows& windows,
                 const std::function<void(int64_t o, const std::vector<int64_t>& offsets,
                                          double counted)>& visit);

}  // namespace hone
