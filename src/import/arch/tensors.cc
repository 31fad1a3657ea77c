#include "import/arch/tensors.h"

namespace hone::arch {
namespace {

class Lister {
 public:
  explicit Lister(const DecoderConfig& config) : c_(config), d_(*config.decoder) {}

  std::vector<NamedShape> list(bool own_output) {
    add("token_embd.weight", {c_.vocabulary, c_.width});
    if (d_.learned_positions) add("position_embd.weight", {c_.context, c_.width});
    norm("output_norm", c_.width);
    if (own_output) add("output.weight", {c_.vocabulary, c_.width});
    for (int64_t i = 0; i < c_.layers; ++i) layer(i);
    return std::move(all_);
  }

 private:
  void add(std::string name, Extents shape) { all_.push_back({std::move(name), std::move(shape)}); }
  void norm(const std::string& name, int64_t size) {
    add(name + ".weight", {size});
    if (d_.norm == Norm::layer) add(name + ".bias", {size});
  }
  void product(const std::string& name, int64_t in, int64_t out, Presence bias) {
    add(name + ".weight", {out, in});
    if (bias != Presence::none) add(name + ".bias", {out});
  }

  void layer(int64_t i) {
    const std::string in = "blk." + std::to_string(i) + '.';
    const int64_t q = c_.heads[size_t(i)] * c_.head, kv = c_.kv_heads[size_t(i)] * c_.head;
    const int64_t size = c_.feed_forward[size_t(i)];
    norm(in + "attn_norm", c_.width);
    if (d_.fused_qkv) {
      product(in + "attn_qkv", c_.width, q + 2 * kv, d_.qkv_bias);
    } else {
      product(in + "attn_q", c_.width, q, d_.qkv_bias);
      product(in + "attn_k", c_.width, kv, d_.qkv_bias);
      product(in + "attn_v", c_.width, kv, d_.qkv_bias);
    }
    if (d_.head_norm != Presence::none) norm(in + "attn_q_norm", c_.head);
    if (d_.head_norm != Presence::none) norm(in + "attn_k_norm", c_.head);
    product(in + "attn_output", q, c_.width, d_.output_bias);
    if (d_.post_norms) norm(in + "post_attention_norm", c_.width);
    norm(in + "ffn_norm", c_.width);
    if (d_.gated && !d_.fused_gate) product(in + "ffn_gate", c_.width, size, d_.ffn_bias);
    product(in + "ffn_up", c_.width, d_.fused_gate ? 2 * size : size, d_.ffn_bias);
    product(in + "ffn_down", size, c_.width, d_.ffn_bias);
    if (d_.post_norms) norm(in + "post_ffw_norm", c_.width);
  }

  const DecoderConfig& c_;
  const Decoder& d_;
  std::vector<NamedShape> all_;
};

}  // namespace

std::vector<NamedShape> tensors_of(const DecoderConfig& config, bool own_output) {
  return Lister(config).list(own_output);
}

}  // namespace hone::arch
