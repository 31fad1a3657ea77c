// Roles by names, mixes as a table, and formats for rows that a format does not divide.
#include "compress/mixes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "ir/blocks/block_format.h"
#include "kernels/block_codecs/block_encoders.h"

namespace hone::compress {
namespace {

enum class Role : uint8_t { attention_v, attention_output, ffn_down, embedding, experts, other };
enum class Where : uint8_t {
  always,
  first_two,
  first_four,
  first_sixteenth,
  first_eighth,
  first_eighth_weighted,    // with importance
  first_eighth_unweighted,  // without
  sensitive,                // the first and the last eighth, and every third between
  shared_keys,              // four or more heads share keys and values
};

struct Rule {
  Role role;
  Where where;
  std::string_view format;
};
struct Mix {
  MixInfo info;
  std::array<Rule, 6> rules;
  size_t count = 0;
};

constexpr size_t kMixes = 0
#define MIX(name, file_type, base, doc) +1
#define RULE(role, where, format)
#include "compress/mixes.def"
#undef MIX
#undef RULE
    ;

struct Table {
  std::array<Mix, kMixes> mixes;
  std::array<MixInfo, kMixes> infos;
};
constexpr Table make_table() {
  Table t{};
  size_t n = 0;
#define MIX(name, file_type, base, doc)        \
  t.infos[n] = {#name, file_type, #base, doc}; \
  t.mixes[n].info = t.infos[n];                \
  ++n;
#define RULE(role, where, format) \
  t.mixes[n - 1].rules[t.mixes[n - 1].count++] = {Role::role, Where::where, #format};
#include "compress/mixes.def"
#undef MIX
#undef RULE
  return t;
}
constexpr Table kTable = make_table();

// Formats for rows that are not whole blocks.
struct Fallback {
  std::string_view of, format;
};
constexpr std::array kFallbacks{
    Fallback{"q2_k", "q4_0"},  Fallback{"q3_k", "q4_0"},     Fallback{"tq1_0", "q4_0"},
    Fallback{"tq2_0", "q4_0"}, Fallback{"q4_k", "q5_0"},     Fallback{"q5_k", "q5_1"},
    Fallback{"q6_k", "q8_0"},  Fallback{"iq4_xs", "iq4_nl"}, Fallback{"nf4", "iq4_nl"},
};

// Where in the model a tensor is.
struct Place {
  Role role = Role::other;
  int64_t layer = -1;
  bool output = false;
};

Place place_of(const NamedTensor& tensor) {
  const std::string_view name = tensor.name;
  Place place;
  constexpr std::string_view kBlock = "blk.";
  if (name.starts_with(kBlock)) {
    std::from_chars(name.data() + kBlock.size(), name.data() + name.size(), place.layer);
  }
  const auto has = [&](std::string_view part) { return name.find(part) != name.npos; };
  place.output = name == "output.weight";
  if (name == "token_embd.weight") place.role = Role::embedding;
  if (has("attn_v.weight") || has("attn_qkv.weight") || has("attn_kv_b.weight"))
    place.role = Role::attention_v;
  if (has("attn_output.weight")) place.role = Role::attention_output;
  if (has("ffn_down")) place.role = Role::ffn_down;
  if (tensor.extents.size() > 2 && has("_exps")) place.role = Role::experts;
  return place;
}

// Matrices of weights; what is small or needs its precision stays.
bool is_quantizable(const NamedTensor& tensor) {
  static constexpr std::string_view kKept[] = {
      "_norm.weight", "ffn_gate_inp", "position_embd", "token_types", "ssm_conv1d",
      "shortconv",    "attn_rel_b",   "altup",         "laurel",      "per_layer_model_proj",
      "time_mix_",    "indexer.",     "patch_embd",    "rel_pos",     "pos_embd",
  };
  if (tensor.extents.size() < 2 || !tensor.name.ends_with("weight")) return false;
  return std::ranges::none_of(
      kKept, [&](std::string_view part) { return tensor.name.find(part) != std::string::npos; });
}

bool matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

uint64_t size_in(const Format& format, const NamedTensor& tensor) {
  return uint64_t(tensor.rows() * (tensor.columns() / format.elements) * format.bytes);
}

class Planner {
 public:
  Planner(const TensorSource& source, const Mix& mix, const PlanOptions& options)
      : source_(source), mix_(mix), options_(options), facts_(source.facts()) {
    for (const NamedTensor& tensor : source.tensors()) {
      layers_ = std::max(layers_, place_of(tensor).layer + 1);
      if (tensor.name == "output.weight") tied_ = false;
    }
  }

  Result<PlannedTensor> one(size_t index) const {
    const NamedTensor& tensor = source_.tensors()[index];
    for (const Override& o : options_.overrides) {
      if (matches(o.pattern, tensor.name)) return overridden(index, o);
    }
    const Place place = place_of(tensor);
    const bool output = place.output || (tied_ && place.role == Role::embedding);
    if (!is_quantizable(tensor) || (output && options_.keep_output) || !source_.can_read(index)) {
      return kept(tensor);
    }
    std::string_view name = mix_.info.base;
    if (!options_.pure) name = output ? of_output(tensor) : by_rules(place);
    return fitting(tensor, name);
  }

 private:
  static PlannedTensor kept(const NamedTensor& tensor) { return {std::nullopt, tensor.bytes, ""}; }

  static PlannedTensor planned(const NamedTensor& tensor, const Format& format,
                               std::string_view fallback_from) {
    if (format.name == tensor.stored) return {std::nullopt, tensor.bytes, ""};
    return {format, size_in(format, tensor), std::string(fallback_from)};
  }

  Result<PlannedTensor> overridden(size_t index, const Override& o) const {
    const NamedTensor& tensor = source_.tensors()[index];
    const auto format = format_named(o.format);
    if (!format) return fail(ErrorId::usage, fmt::format("there is no format '{}'", o.format));
    if (!source_.can_read(index)) {
      return fail(ErrorId::unsupported_feature,
                  fmt::format("tensor \"{}\" of type {} cannot be converted",
                              printable(tensor.name), tensor.stored));
    }
    if (tensor.columns() % format->elements != 0) {
      return fail(
          ErrorId::bad_value,
          fmt::format("the rows of tensor \"{}\" have {} elements, which are not whole "
                      "blocks of {} as {} has them",
                      printable(tensor.name), tensor.columns(), format->elements, format->name));
    }
    return planned(tensor, *format, "");
  }

  // The output matrix decides about tokens and gets more bits; the embedding is it where they
  // share.
  std::string_view of_output(const NamedTensor& tensor) const {
    const Format base = *format_named(mix_.info.base);
    if (!base.is_blocks() || base.name == "q8_0") return base.name;
    return tensor.columns() % 256 != 0 ? "q8_0" : "q6_k";
  }

  std::string_view by_rules(const Place& place) const {
    for (size_t i = 0; i < mix_.count; ++i) {
      const Rule& rule = mix_.rules[i];
      if (rule.role == place.role && holds(rule.where, place.layer)) return rule.format;
    }
    return mix_.info.base;
  }

  bool holds(Where where, int64_t layer) const {
    const int64_t eighth = layers_ / 8;
    switch (where) {
      case Where::always: return true;
      case Where::first_two: return layer < 2;
      case Where::first_four: return layer < 4;
      case Where::first_sixteenth: return layer < layers_ / 16;
      case Where::first_eighth: return layer < eighth;
      case Where::first_eighth_weighted: return options_.has_importance && layer < eighth;
      case Where::first_eighth_unweighted: return !options_.has_importance && layer < eighth;
      case Where::sensitive:
        return layer < eighth || layer >= 7 * layers_ / 8 || (layer - eighth) % 3 == 2;
      case Where::shared_keys: return facts_.query_heads_per_key >= 4;
    }
    return false;
  }

  // The format, or what takes its place where rows are not whole blocks of it.
  static PlannedTensor fitting(const NamedTensor& tensor, std::string_view name) {
    std::string_view from;
    Format format = *format_named(name);
    while (tensor.columns() % format.elements != 0) {
      if (from.empty()) from = name;
      const auto* fallback = std::ranges::find(kFallbacks, format.name, &Fallback::of);
      format = *format_named(fallback != kFallbacks.end() ? fallback->format : "f16");
    }
    return planned(tensor, format, from);
  }

  const TensorSource& source_;
  const Mix& mix_;
  const PlanOptions& options_;
  ModelFacts facts_;
  int64_t layers_ = 0;
  bool tied_ = true;
};

}  // namespace

std::span<const MixInfo> all_mixes() { return kTable.infos; }

Result<const MixInfo*> mix_named(std::string_view name) {
  std::vector<std::string_view> names;
  for (const MixInfo& info : kTable.infos) {
    if (info.name == name) return &info;
    names.push_back(info.name);
  }
  std::string message = fmt::format("there is no format '{}'", printable(name));
  if (const auto near = closest(name, names.data(), names.size())) {
    message += fmt::format("; did you mean '{}'?", *near);
  }
  Error error = fail(ErrorId::usage, std::move(message));
  error.hint = fmt::format("the formats are {}", fmt::join(names, ", "));
  return error;
}

std::optional<Format> format_named(std::string_view name) {
  if (name == "f32") return Format{"f32", 0, 1, 4};
  if (name == "f16") return Format{"f16", 1, 1, 2};
  if (name == "bf16") return Format{"bf16", 30, 1, 2};
  const BlockFormat* format = block_format(name);
  if (format == nullptr || kernels::block_encoder(name) == nullptr) return std::nullopt;
  return Format{format->name, format->ggml_type, format->elements, format->bytes};
}

Result<Override> parse_override(std::string_view text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fail(ErrorId::usage, fmt::format("'{}' is not PATTERN=FORMAT", printable(text)));
  }
  Override o{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
  if (!format_named(o.format)) {
    return fail(ErrorId::usage, fmt::format("there is no format '{}' for '{}'", printable(o.format),
                                            printable(o.pattern)));
  }
  return o;
}

Result<std::vector<PlannedTensor>> plan(const TensorSource& source, const PlanOptions& options) {
  const MixInfo* info = TRY(mix_named(options.mix));
  const Mix& mix = kTable.mixes[size_t(info - kTable.infos.data())];
  const Planner planner(source, mix, options);
  std::vector<PlannedTensor> planned;
  for (size_t i = 0; i < source.tensors().size(); ++i) planned.push_back(TRY(planner.one(i)));
  for (const Override& o : options.overrides) {
    const auto named = [&](const NamedTensor& t) { return matches(o.pattern, t.name); };
    if (std::ranges::any_of(source.tensors(), named)) continue;
    return fail(ErrorId::usage, fmt::format("no tensor is called '{}'", printable(o.pattern)));
  }
  return planned;
}

}  // namespace hone::compress
