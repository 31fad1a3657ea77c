#include "import/hone/artefact.h"

#include <gtest/gtest.h>

#include "base/scratch_folder.h"
#include "formats/safetensors.h"
#include "import/importers.h"
#include "ir/text.h"
#include "ops/catalogue.h"

namespace hone::artefact {
namespace {

Status verify_file(const std::string& path) {
  return verify_mapped(TRY(MappedFile::open(path)), Limits());
}

// Constants of every element type, a reserved name, an affine encoding, strings, and an empty one.
std::string every_type() {
  std::string text = "hone 1\nphase clean\nmeta \"key\" = \"value \\\"quoted\\\"\"\n";
  for (int d = 0; d < kDTypes; ++d) {
    const auto dtype = static_cast<DType>(d);
    const std::string type(name(dtype));
    if (dtype == DType::string)
      text += "const @c_string: string[2] = {\"a\", \"b\\n\"}\n";
    else if (is_complex(dtype))
      text += "const @c_" + type + ": " + type + "[1] = {1.0, 2.0}\n";
    else
      text += "const @c_" + type + ": " + type + "[3] = {1, 0, 1}\n";
  }
  text += "const @\"__metadata__\": f32[1] = {1.5}\nconst @\"__metadata___\": f32[1] = {2.5}\n";
  text += "const @empty: f32[0,3] = {}\n";
  text += "const @scale: f32[] = {0.5}\n";
  text += "const @q: f32[3] affine(i8) = {1, -2, 3} scale @scale\n";
  return text + "graph main(x: f32[2]) -> (y) {\n  y: f32[2] = neg(x)\n}\n";
}

Model parsed(const std::string& text) {
  auto model = parse_model_text(text, standard_catalogue(), {});
  EXPECT_TRUE(model.ok()) << describe(model.error());
  return model.take();
}

// The large constants lie in memory, so that reading them maps them.
Model with_large_constants() {
  Model model = parsed(every_type());
  Tensor large = *Tensor::make(DType::f32, {100});
  for (int64_t i = 0; i < 100; ++i) store_real(large, i, double(i) / 3);
  model.add_constant("large", large);
  Tensor nibbles = *Tensor::make(DType::i4, {201});
  for (int64_t i = 0; i < 201; ++i) store_integer(nibbles, i, i % 8);
  model.add_constant("nibbles", nibbles);
  return model;
}

TEST(Artefact, RoundTripIsExact) {
  const ScratchFolder folder;
  const Model before = with_large_constants();
  ASSERT_TRUE(write(before, folder / "a.hone").ok());
  auto after = import_file(folder / "a.hone", standard_catalogue(), {});
  ASSERT_TRUE(after.ok()) << describe(after.error());
  EXPECT_EQ(*portable_text(before), *portable_text(*after));
  ASSERT_EQ(before.constants.size(), after->constants.size());
  for (uint32_t i = 0; i < before.constants.size(); ++i) {
    if (std::holds_alternative<std::vector<std::string>>(before.constants[i].data)) continue;
    const auto a = *before.stored(ConstantId{i}), b = *after->stored(ConstantId{i});
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << before.constants[i].name;
  }
  // Large ones stay in the file, aligned.
  const auto* span =
      std::get_if<Constant::Span>(&after->constants[after->constant_named("large").index].data);
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(span->offset % 4, 0u);
  EXPECT_TRUE(verify_file(folder / "a.hone").ok());
}

TEST(Artefact, EqualModelsGiveEqualBytes) {
  const ScratchFolder folder;
  ASSERT_TRUE(write(with_large_constants(), folder / "a.hone").ok());
  auto read = import_file(folder / "a.hone", standard_catalogue(), {});
  ASSERT_TRUE(write(*read, folder / "b.hone").ok());
  EXPECT_EQ(folder.read("a.hone"), folder.read("b.hone"));
  ASSERT_TRUE(write(*read, folder / "a.hone").ok());  // onto the file that is mapped
  EXPECT_EQ(folder.read("a.hone"), folder.read("b.hone"));
}

// Another tool may order the tensors in another way: they are found by name.
TEST(Artefact, TensorsAreFoundByName) {
  const ScratchFolder folder;
  ASSERT_TRUE(write(with_large_constants(), folder / "a.hone").ok());
  const std::string bytes = folder.read("a.hone");
  Ledger ledger{Limits()};
  auto container = read_safetensors(std::as_bytes(std::span(bytes)), ledger);
  ASSERT_TRUE(container.ok());
  std::string header = "{\"__metadata__\":{", data;
  for (const auto& [key, value] : container->metadata) {
    std::string escaped;
    for (char c : value)
      escaped += c == '\n' ? "\\n" : c == '"' ? "\\\"" : c == '\\' ? "\\\\" : std::string(1, c);
    header += (header.back() == '{' ? "\"" : ",\"") + key + "\":\"" + escaped + "\"";
  }
  header += "}";
  for (auto it = container->tensors.rbegin(); it != container->tensors.rend(); ++it) {
    const size_t begin = data.size();
    data += bytes.substr(container->data_offset + it->begin, it->end - it->begin);
    header += ",\"" + it->name + "\":{\"dtype\":\"" + it->dtype + "\",\"shape\":[";
    for (size_t i = 0; i < it->shape.size(); ++i)
      header += (i ? "," : "") + std::to_string(it->shape[i]);
    header +=
        "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
  }
  header += "}";
  const uint64_t size = header.size();
  folder.write("b.hone", std::string(reinterpret_cast<const char*>(&size), 8) + header + data);
  auto after = import_file(folder / "b.hone", standard_catalogue(), {});
  ASSERT_TRUE(after.ok()) << describe(after.error());
  EXPECT_EQ(*portable_text(*after), *portable_text(with_large_constants()));
  EXPECT_TRUE(verify_file(folder / "b.hone").ok());
  ASSERT_TRUE(write(*after, folder / "c.hone").ok());
  EXPECT_EQ(folder.read("c.hone"), bytes);
}

// What was verified is what is read, whatever lies at the path by then.
TEST(Artefact, IsOpenedOnce) {
  const ScratchFolder folder;
  const Model before = with_large_constants();
  ASSERT_TRUE(write(before, folder / "a.hone").ok());
  const auto file = std::make_shared<const MappedFile>(MappedFile::open(folder / "a.hone").take());
  const auto importer = importer_for(folder / "a.hone", file->bytes());
  ASSERT_TRUE(importer.ok());
  ASSERT_TRUE((*importer)->verify(*file, Limits()).ok());
  ASSERT_TRUE(
      write(parsed("hone 1\ngraph other(x: f32[2]) -> (y) { y = abs(x) }\n"), folder / "a.hone")
          .ok());
  const auto read = (*importer)->read(file, standard_catalogue(), {});
  ASSERT_TRUE(read.ok()) << describe(read.error());
  EXPECT_EQ(*portable_text(*read), *portable_text(before));
}

TEST(Artefact, KindsAreTheirPhases) {
  const ScratchFolder folder;
  Model model = with_large_constants();
  ASSERT_TRUE(write(model, folder / "portable.hone").ok());
  const std::string hash = content_hash(model).take();
  model.phase = "lower";
  model.target = "cpu 1 some";
  ASSERT_TRUE(write(model, folder / "compiled.hone").ok());
  EXPECT_NE(content_hash(model).take(), hash);
  const auto compiled = import_file(folder / "compiled.hone", standard_catalogue(), {});
  ASSERT_TRUE(compiled.ok()) << describe(compiled.error());
  EXPECT_EQ(compiled->target, "cpu 1 some");
  for (const std::string name : {"portable", "compiled"}) {
    std::string bytes = folder.read(name + ".hone");
    EXPECT_NE(bytes.find(name == "portable" ? hash : content_hash(model).take()), bytes.npos);
    const size_t kind = bytes.find("\"hone.kind\": \"" + name);
    ASSERT_NE(kind, bytes.npos);
    bytes.replace(kind + 14, 8, name == "portable" ? "compiled" : "portable");
    folder.write("other.hone", bytes);
    EXPECT_FALSE(import_file(folder / "other.hone", standard_catalogue(), {}).ok());
  }
}

TEST(Artefact, RefusesWhatDoesNotMatch) {
  const ScratchFolder folder;
  ASSERT_TRUE(write(with_large_constants(), folder / "a.hone").ok());
  const std::string good = folder.read("a.hone");
  auto id_of = [&](const std::string& content) {
    folder.write("b.hone", content);
    auto model = import_file(folder / "b.hone", standard_catalogue(), {});
    return model ? ErrorId::internal : model.error().id;
  };
  auto with = [&](const std::string& old, const std::string& fresh) {
    std::string content = good;
    content.replace(content.find(old), old.size(), fresh);
    return content;
  };
  EXPECT_EQ(id_of(with("\"hone.version\"", "\"hone.versoin\"")), ErrorId::malformed);
  EXPECT_EQ(id_of(with("neg(x)", "abs(x)")), ErrorId::bad_checksum);
  EXPECT_EQ(id_of(good.substr(0, good.size() - 1)), ErrorId::truncated);
  EXPECT_EQ(id_of(good + "x"), ErrorId::malformed);
  std::string flipped = good;
  flipped.back() = char(flipped.back() ^ 1);
  EXPECT_EQ(id_of(flipped), ErrorId::internal);  // opens: the bytes are compared on request
  EXPECT_EQ(verify_file(folder / "b.hone").error().id, ErrorId::bad_checksum);
}

}  // namespace
}  // namespace hone::artefact
