#include "import/hf/decoder_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "import/hf/rope.h"

namespace hone::hf {
namespace {

using arch::Decoder;
using arch::DecoderConfig;

// What a class of models takes for a setting that a file does not give.
struct Defaults {
  std::string_view model_type;
  int64_t heads = 0, kv_heads = 0;  // 0: has to be given; as many as heads
  int64_t head = 0;                 // 0: the width shared by the heads
  int64_t context = 0;
  double epsilon = 1e-6, rope_base = 10000;
  int64_t window = 0;
  bool tied = false;
  double query_scalar = 0;  // queries are scaled by 1 / its root; 0: the head's
  double attention_cap = 0, logit_cap = 0;
  bool window_is_asked_for = false;  // by use_sliding_window
};
constexpr std::array kDefaults{
    Defaults{.model_type = "gemma2",
             .kv_heads = 4,
             .head = 256,
             .context = 8192,
             .window = 4096,
             .tied = true,
             .query_scalar = 256,
             .attention_cap = 50,
             .logit_cap = 30},
    Defaults{.model_type = "gemma3_text",
             .heads = 8,
             .kv_heads = 4,
             .head = 256,
             .context = 131072,
             .rope_base = 1e6,
             .window = 4096,
             .tied = true,
             .query_scalar = 256},
    Defaults{.model_type = "gpt2", .context = 1024, .epsilon = 1e-5, .tied = true},
    Defaults{.model_type = "llama", .context = 2048},
    Defaults{.model_type = "mistral", .kv_heads = 8, .context = 131072, .window = 4096},
    Defaults{.model_type = "phi3", .context = 4096, .epsilon = 1e-5},
    Defaults{.model_type = "qwen2",
             .kv_heads = 32,
             .context = 32768,
             .window = 4096,
             .window_is_asked_for = true},
    Defaults{.model_type = "qwen3",
             .kv_heads = 32,
             .head = 128,
             .context = 32768,
             .window = 4096,
             .window_is_asked_for = true},
    Defaults{.model_type = "smollm3",
             .kv_heads = 4,
             .context = 32768,
             .rope_base = 2e6,
             .tied = true,
             .window_is_asked_for = true},
};

// Names of settings that GPT-2 had first.
struct Keys {
  std::string_view layers = "num_hidden_layers", width = "hidden_size",
                   heads = "num_attention_heads", context = "max_position_embeddings",
                   epsilon = "rms_norm_eps", feed_forward = "intermediate_size",
                   activation = "hidden_act";
};
constexpr Keys kGpt2Keys{.layers = "n_layer",
                         .width = "n_embd",
                         .heads = "n_head",
                         .context = "n_positions",
                         .epsilon = "layer_norm_epsilon",
                         .feed_forward = "n_inner",
                         .activation = "activation_function"};

Error unsupported(std::string what) { return fail(ErrorId::unsupported_feature, std::move(what)); }

class Reader {
 public:
  Reader(const Config& config, const Decoder& decoder, std::string_view model_type)
      : in_(config), decoder_(decoder), type_(model_type) {
    for (const Defaults& d : kDefaults)
      if (d.model_type == model_type) defaults_ = d;
    if (model_type == "gpt2") keys_ = kGpt2Keys;
  }

  Result<DecoderSettings> read() {
    c_.decoder = &decoder_;
    c_.norm_offset = decoder_.hf_norm_offset;
    c_.transposed = decoder_.hf_transposed;
    TRY(refuse_others());
    TRY(read_sizes());
    TRY(read_numbers());
    TRY(read_rope());
    TRY(read_windows());
    DecoderSettings out;
    out.tied = TRY(in_.flag_or("tie_word_embeddings", defaults_.tied));
    out.config = std::move(c_);
    return out;
  }

 private:
  Status refuse_others() {
    if (in_.has("quantization_config")) {
      Error error = unsupported("the weights are quantized, as 'quantization_config' has it");
      error.hint = "give the model that this was made from, or a GGUF file";
      return error;
    }
    if (TRY(in_.flag_or("use_bidirectional_attention", false)))
      return unsupported("attention to tokens that follow ('use_bidirectional_attention')");
    if (TRY(in_.flag_or("scale_attn_by_inverse_layer_idx", false)))
      return unsupported("'scale_attn_by_inverse_layer_idx'");
    if (!TRY(in_.flag_or("scale_attn_weights", true)))
      return unsupported("scores without a scale ('scale_attn_weights')");
    return check_activation();
  }

  Status check_activation() {
    const bool silu = decoder_.gate == arch::Gate::silu;
    // Gemma has two keys for it; the second is the one that counts.
    const std::string usual = silu ? "silu" : "gelu_pytorch_tanh";
    std::string name = TRY(in_.text_or(keys_.activation, usual));
    if (type_.starts_with("gemma")) name = TRY(in_.text_or("hidden_activation", usual));
    // All of these are the approximation by tanh.
    const bool known =
        silu ? name == "silu" || name == "swish"
             : name == "gelu_pytorch_tanh" || name == "gelu_new" || name == "gelu_fast";
    return known ? ok()
                 : Status(unsupported("the activation '" + printable(name) + "' in " +
                                      std::string(type_)));
  }

  Status read_sizes() {
    c_.layers = TRY(in_.integer(keys_.layers));
    if (c_.layers < 1 || c_.layers > 4096)
      return fail(ErrorId::bad_data,
                  "the number of layers is " + std::to_string(c_.layers) + ", expected 1 to 4096");
    c_.width = TRY(in_.integer(keys_.width));
    c_.context = TRY(in_.integer_or(keys_.context, defaults_.context));
    const int64_t heads = defaults_.heads > 0 ? TRY(in_.integer_or(keys_.heads, defaults_.heads))
                                              : TRY(in_.integer(keys_.heads));
    const int64_t kv_heads = TRY(
        in_.integer_or("num_key_value_heads", defaults_.kv_heads > 0 ? defaults_.kv_heads : heads));
    // GPT-2 may leave it out.
    const bool given = type_ != "gpt2" || in_.has(keys_.feed_forward);
    const int64_t size = given ? TRY(in_.integer(keys_.feed_forward)) : 4 * (c_.width % (1 << 24));
    const int64_t shared = heads > 0 ? c_.width / heads : 0;
    c_.head = TRY(in_.integer_or("head_dim", defaults_.head > 0 ? defaults_.head : shared));
    const auto layers = size_t(c_.layers);
    c_.heads.assign(layers, heads);
    c_.kv_heads.assign(layers, kv_heads);
    c_.feed_forward.assign(layers, size);
    return ok();
  }

  Status read_numbers() {
    c_.epsilon = TRY(in_.real_or(keys_.epsilon, defaults_.epsilon));
    c_.attention_cap = TRY(in_.real_or("attn_logit_softcapping", defaults_.attention_cap));
    c_.logit_cap = TRY(in_.real_or("final_logit_softcapping", defaults_.logit_cap));
    if (!type_.starts_with("gemma")) c_.attention_cap = c_.logit_cap = 0;
    // A cap of null is none, which is not the same as one that is not given.
    if (is_null("attn_logit_softcapping")) c_.attention_cap = 0;
    if (is_null("final_logit_softcapping")) c_.logit_cap = 0;
    if (defaults_.query_scalar <= 0) return ok();
    const double scalar = TRY(in_.real_or("query_pre_attn_scalar", defaults_.query_scalar));
    if (!(scalar > 0) || !std::isfinite(scalar))
      return fail(ErrorId::bad_data, "'query_pre_attn_scalar' must be a positive number");
    c_.query_scale = 1 / std::sqrt(scalar);
    return ok();
  }

  bool is_null(std::string_view key) const { return in_.is_given(key) && !in_.has(key); }

  Status read_rope() {
    c_.rope = decoder_.hf_rope;
    if (c_.rope == arch::Rope::none) return ok();
    c_.rope_base = defaults_.rope_base;
    c_.local_rope_base = TRY(in_.real_or("rope_local_base_freq", decoder_.local_rope_base));
    TRY(hf::read_rope(in_, type_, c_));
    // 1: with the rope, 0: without.
    const auto flags = TRY(in_.integers("no_rope_layers"));
    const int64_t period = TRY(in_.integer_or("no_rope_layer_interval", decoder_.no_rope_period));
    if (decoder_.no_rope_period == 0) return ok();
    if (!flags.empty()) {
      for (const int64_t flag : flags) c_.ropes.push_back(flag != 0);
      return ok();
    }
    if (period < 1) return fail(ErrorId::bad_data, "'no_rope_layer_interval' must be at least 1");
    for (int64_t i = 0; i < c_.layers; ++i) c_.ropes.push_back((i + 1) % period != 0);
    return ok();
  }

  Status read_windows() {
    const bool may = decoder_.windowed || defaults_.window_is_asked_for;
    if (!may || type_ == "llama") return ok();
    if (is_null("sliding_window")) return ok();
    if (defaults_.window_is_asked_for && !TRY(in_.flag_or("use_sliding_window", false)))
      return ok();
    c_.window = TRY(in_.integer_or("sliding_window", defaults_.window));
    if (c_.window < 0 || c_.window > int64_t{1} << 32)
      return fail(ErrorId::bad_data, "'sliding_window' is " + std::to_string(c_.window));
    return which_windows();
  }

  Status which_windows() {
    const auto types = TRY(in_.texts("layer_types"));
    for (const std::string& type : types) {
      if (type != "sliding_attention" && type != "full_attention")
        return unsupported("layers of type '" + printable(type) + "'");
      c_.windows.push_back(type == "sliding_attention");
    }
    if (!types.empty()) return ok();
    const bool alternate = decoder_.window_period > 0;
    const int64_t period =
        alternate ? TRY(in_.integer_or("sliding_window_pattern", decoder_.window_period)) : 0;
    if (alternate && period < 1)
      return fail(ErrorId::bad_data, "'sliding_window_pattern' must be at least 1");
    // Qwen's first layers see everything.
    const int64_t first =
        type_.starts_with("qwen") ? TRY(in_.integer_or("max_window_layers", 28)) : 0;
    // SmolLM's layers with the rope see everything.
    const bool far = type_ == "smollm3";
    for (int64_t i = 0; i < c_.layers; ++i)
      c_.windows.push_back(i >= first && (!alternate || (i + 1) % period != 0) &&
                           !(far && c_.has_rope(i)));
    return ok();
  }

  const Config& in_;
  const Decoder& decoder_;
  std::string_view type_;
  Defaults defaults_;
  Keys keys_;
  DecoderConfig c_;
};

}  // namespace

Result<DecoderSettings> read_decoder_config(const Config& config, const Decoder& decoder,
                                            std::string_view model_type) {
  return Reader(config, decoder, model_type).read();
}

}  // namespace hone::hf
