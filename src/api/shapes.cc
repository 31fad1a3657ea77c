#include "api/shapes.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>
#include <map>

#include "base/hash.h"
#include "base/pages.h"
#include "base/text.h"
#include "import/arch/build_decoder.h"
#include "import/arch/tensors.h"
#include "import/gguf/settings.h"
#include "kernels/block_codecs/block_encoders.h"
#include "kernels/conversions/conversions.h"
#include "ops/catalogue.h"
#include "text/tokenizer/bytes.h"
#include "text/tokenizer/stored.h"
#include "text/tokenizer/write_gguf.h"

namespace hone {
namespace {

constexpr std::string_view kUsualFormat = "q4_0";
constexpr std::string_view kSynthetic = "synthetic weights in ";
constexpr std::string_view kDescriptionKey = "general.description";  // of GGUF files

constexpr std::array kShapes{
#define SHAPE(name, decoder, ...) ModelShape{name, #decoder, __VA_ARGS__},
#include "api/shapes.def"
#undef SHAPE
};

arch::DecoderConfig config_of(const ModelShape& s) {
  arch::DecoderConfig c;
  c.decoder = arch::decoder_named(s.decoder);
  c.layers = s.layers, c.width = s.width, c.head = s.head;
  c.vocabulary = s.vocabulary, c.context = s.context;
  c.heads.assign(size_t(s.layers), s.heads);
  c.kv_heads.assign(size_t(s.layers), s.kv_heads);
  c.feed_forward.assign(size_t(s.layers), s.feed_forward);
  c.rope = c.decoder->rope;
  c.rotated = c.rope == arch::Rope::none ? 0 : s.head;
  if (s.rope_base > 0) c.rope_base = s.rope_base;
  c.window = s.window;
  if (s.decoder == "gemma2") c.attention_cap = 50, c.logit_cap = 30;
  return c;
}

// Deterministic numbers of about a normal distribution: the sum of four uniform ones.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed) {}
  float next(float deviation) {
    state_ = mix64(state_ + 0x9e3779b97f4a7c15);
    float sum = -2;
    for (int i = 0; i < 4; ++i) sum += float(state_ >> (16 * i) & 0xffff) / 65536;
    return sum * deviation * 1.7320508F;
  }
  uint64_t below(uint64_t n) { return (state_ = mix64(state_ + 1)) % n; }

 private:
  uint64_t state_;
};

// The bytes of weights. A few blocks are encoded for each length of rows; tensors are put together
// from runs of them at random places, which costs hardly more than writing them.
class Weights {
 public:
  Weights(Model& model, std::string format) : model_(model), format_(std::move(format)) {}

  Result<Constant> make(const arch::NamedShape& t) {
    Constant constant;
    constant.name = t.name;
    constant.type = {DType::f32, Shape::of(t.shape), {}};
    const int64_t columns = t.shape.back(), rows = t.shape.size() == 2 ? t.shape[0] : 1;
    const bool matrix = t.shape.size() == 2 && t.name != "position_embd.weight";
    const BlockFormat* format = matrix ? format_for(columns) : nullptr;
    if (format) constant.type.encoding = Encoding::of_blocks(*format);
    const uint64_t size = format ? uint64_t(rows * columns / format->elements * format->bytes)
                                 : uint64_t(rows * columns) * sizeof(float);
    auto memory = zeroed_memory(size);
    if (!memory) return fail(ErrorId::over_memory, "the system gave no more memory for weights");
    if (matrix) {
      fill(*pool_for(columns, format), format ? size_t(format->bytes) : sizeof(float),
           {memory.get(), size}, Numbers(mix64(model_.sources.size())));
    } else if (t.name.ends_with("norm.weight")) {
      auto* x = reinterpret_cast<float*>(memory.get());
      std::fill(x, x + rows * columns, 1.0F);
    }
    constant.data = Constant::Span{uint32_t(model_.sources.size()), 0, size};
    model_.sources.push_back({"", nullptr, std::move(memory), size});
    return constant;
  }

 private:
  static constexpr int64_t kPool = 1 << 16;  // elements
  static constexpr size_t kRun = 64;         // blocks

  const BlockFormat* format_for(int64_t columns) const {
    if (format_ == "f32") return nullptr;
    for (const std::string_view name : {std::string_view(format_), std::string_view("q8_0")})
      if (const BlockFormat* f = block_format(name); columns % f->elements == 0) return f;
    return block_format("f16");
  }

  const std::vector<std::byte>* pool_for(int64_t columns, const BlockFormat* format) {
    const auto [at, fresh] = pools_.try_emplace(columns);
    std::vector<std::byte>& pool = at->second;
    if (!fresh) return &pool;
    Numbers numbers{uint64_t(columns)};
    std::vector<float> x(kPool);
    for (float& value : x) value = numbers.next(1 / std::sqrt(float(columns)));
    if (format == nullptr) {
      pool.resize(kPool * sizeof(float));
      std::memcpy(pool.data(), x.data(), pool.size());
      return &pool;
    }
    const int64_t blocks = kPool / format->elements;
    pool.resize(size_t(blocks * format->bytes));
    encode(*format, x, pool);
    return &pool;
  }

  static void encode(const BlockFormat& format, const std::vector<float>& x,
                     std::vector<std::byte>& out) {
    const auto& conversions = kernels::conversion_kernels();
    const auto count = int64_t(x.size());
    if (const auto* encoder = kernels::block_encoder(format.name))
      encoder->encode(x.data(), nullptr, count / format.elements, out.data());
    else if (format.name == "f16")
      conversions.f32_to_f16(x.data(), reinterpret_cast<uint16_t*>(out.data()), count);
    else
      conversions.f32_to_bf16(x.data(), reinterpret_cast<uint16_t*>(out.data()), count);
  }

  static void fill(const std::vector<std::byte>& pool, size_t block, std::span<std::byte> out,
                   Numbers numbers) {
    const size_t blocks = pool.size() / block, run = std::min(kRun, blocks);
    while (!out.empty()) {
      const size_t at = numbers.below(blocks - run + 1), n = std::min(run * block, out.size());
      std::memcpy(out.data(), pool.data() + at * block, n);
      out = out.subspan(n);
    }
  }

  Model& model_;
  std::string format_;
  std::map<int64_t, std::vector<std::byte>> pools_;  // by columns
};

// Bytes, and tokens that no text becomes for the other ids.
class ByteTokens : public Attachment {
 public:
  explicit ByteTokens(std::string stored) : stored_(std::move(stored)) {}
  Result<std::span<const std::byte>> bytes() const override {
    return std::as_bytes(std::span(stored_));
  }

 private:
  std::string stored_;
};

bool can_make(std::string_view format) {
  return kernels::block_encoder(format) != nullptr || format == "f16" || format == "bf16";
}

Status check_format(const std::string& format) {
  if (format == "f32" || (block_format(format) && can_make(format))) return ok();
  std::string names = "f32";
  for (const BlockFormat& f : all_block_formats())
    if (can_make(f.name)) names += ", " + std::string(f.name);
  Error error =
      fail(ErrorId::usage, "weights cannot be made in the format '" + printable(format) + "'");
  error.hint = "formats are " + names;
  return error;
}

}  // namespace

int64_t ModelShape::parameters() const {
  int64_t sum = 0;
  for (const arch::NamedShape& t : arch::tensors_of(config_of(*this), own_output)) {
    int64_t count = 1;
    for (const int64_t extent : t.shape) count *= extent;
    sum += count;
  }
  return sum;
}

std::span<const ModelShape> all_shapes() { return kShapes; }

std::optional<NamedShapeModel> shape_named(std::string_view name) {
  const size_t colon = std::min(name.find(':'), name.size());
  for (const ModelShape& shape : kShapes) {
    if (shape.name != name.substr(0, colon)) continue;
    return NamedShapeModel{
        &shape, std::string(colon < name.size() ? name.substr(colon + 1) : kUsualFormat)};
  }
  return std::nullopt;
}

std::string_view synthetic_weights(const Model& model) {
  for (const std::string_view key : {kWeightsKey, kDescriptionKey})
    if (const auto at = model.metadata.find(std::string(key));
        at != model.metadata.end() && at->second.starts_with(kSynthetic))
      return at->second;
  return {};
}

std::string synthetic_text(const ModelShape& shape, std::string_view format) {
  return fmt::format("{}{}: the shape of {}, not trained", kSynthetic, format, shape.doc);
}

Result<Model> shape_model(const NamedShapeModel& named, const Limits& limits,
                          const LanguageOptions& options) {
  TRY(check_format(named.format));
  const ModelShape& shape = *named.shape;
  const arch::DecoderConfig config = config_of(shape);
  Model model;
  Weights makes(model, named.format);
  arch::Weights weights;
  uint64_t bytes = 0;
  for (const arch::NamedShape& t : arch::tensors_of(config, shape.own_output)) {
    TRY(weights.add(t.name, TRY(makes.make(t))));
    bytes += model.sources.back().size;
    if (bytes > limits.runtime_memory)
      return fail(ErrorId::over_memory,
                  fmt::format("the weights of {} take more than the limit `runtime_memory` of {}",
                              shape.name, human_bytes(limits.runtime_memory)));
  }
  model.metadata["general.name"] = shape.name;
  model.metadata["context"] = std::to_string(shape.context);
  model.metadata[std::string(kWeightsKey)] = synthetic_text(shape, named.format);
  TRY(arch::build_decoder(model, standard_catalogue(), config, weights, options));
  Ledger ledger(limits);
  model.attachments[std::string(kTokenizerAttachment)] = std::make_shared<const ByteTokens>(
      stored_tokenizer(TRY(byte_tokenizer(int32_t(shape.vocabulary), ledger))));
  return model;
}

Status describe_shape(const ModelShape& shape, std::string_view format, const Limits& limits,
                      GgufMetadata& to) {
  TRY(gguf::write_config(config_of(shape), to));
  to.set("general.name", shape.name);
  to.set(kDescriptionKey, synthetic_text(shape, format));
  Ledger ledger(limits);
  const Tokenizer bytes = TRY(byte_tokenizer(int32_t(shape.vocabulary), ledger));
  std::vector<std::string> warnings;
  return write_tokenizer(bytes, shape.vocabulary, "", limits, to, warnings);
}

}  // namespace hone
