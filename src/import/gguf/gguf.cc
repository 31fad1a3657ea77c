#include "import/gguf/gguf.h"

#include <cstring>

#include "base/text.h"
#include "formats/gguf_files.h"
#include "import/arch/build_decoder.h"
#include "import/gguf/settings.h"

namespace hone::gguf {
namespace {

// Values of the dense types that files may hold beside blocks.
constexpr int32_t kF32 = 0;

Result<TensorType> type_of(const GgufTensor& t) {
  TensorType type{DType::f32, Shape::of(t.extents), {}};
  if (t.type == kF32) return type;
  const BlockFormat* format = block_format_of_ggml(t.type);
  if (!format) {
    const auto block = gguf_block(t.type);
    return fail(ErrorId::unsupported_feature,
                "the tensor '" + printable(t.name) + "' is of type " +
                    (block ? std::string(block->name) : std::to_string(t.type)) +
                    ", which hone cannot decode");
  }
  type.encoding = Encoding::of_blocks(*format);
  return type;
}

Result<arch::Weights> weights_of(const GgufFiles& files, Ledger& ledger) {
  arch::Weights weights;
  for (const GgufFiles::Tensor& tensor : files.tensors()) {
    const GgufTensor& t = *tensor.entry;
    Constant constant;
    constant.name = std::string(t.name);
    constant.type = TRY(type_of(t));
    constant.data = Constant::Span{uint32_t(tensor.part), t.offset, t.bytes};
    TRY(ledger.charge(sizeof(Constant) + 2 * t.name.size(), "tensors"));
    TRY(weights.add(std::string(t.name), std::move(constant)));
  }
  return weights;
}

// Short texts about the model; its vocabulary stays in the file.
void describe(const Gguf& file, Model& model) {
  constexpr size_t kLongest = 1024;
  for (const auto& [key, value] : file.metadata) {
    if (!key.starts_with("general.") || value.kind != GgufValue::Kind::string) continue;
    const auto text = value.as_string();
    if (text && text->size() <= kLongest) model.metadata[std::string(key)] = std::string(*text);
  }
}

}  // namespace

bool looks_like_gguf(std::span<const std::byte> file) {
  return file.size() >= 4 && std::memcmp(file.data(), "GGUF", 4) == 0;
}

Result<Model> import_mapped(const std::shared_ptr<const MappedFile>& file,
                            const Catalogue& catalogue, const ImportOptions& options) {
  Ledger ledger(options.limits);
  const GgufFiles files = TRY(GgufFiles::open(file, ledger, options.links));
  const arch::DecoderConfig config = TRY(read_config(files, ledger));
  Model model;
  for (const GgufFiles::Part& part : files.parts()) {
    DataSource source;
    source.name = part.name;
    source.mapped = part.file;
    source.size = part.file->size();
    model.sources.push_back(std::move(source));
  }
  describe(files.first(), model);
  model.metadata["context"] = std::to_string(config.context);
  arch::Weights weights = TRY(weights_of(files, ledger));
  TRY(arch::build_decoder(model, catalogue, config, weights, options.language));
  return model;
}

}  // namespace hone::gguf
