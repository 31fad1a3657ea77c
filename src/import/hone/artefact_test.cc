#include "import/hone/artefact.h"

#include <gtest/gtest.h>

#include <algorithm>

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
  text +=
      "const @b: f32[1,32] blocks(q4_0) = {0, 60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, "
      "15, 255}\n";
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
  model.sources.push_back(DataSource::in_memory(std::vector<std::byte>(360, std::byte(7))));
  Constant blocks;
  blocks.name = "blocks";
  blocks.type = {DType::f32, {10, 64}, Encoding::of_blocks(*block_format("q4_0"))};
  blocks.data = Constant::Span{uint32_t(model.sources.size() - 1), 0, 360};
  model.add_constant(std::move(blocks));
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

TEST(Artefact, BlocksAreRowsOfBytes) {
  const ScratchFolder folder;
  const Model before = with_large_constants();
  ASSERT_TRUE(write(before, folder / "a.hone").ok());
  const auto mapped = MappedFile::open(folder / "a.hone");
  Ledger ledger{Limits()};
  const auto container = read_safetensors(mapped->bytes(), ledger);
  ASSERT_TRUE(container.ok());
  const auto tensor = std::ranges::find(container->tensors, "blocks", &SafetensorsTensor::name);
  ASSERT_NE(tensor, container->tensors.end());
  EXPECT_EQ(tensor->dtype, "U8");
  EXPECT_EQ(tensor->shape, (std::vector<int64_t>{10, 36}));
  const auto after = import_file(folder / "a.hone", standard_catalogue(), {});
  ASSERT_TRUE(after.ok());
  for (const char* name : {"blocks", "b"}) {
    const Tensor a = *before.read(before.constant_named(name)),
                 b = *after->read(after->constant_named(name));
    EXPECT_EQ(a.shape(), b.shape());
    EXPECT_TRUE(std::ranges::equal(a.as<float>(), b.as<float>())) << name;
  }
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

class Bytes : public Attachment {
 public:
  explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::span<const std::byte>> bytes() const override {
    return std::as_bytes(std::span(bytes_));
  }

 private:
  std::string bytes_;
};

TEST(Artefact, AttachmentsTravel) {
  const ScratchFolder folder;
  Model model = with_large_constants();
  const std::string hash = content_hash(model).take();
  model.attachments["tokenizer"] = std::make_shared<const Bytes>("words");
  model.attachments["nothing"] = std::make_shared<const Bytes>("");
  // Named as an attachment is, and as what such a name becomes.
  for (const char* name : {"__attached__.tokenizer", "___attached__.tokenizer", "__attached__"})
    model.add_constant(name, *Tensor::make(DType::f32, {32}));
  EXPECT_NE(content_hash(model).take(), hash);
  ASSERT_TRUE(write(model, folder / "a.hone").ok());
  EXPECT_TRUE(verify_file(folder / "a.hone").ok());
  const auto after = import_file(folder / "a.hone", standard_catalogue(), {});
  ASSERT_TRUE(after.ok()) << describe(after.error());
  ASSERT_EQ(after->attachments.size(), 1u);
  const auto bytes = after->attachments.at("tokenizer")->bytes().take();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "words");
  EXPECT_TRUE(after->constant_named("__attached__.tokenizer").valid());
  ASSERT_TRUE(write(*after, folder / "b.hone").ok());
  EXPECT_EQ(folder.read("a.hone"), folder.read("b.hone"));
  // Only bytes are attached, and what is attached is hashed as weights are.
  std::string file = folder.read("a.hone");
  const size_t at = file.find("words");
  ASSERT_NE(at, file.npos);
  file[at] = 'W';
  folder.write("c.hone", file);
  EXPECT_EQ(verify_file(folder / "c.hone").error().id, ErrorId::bad_checksum);
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
