// Language models of published shapes with synthetic weights: for measuring, by name alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "formats/gguf_writer.h"
#include "import/options.h"
#include "ir/model.h"

namespace hone {

// One line of shapes.def.
struct ModelShape {
  std::string_view name, decoder;
  int64_t layers, width, heads, kv_heads, head, feed_forward, vocabulary, context;
  double rope_base;
  int64_t window;
  bool own_output;
  std::string_view doc;

  int64_t parameters() const;
};
std::span<const ModelShape> all_shapes();

// "llama3-1b" or, with the format of the weights, "llama3-1b:q8_0"; blocks of q4_0 without.
struct NamedShapeModel {
  const ModelShape* shape;
  std::string format;
};
// None where it begins with no name of a shape.
std::optional<NamedShapeModel> shape_named(std::string_view name);

// What the metadata says of weights that nobody has trained; empty of other models.
inline constexpr std::string_view kWeightsKey = "weights";
std::string_view synthetic_weights(const Model& model);
// That text, of weights in this format.
std::string synthetic_text(const ModelShape& shape, std::string_view format);

// Built as a GGUF file of these sizes would be. Weights are drawn so that sums stay as large as in
// trained models, the same ones every time; rows that the blocks of the format do not divide are in
// q8_0 or f16. Fails with `usage` on formats that there are not.
Result<Model> shape_model(const NamedShapeModel& named, const Limits& limits,
                          const LanguageOptions& options);

// The keys of a GGUF file of such a model, with its tokenizer of bytes: `format` is what its
// weights are in then.
Status describe_shape(const ModelShape& shape, std::string_view format, const Limits& limits,
                      GgufMetadata& to);

}  // namespace hone
