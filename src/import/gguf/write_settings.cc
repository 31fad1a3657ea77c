// Settings of a decoder as the keys of a GGUF file.
#include <algorithm>
#include <cmath>

#include "import/gguf/settings.h"

namespace hone::gguf {
namespace {

using arch::DecoderConfig;
using arch::RopeScaling;

Error unsupported(std::string_view what) {
  return fail(ErrorId::unsupported_feature,
              "GGUF files cannot say " + std::string(what) + "; write a .hone file");
}

class Writer {
 public:
  Writer(const DecoderConfig& config, GgufMetadata& to)
      : c_(config), to_(to), prefix_(std::string(config.decoder->name) + '.') {}

  Status write() {
    to_.set("general.architecture", c_.decoder->name);
    number("block_count", c_.layers);
    number("context_length", c_.context);
    number("embedding_length", c_.width);
    number("vocab_size", c_.vocabulary);
    for_layers("feed_forward_length", c_.feed_forward);
    for_layers("attention.head_count", c_.heads);
    for_layers("attention.head_count_kv", c_.kv_heads);
    number("attention.key_length", c_.head);
    number("attention.value_length", c_.head);
    const bool rms = c_.decoder->norm == arch::Norm::rms;
    real(rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", c_.epsilon);
    if (c_.attention_cap > 0) real("attn_logit_softcapping", c_.attention_cap);
    if (c_.logit_cap > 0) real("final_logit_softcapping", c_.logit_cap);
    if (c_.query_scale > 0) real("attention.scale", c_.query_scale);
    write_windows();
    return write_rope();
  }

 private:
  void number(std::string_view key, int64_t value) {
    to_.set(prefix_ + std::string(key), uint32_t(value));
  }
  void real(std::string_view key, double value) {
    to_.set(prefix_ + std::string(key), float(value));
  }
  void for_layers(std::string_view key, const std::vector<int64_t>& values) {
    if (std::ranges::all_of(values, [&](int64_t v) { return v == values[0]; }))
      return number(key, values[0]);
    const std::vector<int32_t> all(values.begin(), values.end());
    to_.set(prefix_ + std::string(key), std::span<const int32_t>(all));
  }

  // What the architecture has by itself, without what a file says.
  DecoderConfig usual() const {
    DecoderConfig usual;
    usual.decoder = c_.decoder;
    usual.layers = c_.layers;
    usual.window = c_.window;
    usual.rope = c_.rope;
    return usual;
  }

  void write_windows() {
    const DecoderConfig usual = this->usual();
    std::vector<int32_t> windows;
    bool any = false, differs = false;
    for (int64_t i = 0; i < c_.layers; ++i) {
      windows.push_back(c_.has_window(i) ? 1 : 0);
      any = any || c_.has_window(i);
      differs = differs || c_.has_window(i) != usual.has_window(i);
    }
    if (!any) return;
    number("attention.sliding_window", c_.window);
    if (differs)
      to_.set(prefix_ + "attention.sliding_window_pattern", std::span<const int32_t>(windows));
  }

  Status write_rope() {
    if (c_.rope == arch::Rope::none) return ok();
    const DecoderConfig usual = this->usual();
    for (int64_t i = 0; i < c_.layers; ++i)
      if (c_.has_rope(i) != usual.has_rope(i)) return unsupported("which layers have no rope");
    number("rope.dimension_count", c_.rotated);
    real("rope.freq_base", c_.rope_base);
    if (c_.local_rope_base > 0 && c_.window > 0) real("rope.freq_base_swa", c_.local_rope_base);
    return write_scaling();
  }

  Status write_scaling() {
    const RopeScaling& s = c_.scaling;
    const auto type = [&](std::string_view name) {
      to_.set(prefix_ + "rope.scaling.type", name);
      number("rope.scaling.original_context_length", s.original_context);
    };
    switch (s.kind) {
      case RopeScaling::Kind::none:
      case RopeScaling::Kind::llama3: return ok();  // a tensor says all of it
      case RopeScaling::Kind::linear:
        type("linear");
        real("rope.scaling.factor", s.factor);
        return ok();
      case RopeScaling::Kind::yarn:
        if (!s.whole_pairs) return unsupported("a ramp of YaRN that is not rounded");
        type("yarn");
        real("rope.scaling.factor", s.factor);
        real("rope.scaling.yarn_beta_fast", s.fast);
        real("rope.scaling.yarn_beta_slow", s.slow);
        break;
      case RopeScaling::Kind::longrope: type("longrope"); break;
    }
    if (s.attention > 0) real("rope.scaling.attn_factor", s.attention);
    return ok();
  }

  const DecoderConfig& c_;
  GgufMetadata& to_;
  std::string prefix_;
};

}  // namespace

Status write_config(const DecoderConfig& config, GgufMetadata& to) {
  TRY(config.check());
  return Writer(config, to).write();
}

std::vector<RopeTensor> rope_tensors(const DecoderConfig& config) {
  const RopeScaling& s = config.scaling;
  if (config.rope == arch::Rope::none) return {};
  if (s.kind == RopeScaling::Kind::longrope)
    return {{"rope_factors_long.weight", s.long_factors},
            {"rope_factors_short.weight", s.short_factors}};
  if (s.kind != RopeScaling::Kind::llama3) return {};
  const auto plain = arch::frequencies_of(config, config.rope_base, RopeScaling(), {});
  const auto scaled = arch::frequencies_of(config, config.rope_base, s, {});
  RopeTensor tensor{"rope_freqs.weight", {}};
  for (size_t i = 0; i < plain.turns.size(); ++i)
    tensor.factors.push_back(float(plain.turns[i] / scaled.turns[i]));
  return {tensor};
}

}  // namespace hone::gguf
