// ONNX operators of the family "indexing": selection by indices and regions.
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Values = std::vector<ValueId>;

Result<Values> top_k_1(NodeContext& c) {
  const int64_t k = TRY(c.integer("k")), axis = TRY(c.integer("axis", -1));
  return c.emit("top_k", {c.input(0), c.builder().integers({k})}, {{"axis", axis}});
}

// Before opset 16 regions were not moved by half a pixel.
Result<Values> roi_align_10(NodeContext& c) {
  Builder::Given given = {{"coordinate_transformation_mode", std::string("output_half_pixel")}};
  given.emplace_back("mode", TRY(c.text("mode", "avg")));
  for (const auto& [name, fallback] : {std::pair("output_height", 1), std::pair("output_width", 1),
                                       std::pair("sampling_ratio", 0)})
    given.emplace_back(name, TRY(c.integer(name, fallback)));
  given.emplace_back("spatial_scale", TRY(c.real("spatial_scale", 1.0f)));
  return c.emit("roi_align", c.inputs(), std::move(given));
}

constexpr Translation kTable[] = {
    {"", "Compress", 9, "compress"},
    {"", "Gather", 1, "gather"},
    {"", "GatherElements", 11, "gather_elements"},
    {"", "GatherND", 11, "gather_nd"},
    {"", "MaxRoiPool", 1, "max_roi_pool"},
    {"", "MaxUnpool", 9, "max_unpool"},
    {"", "NonMaxSuppression", 10, "non_max_suppression"},
    {"", "NonZero", 9, "non_zero"},
    {"", "OneHot", 9, "one_hot"},
    {"", "RoiAlign", 10, "", roi_align_10, first_inputs(3)},
    {"", "RoiAlign", 16, "roi_align"},
    {"", "Scatter", 9, "scatter_elements"},
    {"", "ScatterElements", 11, "scatter_elements"},
    {"", "ScatterND", 11, "scatter_nd"},
    {"", "TensorScatter", 24, "tensor_scatter"},
    {"", "TopK", 1, "", top_k_1, first_inputs(1)},
    {"", "TopK", 10, "top_k"},
    {"", "Unique", 11, "unique"},
};

}  // namespace

std::span<const Translation> indexing_translations() { return kTable; }

}  // namespace hone::onnx
