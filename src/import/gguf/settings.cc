#include "import/gguf/settings.h"

#include <cmath>

#include "base/text.h"

namespace hone::gguf {
namespace {

using arch::DecoderConfig;
using arch::RopeScaling;

class Settings {
 public:
  Settings(const GgufFiles& files, Ledger& ledger)
      : files_(files), file_(files.first()), ledger_(ledger) {}

  Result<DecoderConfig> read() {
    const GgufValue* name = file_.find("general.architecture");
    if (!name)
      return fail(ErrorId::unsupported_feature,
                  "the file names no architecture (general.architecture), so it holds no model");
    architecture_ = std::string(TRY(name->as_string()));
    config_.decoder = arch::decoder_named(architecture_);
    if (!config_.decoder)
      return fail(ErrorId::unsupported_feature, "the architecture '" + printable(architecture_) +
                                                    "' is not known; known are " +
                                                    arch::known_decoders());
    TRY(read_sizes());
    TRY(read_rope());
    TRY(read_numbers());
    return std::move(config_);
  }

 private:
  const GgufValue* find(std::string_view key) const {
    return file_.find(architecture_ + '.' + std::string(key));
  }
  Error in_key(Error error, std::string_view key) const {
    error.context.push_back("reading " + architecture_ + '.' + std::string(key));
    return error;
  }

  Result<std::optional<int64_t>> integer(std::string_view key) const {
    const GgufValue* value = find(key);
    if (!value) return std::optional<int64_t>();
    auto n = value->as_integer();
    if (!n) return in_key(n.take_error(), key);
    return std::optional<int64_t>(*n);
  }
  Result<int64_t> needed(std::string_view key) const {
    const auto n = TRY(integer(key));
    if (!n)
      return fail(ErrorId::bad_data,
                  "the key " + architecture_ + '.' + std::string(key) + " is missing");
    return *n;
  }
  Status real(std::string_view key, double& to) const {
    const GgufValue* value = find(key);
    if (!value) return ok();
    auto x = value->as_real();
    if (!x) return in_key(x.take_error(), key);
    to = *x;
    return ok();
  }

  // One number for all layers, or one for each.
  Result<std::vector<int64_t>> for_layers(std::string_view key, std::optional<int64_t> fallback) {
    const GgufValue* value = find(key);
    if (value && value->kind == GgufValue::Kind::array) {
      auto each = value->as_integers(ledger_);
      if (!each) return in_key(each.take_error(), key);
      return each.take();
    }
    const int64_t n = !value && fallback ? *fallback : TRY(needed(key));
    TRY(ledger_.charge(uint64_t(config_.layers) * sizeof(int64_t), "layers"));
    return std::vector<int64_t>(size_t(config_.layers), n);
  }

  Status read_sizes() {
    config_.layers = TRY(needed("block_count"));
    if (config_.layers < 1 || config_.layers > 4096)
      return fail(ErrorId::bad_data, "the number of layers is " + std::to_string(config_.layers) +
                                         ", expected 1 to 4096");
    config_.width = TRY(needed("embedding_length"));
    config_.context = TRY(needed("context_length"));
    config_.heads = TRY(for_layers("attention.head_count", {}));
    const int64_t first = config_.heads.empty() ? 0 : config_.heads[0];
    const bool has_kv = find("attention.head_count_kv") != nullptr;
    config_.kv_heads = has_kv ? TRY(for_layers("attention.head_count_kv", {})) : config_.heads;
    config_.feed_forward = TRY(for_layers("feed_forward_length", {}));
    const auto key = TRY(integer("attention.key_length"));
    config_.head = key ? *key : first > 0 ? config_.width / first : 0;
    if (TRY(integer("attention.value_length")).value_or(config_.head) != config_.head)
      return fail(ErrorId::unsupported_feature, "keys and values of different sizes");
    config_.vocabulary = TRY(vocabulary());
    return ok();
  }

  // The embedding says it best: vocabularies are padded.
  Result<int64_t> vocabulary() {
    const GgufTensor* embedding = tensor_named("token_embd.weight");
    if (embedding && embedding->extents.size() == 2) return embedding->extents[0];
    return fail(ErrorId::bad_data, "the tensor 'token_embd.weight' is missing");
  }

  const GgufTensor* tensor_named(std::string_view name) const {
    for (const GgufFiles::Part& part : files_.parts())
      for (const GgufTensor& t : part.content.tensors)
        if (t.name == name) return &t;
    return nullptr;
  }

  Status read_rope() {
    config_.rope = config_.decoder->rope;
    if (config_.rope == arch::Rope::none) return ok();
    config_.rotated = TRY(integer("rope.dimension_count")).value_or(config_.head);
    TRY(real("rope.freq_base", config_.rope_base));
    TRY(real("rope.freq_base_swa", config_.local_rope_base));
    RopeScaling& s = config_.scaling;
    s.original_context =
        TRY(integer("rope.scaling.original_context_length")).value_or(config_.context);
    TRY(real("rope.scaling.factor", s.factor));
    TRY(real("rope.scaling.attn_factor", s.attention));
    TRY(real("rope.scale_linear", s.factor));
    const GgufValue* type = find("rope.scaling.type");
    const std::string kind = type ? std::string(TRY(type->as_string())) : "none";
    if (kind == "linear" || (!type && s.factor != 1)) {
      s.kind = RopeScaling::Kind::linear;
    } else if (kind == "yarn") {
      s.kind = RopeScaling::Kind::yarn;
      TRY(real("rope.scaling.yarn_beta_fast", s.fast));
      TRY(real("rope.scaling.yarn_beta_slow", s.slow));
    } else if (kind == "longrope" || (!type && tensor_named("rope_factors_long.weight"))) {
      s.kind = RopeScaling::Kind::longrope;  // its lists are tensors
    } else if (kind != "none") {
      return fail(ErrorId::unsupported_feature, "the rope scaling '" + printable(kind) + "'");
    }
    return ok();
  }

  Status read_numbers() {
    const bool rms = config_.decoder->norm == arch::Norm::rms;
    TRY(real(rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
             config_.epsilon));
    TRY(real("attn_logit_softcapping", config_.attention_cap));
    TRY(real("final_logit_softcapping", config_.logit_cap));
    if (config_.layers == config_.decoder->wide_query_layers && !config_.heads.empty() &&
        config_.heads[0] > 0)
      config_.query_scale = 1 / std::sqrt(double(config_.width) / double(config_.heads[0]));
    if (double scale = 0; find("attention.scale")) {
      TRY(real("attention.scale", scale));
      if (!(scale >= 0) || !std::isfinite(scale))
        return fail(ErrorId::bad_data, "the scale of attention must be a number of at least 0");
      config_.query_scale = scale;
    }
    config_.window = TRY(integer("attention.sliding_window")).value_or(0);
    return read_windows();
  }

  // Which layers have the window, where the architecture does not say it alone.
  Status read_windows() {
    constexpr std::string_view kKey = "attention.sliding_window_pattern";
    const GgufValue* value = find(kKey);
    if (!value || value->kind != GgufValue::Kind::array) return ok();
    auto each = value->as_integers(ledger_);
    if (!each) return in_key(each.take_error(), kKey);
    for (const int64_t flag : *each) config_.windows.push_back(flag != 0);
    return ok();
  }

  const GgufFiles& files_;
  const Gguf& file_;  // the one with the settings
  Ledger& ledger_;
  std::string architecture_;
  DecoderConfig config_;
};

}  // namespace

Result<DecoderConfig> read_config(const GgufFiles& files, Ledger& ledger) {
  return Settings(files, ledger).read();
}

}  // namespace hone::gguf
