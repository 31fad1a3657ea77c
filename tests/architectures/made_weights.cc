#include "made_weights.h"

#include <cmath>
#include <filesystem>
#include <functional>

#include "backends/backends.h"
#include "base/thread_pool.h"
#include "formats/safetensors.h"
#include "import/arch/tensors.h"
#include "import/hf/names.h"
#include "ir/small_float.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/session.h"
#include "support/data.h"

namespace hone::testing {

using arch::Decoder;
using arch::DecoderConfig;
using arch::Presence;

void add_tensor(MadeTensors& tensors, const std::string& name, const Extents& shape) {
  MadeTensor& t = tensors[name];
  t.shape = shape;
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  Random random(std::hash<std::string>()(name));
  const bool is_norm = name.find("norm.weight") != std::string::npos;
  // Eighths are exact in every dtype.
  for (int64_t i = 0; i < count; ++i)
    t.elements.push_back(float(random.between(-4, 4)) / 8.0F + (is_norm ? 1.0F : 0.0F));
}

DecoderConfig made_config(const Decoder& decoder) {
  DecoderConfig c;
  c.decoder = &decoder;
  c.layers = decoder.window_period > 2 ? decoder.window_period + 1
                                       : std::max<int64_t>(2, decoder.no_rope_period);
  c.width = 32, c.head = 16, c.vocabulary = 40, c.context = 128;
  const auto layers = size_t(c.layers);
  // Products for all three in one, of which GPT-2's are of one size.
  const bool grouped = decoder.rope != arch::Rope::none;
  c.heads.assign(layers, grouped ? 4 : 2);
  c.kv_heads.assign(layers, 2);
  c.feed_forward.assign(layers, 48);
  c.rope = decoder.rope;
  c.rotated = grouped ? c.head : 0;
  if (decoder.windowed) c.window = 5;
  if (decoder.post_norms) c.attention_cap = 4, c.logit_cap = 3, c.query_scale = 0.5;
  if (decoder.local_rope_base > 0) c.attention_cap = c.logit_cap = 0;
  return c;
}

namespace {

MadeTensor transposed(const MadeTensor& t) {
  MadeTensor out{{t.shape[1], t.shape[0]}, {}};
  for (int64_t j = 0; j < t.shape[1]; ++j)
    for (int64_t i = 0; i < t.shape[0]; ++i)
      out.elements.push_back(t.elements[size_t(i * t.shape[1] + j)]);
  return out;
}

}  // namespace

MadeTensors decoder_tensors(const DecoderConfig& config) {
  MadeTensors made;
  for (const arch::NamedShape& t : arch::tensors_of(config, true))
    add_tensor(made, t.name, t.shape);
  return made;
}

MadeTensors checkpoint_of(const MadeTensors& tensors, const Decoder& decoder) {
  const hf::Names names(decoder.hf_names);
  MadeTensors out;
  for (const auto& [name, tensor] : tensors) {
    const bool in_layer = name.starts_with("blk.");
    MadeTensor& to = out[names.theirs(name)];
    to =
        decoder.hf_transposed && in_layer && tensor.shape.size() == 2 ? transposed(tensor) : tensor;
    if (name.find("norm.weight") != std::string::npos)
      for (float& x : to.elements) x -= float(decoder.hf_norm_offset);
  }
  return out;
}

std::string config_json(const DecoderConfig& c, std::string_view model_type) {
  const auto text = [](int64_t n) { return std::to_string(n); };
  std::string out = "{\"model_type\": \"" + std::string(model_type) + "\", ";
  if (model_type == "gpt2")
    return out + "\"n_layer\": " + text(c.layers) + ", \"n_embd\": " + text(c.width) +
           ", \"n_head\": " + text(c.heads[0]) + ", \"n_positions\": " + text(c.context) +
           ", \"n_inner\": " + text(c.feed_forward[0]) + ", \"tie_word_embeddings\": false}";
  out += "\"num_hidden_layers\": " + text(c.layers) + ", \"hidden_size\": " + text(c.width) +
         ", \"num_attention_heads\": " + text(c.heads[0]) +
         ", \"num_key_value_heads\": " + text(c.kv_heads[0]) + ", \"head_dim\": " + text(c.head) +
         ", \"intermediate_size\": " + text(c.feed_forward[0]) +
         ", \"max_position_embeddings\": " + text(c.context) +
         ", \"rms_norm_eps\": 1e-5, \"tie_word_embeddings\": false, \"rope_theta\": 10000.0";
  out += ", \"sliding_window\": " + (c.window > 0 ? text(c.window) : "null");
  if (c.query_scale > 0) out += ", \"query_pre_attn_scalar\": 4";
  if (c.attention_cap > 0)
    out += ", \"attn_logit_softcapping\": 4.0, \"final_logit_softcapping\": 3.0";
  return out + "}";
}

arch::Weights weights_of(const MadeTensors& tensors, Model& model) {
  arch::Weights weights;
  for (const auto& [name, made] : tensors) {
    Constant constant;
    constant.name = name;
    constant.type = TensorType{DType::f32, Shape::of(made.shape), {}};
    const auto bytes = std::as_bytes(std::span(made.elements));
    constant.data = Constant::Span{uint32_t(model.sources.size()), 0, bytes.size()};
    model.sources.push_back(DataSource::in_memory({bytes.begin(), bytes.end()}));
    EXPECT_TRUE(weights.add(name, std::move(constant)).ok());
  }
  return weights;
}

Status write_weights(const std::string& path, const MadeTensors& tensors,
                     const std::string& dtype) {
  std::vector<std::vector<std::byte>> stored;
  std::vector<SafetensorsSource> sources;
  for (const auto& [name, made] : tensors) {
    std::vector<std::byte>& bytes = stored.emplace_back();
    for (const float x : made.elements) {
      if (dtype == "F32") {
        const auto element = std::as_bytes(std::span(&x, 1));
        bytes.insert(bytes.end(), element.begin(), element.end());
        continue;
      }
      const auto half =
          uint16_t(encode_small_float(dtype == "F16" ? DType::f16 : DType::bf16, double(x), false));
      const auto element = std::as_bytes(std::span(&half, 1));
      bytes.insert(bytes.end(), element.begin(), element.end());
    }
  }
  size_t i = 0;
  for (const auto& [name, made] : tensors) {
    sources.push_back({name, dtype, made.shape, stored[i].size(), stored[i]});
    ++i;
  }
  return write_safetensors(path, sources, {});
}

std::string write_folder(const ScratchFolder& folder, const std::string& name,
                         const std::string& config, const MadeTensors& tensors,
                         const std::string& dtype) {
  std::filesystem::create_directories(folder / name);
  folder.write(name + "/config.json", config);
  const auto written = write_weights(folder / (name + "/model.safetensors"), tensors, dtype);
  EXPECT_TRUE(written.ok()) << describe(written.error());
  return folder / name;
}

Result<std::vector<Datum>> run_on(std::string_view backends, const Model& model,
                                  const std::vector<Datum>& inputs, int64_t pages) {
  auto chosen = TRY(backends_for(backends));
  auto lowered = std::make_shared<Model>(model);
  TRY(run_pipeline(*lowered, "clean", standard_catalogue(), Limits()));
  if (const std::string lowering = chosen[0]->lowering(); !lowering.empty())
    TRY(run_pipeline(*lowered, lowering, standard_catalogue(), Limits()));
  TRY(verify(*lowered, standard_catalogue(), Phase::lower));
  const auto program = TRY(Program::make(std::move(lowered), std::move(chosen), Limits()));
  ThreadPool pool(1);
  Session session(program, pool);
  if (pages > 0) TRY(session.bind({{"pages", pages}}));
  std::vector<Datum> out = TRY(session.run(inputs));
  for (Datum& datum : out) datum.tensor = datum.tensor.clone();
  return out;
}

std::vector<Datum> step_inputs(const std::vector<int64_t>& tokens) {
  std::vector<int64_t> places(tokens.size());
  for (size_t i = 0; i < places.size(); ++i) places[i] = int64_t(i);
  const auto count = int64_t(tokens.size()), pages = (count + 63) / 64;
  std::vector<int64_t> table(places.begin(), places.begin() + pages);
  const auto row = [](const std::vector<int64_t>& v) {
    return Datum(Tensor::of({int64_t(v.size())}, v));
  };
  return {row(tokens),     row(places),  row(places),
          row({0, count}), row({count}), Datum(Tensor::of({1, pages}, table)),
          row(places)};
}

std::vector<Datum> expect_same_everywhere(const Model& model, const std::vector<Datum>& inputs,
                                          int64_t pages) {
  const auto sound = verify(model, standard_catalogue(), Phase::import);
  EXPECT_TRUE(sound.ok()) << describe(sound.error());
  const auto expected = run_on("reference", model, inputs, pages);
  EXPECT_TRUE(expected.ok()) << describe(expected.error());
  const auto usual = run_on("auto", model, inputs, pages);
  EXPECT_TRUE(usual.ok()) << describe(usual.error());
  if (!expected || !usual) return {};
  EXPECT_EQ(difference(*usual, *expected, 2e-3, 2e-3), "");
  for (const Datum& datum : *expected) {
    double most = 0;
    for (int64_t i = 0; i < datum.tensor.count(); ++i) {
      EXPECT_TRUE(std::isfinite(load_real(datum.tensor, i)));
      most = std::max(most, std::abs(load_real(datum.tensor, i)));
    }
    EXPECT_GT(most, 1e-3);
  }
  return *expected;
}

}  // namespace hone::testing
