#include "tiny_model.h"

#include <cmath>
#include <random>
#include <span>
#include <vector>

#include "formats/gguf_writer.h"
#include "ir/blocks/block_format.h"
#include "kernels/block_codecs/block_encoders.h"

namespace hone::test {
namespace {

constexpr int32_t kF32 = 0;

class TinyWriter {
 public:
  TinyWriter(std::string_view format, const TinyShape& shape) : format_(format), shape_(shape) {}

  Status write(const std::string& path) {
    const TinyShape& s = shape_;
    GgufMetadata metadata;
    const auto number = [&](const char* key, int64_t value) {
      metadata.set("llama." + std::string(key), uint32_t(value));
    };
    metadata.set("general.architecture", "llama");
    number("context_length", 2048);
    number("embedding_length", s.width);
    number("block_count", s.layers);
    number("feed_forward_length", s.feed_forward);
    number("attention.head_count", s.heads);
    number("attention.head_count_kv", s.kv_heads);
    number("attention.key_length", s.head);
    number("attention.value_length", s.head);
    metadata.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    matrix("token_embd", s.vocabulary, s.width);
    for (int64_t i = 0; i < s.layers; ++i) layer("blk." + std::to_string(i) + '.');
    norm("output_norm");
    TRY(write_gguf(path, metadata, sources_));
    return ok();
  }

 private:
  void layer(const std::string& prefix) {
    const TinyShape& s = shape_;
    norm(prefix + "attn_norm");
    matrix(prefix + "attn_q", s.heads * s.head, s.width);
    matrix(prefix + "attn_k", s.kv_heads * s.head, s.width);
    matrix(prefix + "attn_v", s.kv_heads * s.head, s.width);
    matrix(prefix + "attn_output", s.width, s.heads * s.head);
    norm(prefix + "ffn_norm");
    matrix(prefix + "ffn_gate", s.feed_forward, s.width);
    matrix(prefix + "ffn_up", s.feed_forward, s.width);
    matrix(prefix + "ffn_down", s.width, s.feed_forward);
  }

  std::vector<float> numbers(int64_t count, float middle, float spread) {
    std::normal_distribution<float> next(middle, spread);
    std::vector<float> out(static_cast<size_t>(count));
    for (float& x : out) x = next(random_);
    return out;
  }

  void add(const std::string& name, std::vector<int64_t> extents, int32_t type,
           std::vector<std::byte> bytes) {
    sources_.push_back({name + ".weight", std::move(extents), type,
                        [bytes = std::move(bytes)](const ByteSink& sink) { return sink(bytes); }});
  }

  void norm(const std::string& name) {
    const std::vector<float> x = numbers(shape_.width, 1, 0.1f);
    const auto bytes = std::as_bytes(std::span(x));
    add(name, {shape_.width}, kF32, {bytes.begin(), bytes.end()});
  }

  void matrix(const std::string& name, int64_t rows, int64_t columns) {
    const std::vector<float> x =
        numbers(rows * columns, 0, 1.5f / std::sqrt(static_cast<float>(columns)));
    const auto dense = std::as_bytes(std::span(x));
    if (format_ == "f32") return add(name, {rows, columns}, kF32, {dense.begin(), dense.end()});
    const BlockFormat& format = *block_format(format_);
    const int64_t blocks = rows * columns / format.elements;
    std::vector<std::byte> bytes(static_cast<size_t>(blocks * format.bytes));
    kernels::block_encoder(format_)->encode(x.data(), nullptr, blocks, bytes.data());
    add(name, {rows, columns}, format.ggml_type, std::move(bytes));
  }

  std::string format_;
  TinyShape shape_;
  std::mt19937 random_{11};
  std::vector<GgufSource> sources_;
};

}  // namespace

Status write_tiny_llama(const std::string& path, std::string_view format, const TinyShape& shape) {
  return TinyWriter(format, shape).write(path);
}

}  // namespace hone::test
