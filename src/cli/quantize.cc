// `hone quantize`: a model's weights in other formats.
#include "compress/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

#include "api/open.h"
#include "api/quantize_shape.h"
#include "api/tokenizer.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "compress/measure_importance.h"
#include "compress/model_source.h"
#include "compress/quantize_folder.h"
#include "import/hone/artefact.h"

namespace hone::cli {
namespace {

using compress::QuantizeReport;
using compress::TensorReport;

struct Done {
  QuantizeReport report;
  std::string input, output, to;
  bool dry_run = false;
  double seconds = 0;
};

void write_json(JsonWriter& json, const TensorReport& t, bool dry_run) {
  json.begin_object();
  json.member("name", t.name);
  json.key("shape");
  json.begin_array();
  for (const int64_t extent : t.extents) json.value(extent);
  json.end_array();
  json.member("from", t.from);
  json.member("to", t.to);
  if (!t.fallback_from.empty()) json.member("fallback_from", t.fallback_from);
  json.member("bytes_before", t.bytes_before);
  json.member("bytes", t.bytes_after);
  json.member("bits_per_weight", t.bits_per_weight());
  json.member("weighted", t.weighted);
  if (!dry_run) {
    json.member("rms_error", t.errors.rms);
    json.member("max_error", t.errors.most);
    json.member("relative_error", t.errors.relative);
    json.member("cosine", t.errors.cosine);
  }
  json.end_object();
}

void write_json(JsonWriter& json, const Done& done) {
  json.begin_object();
  json.member("input", done.input);
  json.member("output", done.output);
  json.member("to", done.to);
  json.member("dry_run", done.dry_run);
  json.key("files");
  json.begin_array();
  for (const std::string& file : done.report.files) json.value(file);
  json.end_array();
  json.member("parameters", done.report.elements);
  json.member("bytes_before", done.report.bytes_before);
  json.member("bytes", done.report.bytes_after);
  json.member("bits_per_weight", done.report.bits_per_weight());
  json.key("tensors");
  json.begin_array();
  for (const TensorReport& tensor : done.report.tensors) write_json(json, tensor, done.dry_run);
  json.end_array();
  json.member("elapsed_s", done.seconds);
  json.end_object();
}

std::string formats_of(const TensorReport& t) {
  if (t.from == t.to) return t.to;
  std::string text = t.from + " -> " + t.to;
  if (!t.fallback_from.empty()) text += " (for " + t.fallback_from + ")";
  return text + (t.weighted ? ", weighted" : "");
}

std::string report_text(const Done& done, const Style& s) {
  std::vector<std::vector<std::string>> rows{
      {"tensor", "shape", "formats", "bytes", "bits", "rms", "relative", "max", "cosine"}};
  for (const TensorReport& t : done.report.tensors) {
    const bool errors = !done.dry_run && t.from != t.to;
    const auto number = [&](const char* form, double v) {
      return errors ? fmt::format(fmt::runtime(form), v) : std::string();
    };
    rows.push_back({printable(t.name), fmt::format("[{}]", fmt::join(t.extents, ",")),
                    formats_of(t), human_bytes(t.bytes_after),
                    fmt::format("{:.2f}", t.bits_per_weight()), number("{:.3g}", t.errors.rms),
                    number("{:.3g}", t.errors.relative), number("{:.3g}", t.errors.most),
                    number("{:.6f}", t.errors.cosine)});
  }
  std::string text =
      fmt::format("{}tensors{}\n{}\n", s.bold, s.reset, table(rows, {3, 4, 5, 6, 7, 8}));
  text +=
      fmt::format("{} weights: {} before, {} after, {:.3f} bits each\n",
                  human_count(double(done.report.elements)), human_bytes(done.report.bytes_before),
                  human_bytes(done.report.bytes_after), done.report.bits_per_weight());
  for (const std::string& file : done.report.files) text += fmt::format("{}\n", printable(file));
  return text;
}

Result<compress::QuantizeOptions> options_from(const Arguments& arguments) {
  compress::QuantizeOptions options;
  options.plan.mix = arguments.text("--to");
  options.plan.pure = arguments.on("--pure");
  options.plan.keep_output = arguments.on("--keep-output");
  options.dry_run = arguments.on("--dry-run");
  for (const std::string& text : arguments.texts("--tensor")) {
    options.plan.overrides.push_back(TRY(compress::parse_override(text)));
  }
  if (const std::string size = arguments.text("--split-size"); !size.empty()) {
    const auto bytes = parse_bytes(size);
    if (!bytes || *bytes == 0) {
      return fail(ErrorId::usage,
                  fmt::format("--split-size takes a size such as 2GB, not '{}'", printable(size)));
    }
    options.split_bytes = *bytes;
  }
  return options;
}

// The name of a shape, where there is no such file.
std::optional<NamedShapeModel> shape_meant(const std::string& input) {
  std::error_code error;
  if (std::filesystem::exists(input, error)) return std::nullopt;
  return shape_named(input);
}

// The model that is meant: weights of a shape whose name says no format are made in f16.
std::string input_of(const Arguments& arguments) {
  const std::string& given = arguments.positional(0);
  const bool plain = shape_meant(given) && given.find(':') == std::string::npos;
  return plain ? fmt::format("{}:{}", given, kFormatToQuantize) : given;
}

// A Hugging Face folder, or the config.json in one?
bool is_folder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error) ||
         std::filesystem::path(path).filename() == "config.json";
}

// Any model that hone opens, as a portable artefact.
Result<QuantizeReport> to_artefact(const Arguments& arguments, const Done& done,
                                   const compress::QuantizeOptions& options, ThreadPool& pool) {
  if (options.split_bytes != 0) {
    return fail(ErrorId::usage, "an artefact is one file: --split-size is for GGUF");
  }
  if (!options.dry_run) TRY(compress::keep_input(done.input, done.output));
  Model model = TRY(open_model(done.input, open_options(arguments)));
  QuantizeReport report = TRY(compress::quantize_model(model, options, arguments.limits, pool));
  if (options.dry_run) return report;
  if (const auto shape = shape_meant(done.input))
    model.metadata[std::string(kWeightsKey)] = synthetic_text(*shape->shape, done.to);
  TRY(artefact::write(model, done.output, arguments.threads));
  report.files = {done.output};
  return report;
}

// What the model's weights are multiplied with while it reads a text.
Result<compress::Importance> importance_of_text(const Arguments& arguments,
                                                std::span<const std::byte> text, Progress& progress,
                                                ThreadPool& pool) {
  OpenOptions open = open_options(arguments);
  open.language.byte_rows = false;
  const std::string input = input_of(arguments);
  Model model = TRY(open_model(input, open));
  const std::string from = arguments.has("--tokenizer") ? arguments.text("--tokenizer") : input;
  const Tokenizer tokenizer =
      TRY(open_tokenizer(from, arguments.limits, open.links).context("reading the tokenizer"));
  std::vector<int32_t> tokens =
      TRY(tokenizer.encode({reinterpret_cast<const char*>(text.data()), text.size()},
                           {.add_special = false, .parse_special = false}));
  const int64_t most = arguments.integer("--importance-tokens");
  if (most > 0) tokens.resize(std::min(tokens.size(), size_t(most)));
  compress::ImportanceOptions options;
  if (tokenizer.adds_bos()) options.begin = {*tokenizer.bos()};
  options.progress = [&](size_t done, size_t all) { progress.show("reading the text", done, all); };
  return compress::measure_importance(std::move(model), tokens, options, arguments.limits, pool);
}

// Of a file of importance, or of a text; none where none is given.
Result<std::optional<compress::Importance>> importance_for(const Arguments& arguments,
                                                           Progress& progress, ThreadPool& pool) {
  std::optional<compress::Importance> importance;
  const std::string path = arguments.text("--importance"),
                    save = arguments.text("--save-importance");
  if (path.empty() && !save.empty())
    return fail(ErrorId::usage, "--save-importance is for what --importance measures on a text");
  if (path.empty()) return importance;
  const MappedFile file = TRY(MappedFile::open(path));
  if (compress::is_importance(file.bytes()))
    importance = TRY(compress::read_importance(path, arguments.limits));
  else
    importance = TRY(importance_of_text(arguments, file.bytes(), progress, pool)
                         .context(fmt::format("measuring importance on '{}'", printable(path))));
  progress.hide();
  if (!save.empty()) TRY(compress::write_importance(save, *importance));
  return importance;
}

Result<QuantizeReport> converted(const Arguments& arguments, const Done& done, bool to_hone,
                                 const compress::QuantizeOptions& options, ThreadPool& pool) {
  if (to_hone) return to_artefact(arguments, done, options, pool);
  if (const auto shape = shape_meant(done.input))
    return quantize_shape(*shape, done.output, options, arguments.limits, pool);
  if (!is_folder(done.input))
    return compress::quantize_gguf(done.input, done.output, options, arguments.limits, pool);
  std::vector<std::string> warnings;
  const OpenOptions open = open_options(arguments);
  const ImportOptions import{.limits = arguments.limits, .links = open.links};
  QuantizeReport report =
      TRY(compress::quantize_folder(done.input, done.output, options, import, pool, warnings));
  for (const std::string& warning : warnings) note(arguments, warning);
  return report;
}

Result<int> run(const Arguments& arguments) {
  Done done;
  done.input = input_of(arguments);
  done.to = arguments.text("--to");
  done.dry_run = arguments.on("--dry-run");
  if (done.to.empty()) {
    Error error = fail(ErrorId::usage, "--to is missing: the format of the weights");
    error.hint = "give --to q4_k_m, say; `hone help quantize` lists the formats";
    return error;
  }
  TRY(compress::mix_named(done.to));
  if (arguments.positionals().size() > 1) done.output = arguments.positional(1);
  if (done.output.empty() && !done.dry_run) {
    return fail(ErrorId::usage, "OUT is missing: where to write the model");
  }
  const bool to_hone =
      done.output.ends_with(".hone") || (done.output.empty() && !done.input.ends_with(".gguf") &&
                                         !is_folder(done.input) && !shape_meant(done.input));
  if (!done.output.empty() && !to_hone && !done.output.ends_with(".gguf")) {
    return fail(ErrorId::usage,
                fmt::format("'{}' ends neither in .gguf nor in .hone", printable(done.output)));
  }
  compress::QuantizeOptions options = TRY(options_from(arguments));
  ThreadPool pool(arguments.threads);
  Progress progress(arguments);
  const auto importance = TRY(importance_for(arguments, progress, pool));
  if (importance) options.importance = &*importance;
  options.progress = [&](const std::string&, size_t i, size_t all) {
    progress.show("tensor", i, all);
  };
  const auto begin = std::chrono::steady_clock::now();
  done.report = TRY(converted(arguments, done, to_hone, options, pool));
  done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  progress.hide();
  if (arguments.json)
    put_json([&](JsonWriter& json) { write_json(json, done); });
  else
    put(report_text(done, style(arguments.config)));
  return 0;
}

// The mixes with what they are, for the help.
std::string mixes_text() {
  std::vector<std::vector<std::string>> rows;
  for (const compress::MixInfo& mix : compress::all_mixes()) {
    rows.push_back({std::string(mix.name), std::string(mix.doc)});
  }
  std::string text =
      "Matrices get the format of the mix; norms and biases stay as they are, and the output "
      "matrix\n"
      "gets more bits. A format whose blocks do not divide a tensor's rows gives way to one whose\n"
      "blocks do. The report compares every tensor with what its blocks decode to.\n\n"
      "Formats:\n";
  text += table(rows);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

const Command& quantize_command() {
  using Kind = Flag::Kind;
  static const std::string details = mixes_text();
  static const Command command{
      .name = "quantize",
      .summary = "Store a model's weights in fewer bits.",
      .examples =
          "$ hone quantize model-f16.gguf model-q4.gguf --to q4_k_m\n"
          "$ hone quantize model-f16.gguf --to q4_k_m --dry-run\n"
          "$ hone quantize smollm-135m synthetic-q4.gguf --to q4_k_m\n"
          "$ hone quantize model-dir model-q3.gguf --to q3_k_m --importance text.txt\n"
          "$ hone quantize model-f16.gguf out.gguf --to q4_k_s --importance i.safetensors \\\n"
          "    --tensor 'blk.*.ffn_down.weight=q6_k'",
      .details = details,
      .positionals =
          {{"IN",
            "a GGUF file or one of its parts, a Hugging Face folder, or the name of a shape (`hone "
            "shapes`); for OUT.hone, any model"},
           {"OUT", "the file to write, OUT.gguf or OUT.hone", 0, 1}},
      .flags =
          {{"--to", Kind::text, "FORMAT", "the format, as below; required", "", "",
            "q2_k|q3_k_s|q3_k_m|q3_k_l|q4_k_s|q4_k_m|q5_k_s|q5_k_m|q6_k|q8_0|q4_0|q4_1|q5_0|"
            "q5_1|iq4_nl|iq4_xs|tq1_0|tq2_0|mxfp4|mxfp4_moe|f16|bf16|f32"},
           {"--importance", Kind::text, "FILE",
            "mean squares of activations, by which errors count: a text that the model reads to "
            "measure them, a file of --save-importance, or an importance matrix of llama.cpp"},
           {"--save-importance", Kind::text, "FILE",
            "write what was measured on a text, as safetensors"},
           {"--importance-tokens", Kind::integer, "N", "of the text, at most; 0: all", "0"},
           {"--tokenizer", Kind::text, "PATH",
            "for the text, where the model has none: as `hone tokenize` takes it"},
           {"--tensor", Kind::texts, "PATTERN=FORMAT",
            "the format of the tensors whose name is like PATTERN, with * and ?"},
           {"--pure", Kind::on_off, "", "every matrix in the same format"},
           {"--keep-output", Kind::on_off, "", "the output matrix as it is"},
           {"--split-size", Kind::text, "SIZE",
            "several files of at most this size, OUT-00001-of-00003.gguf and so on"},
           {"--dry-run", Kind::on_off, "", "tell the sizes; write nothing"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
