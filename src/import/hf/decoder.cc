#include "import/hf/decoder.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "import/arch/build_decoder.h"
#include "import/hf/checkpoint.h"
#include "import/hf/decoder_config.h"
#include "import/hf/names.h"

namespace hone::hf {
namespace {

constexpr std::string_view kEmbedding = "token_embd.weight", kOutput = "output.weight";

// Types that hold a decoder, whose settings lie in "text_config", beside parts that see.
struct Holder {
  std::string_view type, text_type;
};
constexpr std::array kHolders{Holder{"gemma3", "gemma3_text"}};

const Holder* holder(std::string_view type) {
  const auto at = std::find_if(kHolders.begin(), kHolders.end(),
                               [&](const Holder& h) { return h.type == type; });
  return at == kHolders.end() ? nullptr : &*at;
}

bool is_of_vision(std::string_view name) {
  name = without_prefix(name);
  return name.starts_with("vision_tower.") || name.starts_with("multi_modal_projector.");
}

std::vector<DecoderFiles::Named> named_tensors(const Checkpoint& checkpoint, const Names& names,
                                               bool tied, bool with_vision) {
  std::vector<DecoderFiles::Named> out;
  for (size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const std::string& theirs = checkpoint.tensors[i].name;
    if (is_buffer(theirs) || (with_vision && is_of_vision(theirs))) continue;
    std::string name = names.ours(theirs).value_or(theirs);
    if (!tied || name != kOutput) out.push_back({std::move(name), i});
  }
  return out;
}

Result<arch::Weights> weights_of(const DecoderFiles& files, const Names& names, Ledger& ledger) {
  arch::Weights weights;
  weights.show_as([&](std::string_view ours) { return names.theirs(ours); });
  for (const DecoderFiles::Named& t : files.tensors) {
    const StoredTensor& stored = files.checkpoint.tensors[t.tensor];
    TRY(ledger.charge(sizeof(Constant) + 2 * stored.name.size() + t.name.size(), "tensors"));
    TRY(weights.add(t.name, TRY(constant_of(stored))));
  }
  return weights;
}

// The embedding's first axis; 0 where there is none, which building will tell.
int64_t vocabulary(const DecoderFiles& files) {
  for (const DecoderFiles::Named& t : files.tensors) {
    const auto& shape = files.checkpoint.tensors[t.tensor].shape;
    if (t.name == kEmbedding && shape.size() == 2) return shape[0];
  }
  return 0;
}

}  // namespace

bool knows_decoder(std::string_view model_type) {
  return holder(model_type) || arch::decoder_of_hf(model_type);
}

std::vector<std::string> decoder_types() {
  std::vector<std::string> out;
  for (const Holder& h : kHolders) out.emplace_back(h.type);
  for (const arch::Decoder* d : arch::all_decoders())
    for (const std::string_view type : words_of(d->hf_types)) out.emplace_back(type);
  std::sort(out.begin(), out.end());
  return out;
}

Result<DecoderFiles> open_decoder(const Source& source) {
  const Holder* outer = holder(source.type);
  const auto inner = outer ? TRY(source.config.inside("text_config")) : std::nullopt;
  if (outer && !inner) return fail(ErrorId::bad_data, "the key 'text_config' is missing");
  const Config& config = inner ? *inner : source.config;
  const std::string_view type = outer ? outer->text_type : std::string_view(source.type);
  const arch::Decoder& decoder = *arch::decoder_of_hf(type);
  DecoderFiles files;
  files.settings = TRY(read_decoder_config(config, decoder, type));
  files.checkpoint = TRY(open_checkpoint(source.folder, source.options, source.ledger));
  TRY(source.ledger.charge_tensors(files.checkpoint.tensors.size()));
  files.tensors = named_tensors(files.checkpoint, Names(decoder.hf_names), files.settings.tied,
                                outer != nullptr);
  files.settings.config.vocabulary = vocabulary(files);
  return files;
}

Status build_decoder(const Source& source, Model& model) {
  DecoderFiles files = TRY(open_decoder(source));
  const arch::DecoderConfig& config = files.settings.config;
  const Names names(config.decoder->hf_names);
  arch::Weights weights = TRY(weights_of(files, names, source.ledger));
  if (config.vocabulary == 0)
    return fail(ErrorId::bad_data, "the checkpoint has no embedding of tokens of two axes (" +
                                       weights.shown(kEmbedding) + ")");
  if (!files.settings.tied && !weights.has(kOutput)) {
    Error error = fail(ErrorId::bad_data, "the tensor '" + weights.shown(kOutput) + "' is missing");
    error.hint = "where the embedding serves for it, config.json says 'tie_word_embeddings'";
    return error;
  }
  model.sources = std::move(files.checkpoint.sources);
  model.metadata["context"] = std::to_string(config.context);
  return arch::build_decoder(model, source.catalogue, config, weights, source.options.language);
}

}  // namespace hone::hf
