// Phi 3 and 4 mini: one product for queries, keys and values, one for both parts of feed-forward.
#include "import/arch/hf_names.h"

namespace hone::arch {
namespace {

constexpr TensorName kNames[] = {
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
    {"blk.{}.attn_norm.weight", "model.layers.{}.input_layernorm.weight"},
    {"blk.{}.attn_qkv.weight", "model.layers.{}.self_attn.qkv_proj.weight"},
    {"blk.{}.attn_output.weight", "model.layers.{}.self_attn.o_proj.weight"},
    {"blk.{}.ffn_norm.weight", "model.layers.{}.post_attention_layernorm.weight"},
    {"blk.{}.ffn_up.weight", "model.layers.{}.mlp.gate_up_proj.weight"},
    {"blk.{}.ffn_down.weight", "model.layers.{}.mlp.down_proj.weight"},
};

}  // namespace

const Decoder& phi3_decoder() {
  static constexpr Decoder kDecoder{
      .name = "phi3",
      .hf_types = "phi3",
      .doc = "Phi 3 and Phi 4 mini (Abdin et al. 2024)",
      .rope = Rope::halves,
      .fused_qkv = true,
      .fused_gate = true,
      .windowed = true,
      .hf_names = kNames,
  };
  return kDecoder;
}

}  // namespace hone::arch
