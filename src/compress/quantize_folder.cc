#include "compress/quantize_folder.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/text.h"
#include "import/gguf/settings.h"
#include "import/hf/hf.h"
#include "ops/catalogue.h"
#include "text/tokenizer/read.h"
#include "text/tokenizer/write_gguf.h"

namespace hone::compress {
namespace {

// The text of tokenizer.json, "" where there is none.
Result<std::string> tokenizer_json(const Folder& folder, Links links) {
  const auto file = folder.map("tokenizer.json", links);
  if (!file && file.error().id == ErrorId::not_found) return std::string();
  const MappedFile mapped = TRY(folder.map("tokenizer.json", links));
  return std::string(reinterpret_cast<const char*>(mapped.bytes().data()), mapped.size());
}

// A folder without a tokenizer gives a model without one.
Status describe_tokenizer(const Folder& folder, const ImportOptions& options, int64_t vocabulary,
                          GgufMetadata& metadata, std::vector<std::string>& warnings) {
  Ledger ledger(options.limits);
  const auto tokenizer = read_tokenizer(folder, ledger, options.links);
  if (!tokenizer && tokenizer.error().id == ErrorId::not_found) {
    warnings.push_back("The folder has no tokenizer, and so has the file.");
    return ok();
  }
  if (!tokenizer) return tokenizer.error();
  const std::string json = TRY(tokenizer_json(folder, options.links));
  return write_tokenizer(*tokenizer, vocabulary, json, options.limits, metadata, warnings);
}

}  // namespace

Result<QuantizeReport> quantize_folder(const std::string& input, const std::string& output,
                                       const QuantizeOptions& options,
                                       const ImportOptions& import_options, ThreadPool& pool,
                                       std::vector<std::string>& warnings) {
  const std::filesystem::path path(input);
  const std::string config = std::filesystem::is_directory(path) ? path / "config.json" : path;
  const MappedFile file = TRY(MappedFile::open(config));
  const hf::DecoderFiles files = TRY(hf::open_decoder(file, standard_catalogue(), import_options));
  const auto source = TRY(hf_source(files));
  PlannedReport all = TRY(plan_report(*source, options));
  TRY(check_formats(all.tensors, source->tensors()));
  GgufMetadata metadata;
  TRY(gguf::write_config(files.settings.config, metadata));
  std::error_code error;
  const auto whole = std::filesystem::weakly_canonical(path, error);
  const auto name = (std::filesystem::is_directory(path) ? whole : whole.parent_path()).filename();
  if (is_utf8(name.string())) metadata.set("general.name", name.string());
  const Folder folder = TRY(Folder::holding(config));
  TRY(describe_tokenizer(folder, import_options, files.settings.config.vocabulary, metadata,
                         warnings)
          .context("writing the tokenizer"));
  if (options.dry_run) return std::move(all.report);
  return write_quantized(*source, std::move(all), metadata, 32, output, options, pool);
}

}  // namespace hone::compress
