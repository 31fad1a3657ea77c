// GPT-2: layer norms with biases, learned positions, a feed-forward without gate.
#include "import/arch/hf_names.h"

namespace hone::arch {
namespace {

constexpr TensorName kNames[] = {
    {"token_embd.weight", "wte.weight"},
    {"position_embd.weight", "wpe.weight"},
    {"output_norm.weight", "ln_f.weight"},
    {"output_norm.bias", "ln_f.bias"},
    {"output.weight", "lm_head.weight"},
    {"blk.{}.attn_norm.weight", "h.{}.ln_1.weight"},
    {"blk.{}.attn_norm.bias", "h.{}.ln_1.bias"},
    {"blk.{}.attn_qkv.weight", "h.{}.attn.c_attn.weight"},
    {"blk.{}.attn_qkv.bias", "h.{}.attn.c_attn.bias"},
    {"blk.{}.attn_output.weight", "h.{}.attn.c_proj.weight"},
    {"blk.{}.attn_output.bias", "h.{}.attn.c_proj.bias"},
    {"blk.{}.ffn_norm.weight", "h.{}.ln_2.weight"},
    {"blk.{}.ffn_norm.bias", "h.{}.ln_2.bias"},
    {"blk.{}.ffn_up.weight", "h.{}.mlp.c_fc.weight"},
    {"blk.{}.ffn_up.bias", "h.{}.mlp.c_fc.bias"},
    {"blk.{}.ffn_down.weight", "h.{}.mlp.c_proj.weight"},
    {"blk.{}.ffn_down.bias", "h.{}.mlp.c_proj.bias"},
};

}  // namespace

const Decoder& gpt2_decoder() {
  static constexpr Decoder kDecoder{
      .name = "gpt2",
      .hf_types = "gpt2",
      .doc = "GPT-2 (Radford et al. 2019)",
      .norm = Norm::layer,
      .rope = Rope::none,
      .hf_rope = Rope::none,
      .learned_positions = true,
      .qkv_bias = Presence::required,
      .output_bias = Presence::required,
      .ffn_bias = Presence::required,
      .fused_qkv = true,
      .gated = false,
      .gate = Gate::gelu,
      .hf_transposed = true,
      .hf_names = kNames,
  };
  return kDecoder;
}

}  // namespace hone::arch
