// Tests of quantizing GGUF files, of mixes, and of importance.
#include "compress/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <random>

#include "base/scratch_folder.h"
#include "compress/model_source.h"
#include "formats/gguf_writer.h"
#include "formats/safetensors.h"
#include "ir/builder.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/catalogue.h"

namespace hone::compress {
namespace {

std::vector<float> normal(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw(0, 0.05f);
  std::vector<float> x(n);
  for (float& v : x) v = draw(random);
  return x;
}

struct Weights {
  std::string name;
  std::vector<int64_t> extents;
  std::vector<float> values;
};

Weights weights(std::string name, std::vector<int64_t> extents) {
  size_t n = 1;
  for (const int64_t e : extents) n *= size_t(e);
  const auto seed = uint32_t(std::hash<std::string>()(name));
  return {std::move(name), std::move(extents), normal(n, seed)};
}

std::string save(const ScratchFolder& folder, const std::vector<Weights>& all,
                 const std::string& file = "in.gguf") {
  GgufMetadata metadata;
  metadata.set("general.architecture", "llama");
  metadata.set("llama.attention.head_count", uint32_t{8});
  metadata.set("llama.attention.head_count_kv", uint32_t{4});
  std::vector<GgufSource> sources;
  for (const Weights& w : all) {
    sources.push_back(
        {.name = w.name, .extents = w.extents, .type = 0, .write = [&w](const ByteSink& sink) {
           return sink(std::as_bytes(std::span(w.values)));
         }});
  }
  const auto written = write_gguf(folder / file, metadata, sources);
  EXPECT_TRUE(written) << describe(written.error());
  return folder / file;
}

// Sixteen layers of matrices with rows of 256, embeddings, norms.
std::vector<Weights> model(bool tied = false) {
  std::vector<Weights> all{weights("token_embd.weight", {8, 256}),
                           weights("output_norm.weight", {256})};
  if (!tied) all.push_back(weights("output.weight", {8, 256}));
  for (int i = 0; i < 16; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    all.push_back(weights(block + "attn_norm.weight", {256}));
    for (const char* name : {"attn_q", "attn_v", "attn_output", "ffn_down"})
      all.push_back(weights(block + name + ".weight", {4, 256}));
  }
  return all;
}

class Quantize : public ::testing::Test {
 protected:
  Result<QuantizeReport> run(const std::string& input, const QuantizeOptions& options,
                             int threads = 1) {
    ThreadPool pool(threads);
    return quantize_gguf(input, folder / "out.gguf", options, Limits(), pool);
  }
  // Name to format.
  std::map<std::string, std::string> formats(const std::string& input, QuantizeOptions options) {
    options.dry_run = true;
    const auto report = run(input, options);
    EXPECT_TRUE(report) << describe(report.error());
    std::map<std::string, std::string> out;
    if (report)
      for (const TensorReport& t : report->tensors) out[t.name] = t.to;
    return out;
  }
  static QuantizeOptions to(std::string mix) { return {.plan = {.mix = std::move(mix)}}; }

  ScratchFolder folder;
};

TEST_F(Quantize, WhatIsWrittenIsWhatIsReported) {
  const auto all = model();
  const std::string input = save(folder, all);
  const auto report = run(input, to("q4_k_m"));
  ASSERT_TRUE(report) << describe(report.error());
  Ledger ledger{Limits()};
  const auto files = GgufFiles::open(folder / "out.gguf", ledger);
  ASSERT_TRUE(files) << describe(files.error());
  EXPECT_EQ(*files->first().find("general.file_type")->as_unsigned(), 15u);
  EXPECT_EQ(*files->first().find("general.architecture")->as_string(), "llama");
  ASSERT_EQ(report->tensors.size(), all.size());
  const auto tensors = files->tensors();
  ASSERT_EQ(tensors.size(), all.size());
  const auto source = gguf_source(*files);
  ASSERT_TRUE(source);
  uint64_t bytes = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const TensorReport& r = report->tensors[i];
    SCOPED_TRACE(r.name);
    EXPECT_EQ(r.name, tensors[i].entry->name);
    EXPECT_EQ(r.to, (*source)->tensors()[i].stored);
    EXPECT_EQ(r.bytes_after, tensors[i].entry->bytes);
    bytes += r.bytes_after;
    std::vector<float> y(all[i].values.size());
    (*source)->read(i, 0, (*source)->tensors()[i].rows(), y.data());
    double squares = 0, most = 0;
    for (size_t k = 0; k < y.size(); ++k) {
      const double miss = std::fabs(double(y[k]) - all[i].values[k]);
      squares += miss * miss;
      most = std::max(most, miss);
    }
    EXPECT_NEAR(r.errors.rms, std::sqrt(squares / double(y.size())), 1e-9);
    EXPECT_EQ(r.errors.most, most);
    if (r.from == r.to) {
      EXPECT_EQ(most, 0);
    } else {
      EXPECT_GT(r.errors.cosine, 0.99);
      EXPECT_LT(r.errors.relative, 0.1);
    }
  }
  EXPECT_EQ(report->bytes_after, bytes);
}

TEST_F(Quantize, ThreadsDoNotMatter) {
  std::vector<Weights> all{weights("a.weight", {1000, 512})};
  const std::string input = save(folder, all);
  const auto one = run(input, to("q4_k_s"), 1);
  const std::string first = folder.read("out.gguf");
  const auto three = run(input, to("q4_k_s"), 3);
  ASSERT_TRUE(one && three);
  EXPECT_EQ(folder.read("out.gguf"), first);
  EXPECT_EQ(one->tensors[0].errors.rms, three->tensors[0].errors.rms);
  EXPECT_EQ(one->tensors[0].errors.cosine, three->tensors[0].errors.cosine);
}

TEST_F(Quantize, MixesGiveSomeTensorsMore) {
  const std::string input = save(folder, model());
  auto f = formats(input, to("q4_k_m"));
  EXPECT_EQ(f["output.weight"], "q6_k");
  EXPECT_EQ(f["token_embd.weight"], "q4_k");
  EXPECT_EQ(f["output_norm.weight"], "f32");
  EXPECT_EQ(f["blk.3.attn_norm.weight"], "f32");
  EXPECT_EQ(f["blk.3.attn_q.weight"], "q4_k");
  // The first and last two of 16, and every third between.
  std::string more;
  for (int i = 0; i < 16; ++i)
    more += f["blk." + std::to_string(i) + ".ffn_down.weight"] == "q6_k" ? '6' : '4';
  EXPECT_EQ(more, "6644644644644666");
  f = formats(input, to("q3_k_m"));
  EXPECT_EQ(f["blk.1.attn_v.weight"], "q5_k");
  EXPECT_EQ(f["blk.2.attn_v.weight"], "q4_k");
  EXPECT_EQ(f["blk.0.ffn_down.weight"], "q5_k");
  EXPECT_EQ(f["blk.1.ffn_down.weight"], "q4_k");
  EXPECT_EQ(f["blk.1.attn_output.weight"], "q4_k");
  EXPECT_EQ(f["blk.1.attn_q.weight"], "q3_k");
  f = formats(input, to("q8_0"));
  EXPECT_EQ(f["output.weight"], "q8_0");
  f = formats(input, to("f16"));
  EXPECT_EQ(f["output.weight"], "f16");
  EXPECT_EQ(f["output_norm.weight"], "f32");
  f = formats(save(folder, model(true), "tied.gguf"), to("q4_k_s"));
  EXPECT_EQ(f["token_embd.weight"], "q6_k");
}

TEST_F(Quantize, EveryMixIsWritten) {
  const std::string input = save(folder, model());
  for (const MixInfo& mix : all_mixes()) {
    const auto report = run(input, to(std::string(mix.name)));
    if (mix.name == "nf4") {
      EXPECT_EQ(report.error().id, ErrorId::unsupported_feature);
      continue;
    }
    ASSERT_TRUE(report) << mix.name << describe(report.error());
    Ledger ledger{Limits()};
    EXPECT_TRUE(GgufFiles::open(folder / "out.gguf", ledger)) << mix.name;
  }
}

TEST_F(Quantize, Choices) {
  const std::string input = save(folder, model());
  QuantizeOptions options = to("q4_k_m");
  options.plan.keep_output = true;
  EXPECT_EQ(formats(input, options)["output.weight"], "f32");
  options = to("q4_k_m");
  options.plan.pure = true;
  EXPECT_EQ(formats(input, options)["output.weight"], "q4_k");
  EXPECT_EQ(formats(input, options)["blk.0.attn_v.weight"], "q4_k");
  options = to("q4_k_m");
  options.plan.overrides = {*parse_override("blk.?.ffn_*=q8_0"), *parse_override("*q.weight=f16"),
                            *parse_override("output_norm*=f16")};
  auto f = formats(input, options);
  EXPECT_EQ(f["blk.9.ffn_down.weight"], "q8_0");
  EXPECT_EQ(f["blk.10.ffn_down.weight"], "q6_k");
  EXPECT_EQ(f["blk.10.attn_q.weight"], "f16");
  EXPECT_EQ(f["output_norm.weight"], "f16");
  options.plan.overrides = {*parse_override("nothing=q8_0")};
  options.dry_run = true;
  EXPECT_EQ(run(input, options).error().id, ErrorId::usage);
  EXPECT_EQ(parse_override("x").error().id, ErrorId::usage);
  EXPECT_EQ(parse_override("=q8_0").error().id, ErrorId::usage);
  EXPECT_EQ(parse_override("x=q9_0").error().id, ErrorId::usage);
  EXPECT_EQ(parse_override("x=iq1_s").error().id, ErrorId::usage);  // only read
  const auto wrong = mix_named("q4_k_n");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("q4_k_"), std::string::npos);
}

TEST_F(Quantize, RowsThatAFormatDoesNotDivide) {
  const std::string input = save(
      folder, {weights("token_embd.weight", {4, 64}), weights("output.weight", {4, 64}),
               weights("blk.0.attn_q.weight", {4, 64}), weights("blk.0.ffn_down.weight", {4, 50})});
  const auto with = [&](const char* mix) { return formats(input, to(mix)); };
  EXPECT_EQ(with("q2_k")["blk.0.attn_q.weight"], "q4_0");
  EXPECT_EQ(with("q4_k_m")["blk.0.attn_q.weight"], "q5_0");
  EXPECT_EQ(with("q5_k_m")["blk.0.attn_q.weight"], "q5_1");
  EXPECT_EQ(with("q6_k")["blk.0.attn_q.weight"], "q8_0");
  EXPECT_EQ(with("iq4_xs")["blk.0.attn_q.weight"], "iq4_nl");
  EXPECT_EQ(with("q4_k_m")["output.weight"], "q8_0");
  EXPECT_EQ(with("q4_k_m")["blk.0.ffn_down.weight"], "f16");
  QuantizeOptions options = to("q4_k_m");
  options.dry_run = true;
  const auto report = run(input, options);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->tensors[2].fallback_from, "q4_k");
  options.plan.overrides = {*parse_override("blk.0.attn_q.weight=q4_k")};
  EXPECT_EQ(run(input, options).error().id, ErrorId::bad_value);
}

TEST_F(Quantize, WhatIsInTheFormatIsCopied) {
  const std::string input = save(folder, model());
  ASSERT_TRUE(run(input, to("q4_k_s")));
  const std::string once = folder.read("out.gguf"), made = folder / "once.gguf";
  std::filesystem::rename(folder / "out.gguf", made);
  const auto again = run(made, to("q4_k_s"));
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(folder.read("out.gguf"), once);
  for (const TensorReport& t : again->tensors) EXPECT_EQ(t.from, t.to);
  // From blocks to other blocks.
  const auto other = run(made, to("q8_0"));
  ASSERT_TRUE(other) << describe(other.error());
  EXPECT_EQ(other->tensors.back().from, "q4_k");
  EXPECT_EQ(other->tensors.back().to, "q8_0");
  EXPECT_LT(other->tensors.back().errors.relative, 0.01);
}

TEST_F(Quantize, NumbersThatAreNotFiniteAreRefused) {
  for (const float odd : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    std::vector<Weights> all{weights("a.weight", {4, 256})};
    all[0].values[700] = odd;
    const auto report = run(save(folder, all), to("q4_k_m"));
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().id, ErrorId::bad_value);
    EXPECT_FALSE(std::filesystem::exists(folder / "out.gguf"));
  }
}

TEST_F(Quantize, ADryRunWritesNothing) {
  QuantizeOptions options = to("q4_k_m");
  options.dry_run = true;
  const auto report = run(save(folder, model()), options);
  ASSERT_TRUE(report);
  EXPECT_LT(report->bytes_after, report->bytes_before / 4);
  EXPECT_FALSE(std::filesystem::exists(folder / "out.gguf"));
}

TEST_F(Quantize, SplitFiles) {
  QuantizeOptions options = to("q8_0");
  options.split_bytes = 20'000;
  const std::string input = save(folder, model());
  const auto report = run(input, options);
  ASSERT_TRUE(report) << describe(report.error());
  ASSERT_GT(report->files.size(), 2u);
  // From parts, in one file.
  options.split_bytes = 0;
  ASSERT_TRUE(run(report->files[1], options));
  const std::string joined = folder.read("out.gguf");
  ASSERT_TRUE(run(input, options));
  EXPECT_EQ(folder.read("out.gguf"), joined);
}

TEST_F(Quantize, ImportanceDecides) {
  const std::vector<Weights> all{weights("blk.0.attn_q.weight", {64, 256}),
                                 weights("blk.0.attn_k.weight", {64, 256})};
  const std::string input = save(folder, all);
  Importance importance;
  auto& columns = importance.tensors["blk.0.attn_q.weight"];
  for (int i = 0; i < 256; ++i) columns.push_back(i < 32 ? 50.f : 0.1f);
  const auto error_of_important = [&](const QuantizeOptions& options) {
    EXPECT_TRUE(run(input, options));
    Ledger ledger{Limits()};
    const auto files = GgufFiles::open(folder / "out.gguf", ledger);
    const auto source = gguf_source(*files);
    std::vector<float> y(all[0].values.size());
    (*source)->read(0, 0, 64, y.data());
    double error = 0;
    for (size_t i = 0; i < y.size(); ++i)
      if (i % 256 < 32) error += std::pow(double(y[i]) - all[0].values[i], 2);
    return error;
  };
  QuantizeOptions options = to("q3_k_s");
  const double plain = error_of_important(options);
  options.importance = &importance;
  EXPECT_LT(error_of_important(options), plain * 0.98);
  const auto report = run(input, options);
  EXPECT_TRUE(report->tensors[0].weighted);
  EXPECT_FALSE(report->tensors[1].weighted);
  columns.pop_back();
  EXPECT_EQ(run(input, options).error().id, ErrorId::shape_mismatch);
}

// --- models -------------------------------------------------------------------------------------

TEST(QuantizeModel, ConstantsAreInBlocks) {
  Model m;
  Builder builder(m, m.add_graph("main"), standard_catalogue());
  const ValueId x = builder.graph().add_input("x", Type(DType::f32, {64, 4}));
  Tensor w = *Tensor::make(DType::f32, {4, 64});
  const std::vector<float> numbers = normal(256, 5);
  std::ranges::copy(numbers, w.as<float>().begin());
  Tensor bias = *Tensor::make(DType::f32, {4, 4});
  std::ranges::fill(bias.as<float>(), 0.5f);
  const ConstantId weight = m.add_constant("w.weight", w), other = m.add_constant("bias", bias);
  const auto product = builder.emit1("matmul", {builder.constant(weight), x});
  ASSERT_TRUE(product.ok());
  const auto y = builder.emit1("add", {*product, builder.constant(other)});
  ASSERT_TRUE(y.ok());
  builder.graph().add_output("y", *y);

  ThreadPool pool(2);
  QuantizeOptions options;
  options.plan.mix = "nf4";
  const auto report = quantize_model(m, options, Limits(), pool);
  ASSERT_TRUE(report) << describe(report.error());
  ASSERT_EQ(report->tensors.size(), 2u);
  EXPECT_EQ(report->tensors[0].to, "nf4");
  EXPECT_EQ(report->tensors[1].to, "f32");
  EXPECT_LT(report->tensors[0].errors.relative, 0.1);
  EXPECT_EQ(m.constants[weight.index].type.str(), "f32[4,64] blocks(nf4)");
  EXPECT_TRUE(verify(m, standard_catalogue(), Phase::import).ok());
  const auto read = m.read(weight);
  ASSERT_TRUE(read);
  double squares = 0;
  for (size_t i = 0; i < 256; ++i)
    squares += std::pow(double(read->as<float>()[i]) - numbers[i], 2);
  EXPECT_NEAR(report->tensors[0].errors.rms, std::sqrt(squares / 256), 1e-9);
  // The text of the model says so, and reads back.
  const std::string text = print(m);
  EXPECT_NE(text.find("blocks(nf4)"), std::string::npos);
  const auto again = parse_model_text(text, standard_catalogue(), {});
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(print(*again), text);
  Limits small;
  small.runtime_memory = 10;
  EXPECT_EQ(quantize_model(m, options, small, pool).error().id, ErrorId::over_memory);
}

// --- importance ---------------------------------------------------------------------------------

TEST(ImportanceFile, RoundTrip) {
  const ScratchFolder folder;
  ImportanceSums sums;
  const float a[] = {1, 2, 3, 4};
  sums.add("w", a, 2, 2);
  sums.add("w", a, 1, 2);
  sums.add("experts", a, 1, 2, 1, 3);
  const Importance importance = sums.means(42);
  EXPECT_EQ(*importance.find("w"), (std::vector<float>{11.f / 3, 8}));
  EXPECT_EQ(*importance.find("experts"), (std::vector<float>{2.5f, 2.5f, 1, 4, 2.5f, 2.5f}));
  ASSERT_TRUE(write_importance(folder / "i.safetensors", importance));
  const auto back = read_importance(folder / "i.safetensors", Limits());
  ASSERT_TRUE(back) << describe(back.error());
  EXPECT_EQ(back->tensors, importance.tensors);
  EXPECT_EQ(back->tokens, 42u);
  EXPECT_EQ(back->find("none"), nullptr);
}

TEST(ImportanceFile, IsToldFromText) {
  const auto is = [](std::string_view text) {
    return is_importance(std::as_bytes(std::span(text)));
  };
  EXPECT_TRUE(is("GGUF\3 and more"));
  EXPECT_TRUE(is(std::string_view("\2\0\0\0\0\0\0\0{}", 10)));
  EXPECT_FALSE(is(std::string_view("\3\0\0\0\0\0\0\0{}", 10)));  // longer than the file
  for (const char* text : {"", "{", "Once upon a time", "{\"a\": 1, \"b\": {}}", "GG"})
    EXPECT_FALSE(is(text)) << text;
}

TEST(ImportanceFile, OtherFilesAreRefused) {
  const ScratchFolder folder;
  const float bad[] = {1, -1}, good[] = {1, 2};
  const auto refused = [&](std::span<const float> data, std::map<std::string, std::string> meta) {
    EXPECT_TRUE(write_safetensors(
        folder / "x.safetensors",
        std::vector<SafetensorsSource>{
            {.name = "w", .dtype = "F32", .shape = {2}, .size = 8, .data = std::as_bytes(data)}},
        meta));
    const auto read = read_importance(folder / "x.safetensors", Limits());
    return read ? ErrorId::internal : read.error().id;
  };
  EXPECT_EQ(refused(good, {{"hone.importance", "1"}}), ErrorId::internal);
  EXPECT_EQ(refused(good, {}), ErrorId::malformed);
  EXPECT_EQ(refused(good, {{"hone.importance", "2"}}), ErrorId::malformed);
  EXPECT_EQ(refused(bad, {{"hone.importance", "1"}}), ErrorId::bad_value);
}

TEST(ImportanceFile, MatricesOfLlama) {
  const ScratchFolder folder;
  const auto write = [&](const char* type, std::vector<float> counts) {
    GgufMetadata metadata;
    metadata.set("general.type", type);
    const auto tensor = [](std::string name, std::vector<int64_t> extents,
                           std::vector<float> data) -> GgufSource {
      return {
          .name = std::move(name),
          .extents = std::move(extents),
          .type = 0,
          .write = [data](const ByteSink& sink) { return sink(std::as_bytes(std::span(data))); }};
    };
    const auto n = int64_t(counts.size());
    EXPECT_TRUE(write_gguf(folder / "i.gguf", metadata,
                           std::vector{tensor("w.in_sum2", {2, 2}, {2, 4, 9, 12}),
                                       tensor("w.counts", {n, 1}, std::move(counts))}));
    return read_importance(folder / "i.gguf", Limits());
  };
  const auto read = write("imatrix", {2, 3});
  ASSERT_TRUE(read) << describe(read.error());
  EXPECT_EQ(*read->find("w"), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(write("imatrix", {2, 3, 4}).error().id, ErrorId::malformed);
  EXPECT_EQ(write("model", {2, 3}).error().id, ErrorId::malformed);
}

}  // namespace
}  // namespace hone::compress
