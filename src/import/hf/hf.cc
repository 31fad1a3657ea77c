#include "import/hf/hf.h"

#include <algorithm>

#include "base/text.h"
#include "formats/json.h"
#include "import/hf/config.h"
#include "import/hf/decoder.h"
#include "import/hf/encoder.h"

namespace hone::hf {
namespace {

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// "gemma2, gpt2, …": the types of models that there are.
std::string known_types() {
  std::string out;
  std::vector<std::string> types = decoder_types();
  for (std::string& type : encoder_types()) types.push_back(std::move(type));
  std::sort(types.begin(), types.end());
  for (const std::string& type : types) out += (out.empty() ? "" : ", ") + type;
  return out;
}

Error unknown(std::string_view type) {
  return fail(ErrorId::unsupported_feature, "the architecture '" + printable(type) +
                                                "' is not known; known are " + known_types());
}

Result<std::string> type_of(const Config& config) {
  const std::string type = TRY(config.text_or("model_type", ""));
  if (!type.empty()) return type;
  Error error = fail(ErrorId::unsupported_feature, "the file names no 'model_type'");
  error.hint = "give the config.json of a model; known types are " + known_types();
  return error;
}

// Texts about the model that others show or ask for.
Status describe(const Config& config, std::string_view type, Model& model) {
  model.metadata["model_type"] = type;
  std::string classes;
  for (const std::string& name : TRY(config.texts("architectures")))
    classes += (classes.empty() ? "" : " ") + printable(name);
  if (!classes.empty()) model.metadata["architectures"] = classes;
  return ok();
}

// Calls `use` with what a config.json says and what surrounds it.
template <class T, class F>
Result<T> with_source(const MappedFile& file, const Catalogue& catalogue,
                      const ImportOptions& options, const F& use) {
  Ledger ledger(options.limits);
  const JsonDocument document = TRY(JsonDocument::parse(text_of(file.bytes()), ledger));
  if (!document.root().is_object())
    return fail(ErrorId::malformed,
                "the file is " + std::string(document.root().kind_name()) + ", expected an object");
  const Config config(document.root());
  std::string type = TRY(type_of(config));
  const Folder folder = TRY(Folder::holding(file.path()));
  return use(Source{config, std::move(type), folder, catalogue, options, ledger});
}

Result<Model> read(const Source& source) {
  Model model;
  TRY(describe(source.config, source.type, model));
  if (knows_decoder(source.type)) {
    TRY(build_decoder(source, model));
  } else if (knows_encoder(source.type)) {
    TRY(build_encoder(source, model));
  } else {
    return unknown(source.type);
  }
  return model;
}

Result<DecoderFiles> read_decoder(const Source& source) {
  if (!knows_decoder(source.type) && !knows_encoder(source.type)) return unknown(source.type);
  if (!knows_decoder(source.type))
    return fail(ErrorId::unsupported_feature,
                "a model of the type '" + printable(source.type) + "' is no decoder");
  Model model;
  TRY(build_decoder(source, model));
  return open_decoder(source);
}

}  // namespace

bool looks_like_hf(std::span<const std::byte> file) {
  // Sorted keys may come behind a long list of labels.
  constexpr size_t kSeen = size_t{16} << 20;
  const std::string_view text = text_of(file.first(std::min(file.size(), kSeen)));
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin != std::string_view::npos && text[begin] == '{' &&
         (text.find("\"model_type\"") != std::string_view::npos ||
          text.find("\"architectures\"") != std::string_view::npos);
}

Result<Model> import_mapped(const std::shared_ptr<const MappedFile>& file,
                            const Catalogue& catalogue, const ImportOptions& options) {
  return with_source<Model>(*file, catalogue, options, read)
      .context("reading '" + printable(file->path()) + "'");
}

Result<DecoderFiles> open_decoder(const MappedFile& file, const Catalogue& catalogue,
                                  const ImportOptions& options) {
  return with_source<DecoderFiles>(file, catalogue, options, read_decoder)
      .context("reading '" + printable(file.path()) + "'");
}

}  // namespace hone::hf
