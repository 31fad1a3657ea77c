// Tensors of ONNX files: every dtype and field, external files, sparse tensors, test data.
#include "import/onnx/tensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/scratch_folder.h"
#include "base/text.h"
#include "import/onnx/test_model.h"
#include "ir/text.h"
#include "ops/catalogue.h"

namespace hone::onnx {
namespace {

using namespace test;

Result<Datum> decode(const WireWriter& t, const Limits& limits = {}) {
  const auto bytes = bytes_of(t.data());
  Ledger ledger(limits);
  const TensorProto proto = TRY(parse_tensor(bytes, 0, ledger));
  return Datum(TRY(decode_tensor(proto, ledger)));
}
std::vector<double> decoded(const WireWriter& t) {
  const auto datum = decode(t);
  EXPECT_TRUE(datum.ok()) << (datum.ok() ? "" : describe(datum.error()));
  return datum.ok() ? reals(datum->tensor) : std::vector<double>{};
}
ErrorId refused(const WireWriter& t, const Limits& limits = {}) {
  const auto datum = decode(t, limits);
  EXPECT_FALSE(datum.ok());
  return datum.ok() ? ErrorId::internal : datum.error().id;
}

WireWriter ints(int dtype, const std::vector<int64_t>& dims, uint32_t field,
                const std::vector<int64_t>& values, bool packed = true) {
  WireWriter t = tensor_head("t", dtype, dims);
  if (packed) {
    t.packed(field, values);
  } else {
    for (const int64_t v : values) t.int64(field, v);
  }
  return t;
}

TEST(OnnxTensor, TypedFields) {
  using V = std::vector<double>;
  for (const bool packed : {true, false}) {
    EXPECT_EQ(decoded(ints(6, {3}, 5, {1, -2, 3}, packed)), (V{1, -2, 3}));      // i32
    EXPECT_EQ(decoded(ints(2, {2}, 5, {1, 255}, packed)), (V{1, 255}));          // u8
    EXPECT_EQ(decoded(ints(3, {2}, 5, {-128, 127}, packed)), (V{-128, 127}));    // i8
    EXPECT_EQ(decoded(ints(5, {2}, 5, {-32768, 7}, packed)), (V{-32768, 7}));    // i16
    EXPECT_EQ(decoded(ints(4, {1}, 5, {65535}, packed)), (V{65535}));            // u16
    EXPECT_EQ(decoded(ints(9, {3}, 5, {0, 1, 2}, packed)), (V{0, 1, 1}));        // bool
    EXPECT_EQ(decoded(ints(10, {2}, 5, {0x3c00, 0xc000}, packed)), (V{1, -2}));  // f16
    EXPECT_EQ(decoded(ints(16, {1}, 5, {0x3f80}, packed)), (V{1}));              // bf16
    EXPECT_EQ(decoded(ints(17, {1}, 5, {0x38}, packed)), (V{1}));                // f8e4m3fn
    EXPECT_EQ(decoded(ints(21, {3}, 5, {0x21, 0x0f}, packed)), (V{1, 2, 15}));   // u4
    EXPECT_EQ(decoded(ints(22, {3}, 5, {0x21, 0x0f}, packed)), (V{1, 2, -1}));   // i4
    EXPECT_EQ(decoded(ints(7, {2}, 7, {-5, 1LL << 40}, packed)), (V{-5, 1099511627776.0}));
    EXPECT_EQ(decoded(ints(12, {1}, 11, {4294967295}, packed)), (V{4294967295.0}));  // u32
    EXPECT_EQ(decoded(ints(13, {1}, 11, {7}, packed)), (V{7}));                      // u64
  }
  WireWriter floats = tensor_head("t", kFloat, {2});
  floats.float32(4, 1.5f);
  floats.float32(4, -2);
  EXPECT_EQ(decoded(floats), (V{1.5, -2}));
  WireWriter packed = tensor_head("t", kFloat, {2});
  packed.text(4, raw<float>({1.5f, -2}));
  EXPECT_EQ(decoded(packed), (V{1.5, -2}));
  WireWriter strings = tensor_head("t", 8, {2});
  strings.text(6, "a");
  strings.text(6, "");
  EXPECT_EQ(decode(strings)->tensor.strings(), (Texts{"a", ""}));
}

TEST(OnnxTensor, Refusals) {
  EXPECT_EQ(refused(tensor("t", kFloat, {3}, raw<float>({1, 2}))), ErrorId::malformed);
  EXPECT_EQ(refused(tensor("t", kFloat, {1}, raw<float>({1, 2}))), ErrorId::malformed);
  EXPECT_EQ(refused(tensor_head("t", kFloat, {1})), ErrorId::malformed);
  EXPECT_EQ(refused(tensor("t", kFloat, {-1}, "")), ErrorId::malformed);
  EXPECT_EQ(refused(tensor("t", kFloat, {1LL << 40, 1LL << 40}, "")), ErrorId::overflow);
  EXPECT_EQ(refused(tensor("t", kFloat, {0, 1LL << 40, 1LL << 40}, "")), ErrorId::overflow);
  EXPECT_EQ(refused(tensor("t", 99, {1}, "1234")), ErrorId::type_mismatch);
  EXPECT_EQ(refused(ints(6, {2}, 5, {1})), ErrorId::malformed);
  EXPECT_EQ(refused(ints(6, {2}, 5, {1, 2, 3})), ErrorId::malformed);
  EXPECT_EQ(refused(ints(6, {1LL << 40}, 5, {1})), ErrorId::malformed);
  EXPECT_EQ(refused(ints(7, {1}, 5, {1})), ErrorId::malformed);  // the wrong field
  WireWriter both = tensor("t", 6, {1}, raw<int32_t>({1}));
  both.int64(5, 1);
  EXPECT_EQ(refused(both), ErrorId::malformed);
  EXPECT_EQ(refused(external("t", kFloat, {1}, {{"location", "w"}})), ErrorId::unsupported_feature);
  EXPECT_EQ(refused(tensor("t", kFloat, std::vector<int64_t>(65, 1), raw<float>({1}))),
            ErrorId::over_size);
}

TEST(OnnxTensor, WritesWhatItReads) {
  const Tensor t = Tensor::of({2, 2}, std::vector<float>{1, 2, 3, 4});
  const auto datum = read_datum(write_tensor(t, "t"), Type(t.type()), Limits{});
  ASSERT_TRUE(datum.ok());
  EXPECT_EQ(datum->tensor.shape(), (Extents{2, 2}));
  EXPECT_EQ(reals(datum->tensor), reals(t));
  const Tensor s = Tensor::of_strings({2}, {"x", "y"});
  EXPECT_EQ(read_datum(write_tensor(s, ""), Type(s.type()), Limits{})->tensor.strings(),
            s.strings());
}

TEST(OnnxTensor, SequencesOptionalsMaps) {
  const auto item = tensor("", kInt64, {1}, raw<int64_t>({5}));
  const Type tensor_type(DType::i64, Shape::unranked());
  WireWriter sequence;
  sequence.varint(2, 1);
  sequence.message(3, item);
  sequence.message(3, item);
  const Type sequence_type = Type::sequence_of(tensor_type);
  const auto s = read_datum(bytes_of(sequence.data()), sequence_type, Limits{});
  ASSERT_TRUE(s.ok()) << describe(s.error());
  EXPECT_EQ(s->items.size(), 2u);
  EXPECT_EQ(s->kind, Datum::Kind::sequence);

  WireWriter optional;
  optional.varint(2, 3);
  optional.message(5, sequence);
  const auto o = read_datum(bytes_of(optional.data()), Type::optional_of(sequence_type), Limits{});
  ASSERT_TRUE(o.ok()) << describe(o.error());
  ASSERT_EQ(o->items.size(), 1u);
  EXPECT_EQ(o->items[0].items.size(), 2u);
  EXPECT_FALSE(
      read_datum(bytes_of(optional.data()), Type::optional_of(tensor_type), Limits{}).ok());

  WireWriter map;
  map.varint(2, 8);
  map.text(4, "a");
  map.text(4, "b");
  map.message(5, sequence);
  const Type map_type = Type::map_of(DType::string, tensor_type);
  const auto m = read_datum(bytes_of(map.data()), map_type, Limits{});
  ASSERT_TRUE(m.ok()) << describe(m.error());
  EXPECT_EQ(m->tensor.strings(), (Texts{"a", "b"}));
  map.text(4, "b");
  EXPECT_FALSE(read_datum(bytes_of(map.data()), map_type, Limits{}).ok());
}

// Whatever the type asks for: an element of a sequence that is something else would be read as it.
TEST(OnnxTensor, ElementsAreOfTheTypeThatIsNeeded) {
  const auto item = tensor("", kInt64, {1}, raw<int64_t>({5}));
  const auto other = tensor("", kFloat, {1}, raw<float>({5}));
  const Type i64(DType::i64, Shape::unranked());
  const auto read = [](const WireWriter& m, const Type& type) {
    const auto datum = read_datum(bytes_of(m.data()), type, Limits{});
    return datum ? ErrorId::internal : datum.error().id;
  };
  EXPECT_EQ(read(other, i64), ErrorId::bad_data);
  WireWriter sequence;
  sequence.varint(2, 1);
  sequence.message(3, item);
  sequence.message(3, other);
  EXPECT_EQ(read(sequence, Type::sequence_of(i64)), ErrorId::bad_data);
  WireWriter optional;
  optional.varint(2, 1);
  optional.message(3, other);
  EXPECT_EQ(read(optional, Type::optional_of(i64)), ErrorId::bad_data);
  WireWriter map;
  map.packed(3, std::vector<int64_t>{1, 2});
  map.message(5, sequence);
  EXPECT_EQ(read(map, Type::map_of(DType::i64, i64)), ErrorId::bad_data);
}

// NumPy's arrays have no such types: their bits come as unsigned integers.
TEST(OnnxTensor, BitsOfTypesThatNumPyLacks) {
  const auto halves = tensor("", 4, {1}, raw<uint16_t>({0x3f80}));
  const auto datum =
      read_datum(bytes_of(halves.data()), Type(DType::bf16, Shape::unranked()), Limits{});
  ASSERT_TRUE(datum.ok()) << describe(datum.error());
  EXPECT_EQ(datum->tensor.dtype(), DType::bf16);
  EXPECT_EQ(reals(datum->tensor), std::vector<double>{1});
  const auto eighths = tensor("", 2, {1}, raw<uint8_t>({0x38}));
  const auto single =
      read_datum(bytes_of(eighths.data()), Type(DType::f8e4m3fn, Shape::unranked()), {});
  ASSERT_TRUE(single.ok());
  EXPECT_EQ(reals(single->tensor), std::vector<double>{1});
}

// Files.

class OnnxExternal : public testing::Test {
 protected:
  Result<Model> load_external(const std::vector<std::pair<std::string, std::string>>& entries,
                              const std::vector<int64_t>& dims = {32}) {
    GraphParts parts{.outputs = {value("w", kFloat, {"n"})},
                     .initializers = {external("w", kFloat, dims, entries)}};
    std::filesystem::create_directory(folder_ / "model");
    folder_.write("model/m.onnx", model(graph(parts)));
    return import_file(folder_ / "model/m.onnx", standard_catalogue(), {});
  }
  ErrorId refused_external(const std::vector<std::pair<std::string, std::string>>& entries) {
    const auto m = load_external(entries);
    EXPECT_FALSE(m.ok());
    return m.ok() ? ErrorId::internal : m.error().id;
  }
  ScratchFolder folder_;
};

TEST_F(OnnxExternal, StaysInItsFile) {
  std::filesystem::create_directory(folder_ / "model");
  folder_.write("model/w.bin", "\1" + raw(std::vector<float>(32, 3.5f)));
  const auto m = load_external({{"location", "w.bin"}, {"offset", "1"}, {"length", "128"}});
  ASSERT_TRUE(m.ok()) << describe(m.error());
  ASSERT_EQ(m->sources.size(), 2u);
  EXPECT_EQ(m->sources[0].name, "m.onnx");
  EXPECT_EQ(m->sources[1].name, "w.bin");
  const auto* span = std::get_if<Constant::Span>(&m->constants[0].data);
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(*span, (Constant::Span{1, 1, 128}));
  EXPECT_EQ(reals(*m->read(ConstantId{0}))[31], 3.5);
}

TEST_F(OnnxExternal, Refusals) {
  std::filesystem::create_directory(folder_ / "model");
  folder_.write("secret", raw(std::vector<float>(32, 1)));
  folder_.write("model/w.bin", raw(std::vector<float>(32, 1)));
  ASSERT_EQ(symlink("w.bin", (folder_ / "model/link").c_str()), 0);
  ASSERT_EQ(mkfifo((folder_ / "model/fifo").c_str(), 0600), 0);
  EXPECT_EQ(refused_external({{"location", "../secret"}}), ErrorId::outside_folder);
  EXPECT_EQ(refused_external({{"location", folder_ / "secret"}}), ErrorId::outside_folder);
  EXPECT_EQ(refused_external({{"location", "link"}}), ErrorId::outside_folder);
  EXPECT_EQ(refused_external({{"location", "fifo"}}), ErrorId::not_regular);
  EXPECT_EQ(refused_external({{"location", "absent"}}), ErrorId::not_found);
  EXPECT_EQ(refused_external({}), ErrorId::malformed);
  EXPECT_EQ(refused_external({{"location", "w.bin"}, {"offset", "1"}}), ErrorId::truncated);
  EXPECT_EQ(refused_external({{"location", "w.bin"}, {"offset", "-1"}}), ErrorId::malformed);
  EXPECT_EQ(refused_external({{"location", "w.bin"}, {"offset", "99999999999999999999"}}),
            ErrorId::malformed);
  EXPECT_EQ(refused_external({{"location", "w.bin"}, {"offset", "9223372036854775807"}}),
            ErrorId::truncated);
  EXPECT_EQ(refused_external({{"location", "w.bin"}, {"length", "127"}}), ErrorId::malformed);
  EXPECT_EQ(refused_external({{"location", "w.bin"}, {"location", "w.bin"}}), ErrorId::malformed);
}

TEST_F(OnnxExternal, MayBeALinkWhereTheUserSaysSo) {
  std::filesystem::create_directory(folder_ / "model");
  folder_.write("model/w.bin", raw(std::vector<float>(32, 1)));
  ASSERT_EQ(symlink("w.bin", (folder_ / "model/link").c_str()), 0);
  EXPECT_EQ(refused_external({{"location", "link"}}), ErrorId::outside_folder);
  const auto m =
      import_file(folder_ / "model/m.onnx", standard_catalogue(), {.links = Links::follow});
  ASSERT_TRUE(m.ok()) << describe(m.error());
  EXPECT_EQ(reals(*m->read(ConstantId{0}))[0], 1);
}

TEST_F(OnnxExternal, MayBeLeftOut) {
  EXPECT_EQ(refused_external({{"location", "absent"}}), ErrorId::not_found);
  const auto m = import_file(folder_ / "model/m.onnx", standard_catalogue(),
                             {.missing = MissingWeights::leave_out});
  ASSERT_TRUE(m.ok()) << describe(m.error());
  EXPECT_EQ(m->main()[m->main().outputs()[0]].type.str(), "f32[32]");
  EXPECT_EQ(m->read(ConstantId{0}).error().id, ErrorId::not_found);
  const std::string text = print(*m);
  const auto again = parse_model_text(text, standard_catalogue(), Limits());
  ASSERT_TRUE(again.ok()) << describe(again.error());
  EXPECT_EQ(print(*again), text);
}

TEST(OnnxTensor, RawDataStayInTheFile) {
  GraphParts parts{.outputs = {value("w", kFloat, {32})},
                   .initializers = {tensor("w", kFloat, {32}, raw(std::vector<float>(32, 2)))}};
  const auto m = load(model(graph(parts)));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  EXPECT_EQ(m->sources.size(), 1u);
  ASSERT_TRUE(std::holds_alternative<Constant::Span>(m->constants[0].data));
  EXPECT_EQ(reals(*m->read(ConstantId{0})), std::vector<double>(32, 2));
}

TEST(OnnxTensor, SparseInitializers) {
  const auto sparse = [](const std::vector<int64_t>& dims, const std::vector<int64_t>& index_dims,
                         const std::vector<int64_t>& indices) {
    WireWriter s;
    s.message(1, tensor("w", kFloat, {2}, raw<float>({5, 7})));
    s.message(2, tensor("", kInt64, index_dims, raw(indices)));
    for (const int64_t d : dims) s.int64(3, d);
    return load(model(graph({.outputs = {value("w", kFloat, {2, 3})}, .sparse = {s}})));
  };
  const std::vector<double> expected{0, 5, 0, 0, 0, 7};
  for (const auto& m : {sparse({2, 3}, {2}, {1, 5}), sparse({2, 3}, {2, 2}, {0, 1, 1, 2})}) {
    ASSERT_TRUE(m.ok()) << describe(m.error());
    EXPECT_EQ(reals(*m->read(ConstantId{0})), expected);
  }
  EXPECT_FALSE(sparse({2, 3}, {2}, {1, 6}).ok());
  EXPECT_FALSE(sparse({2, 3}, {2}, {-1, 2}).ok());
  EXPECT_FALSE(sparse({2, 3}, {2}, {5, 1}).ok());
  EXPECT_FALSE(sparse({2, 3}, {2, 2}, {0, 3, 1, 2}).ok());
  EXPECT_FALSE(sparse({2, 3}, {1}, {1}).ok());
  EXPECT_FALSE(sparse({1LL << 20, 1LL << 20}, {2}, {1, 5}).ok());
}

}  // namespace
}  // namespace hone::onnx
