// Maps of ai.onnx.ml, and the encodings between labels and numbers.
#include <algorithm>
#include <bit>
#include <charconv>
#include <unordered_map>

#include "base/text.h"
#include "ops/ml.h"

namespace hone {
namespace {

constexpr std::string_view kIntegers = "classlabels_int64s", kStrings = "classlabels_strings";

// An element as a key that is equal for equal elements; all NaN are equal, and so are both zeros.
std::string key_of(const Tensor& t, int64_t i) {
  if (t.dtype() == DType::string) return t.strings()[size_t(i)];
  int64_t bits = 0;
  if (is_float(t.dtype())) {
    const double v = load_real(t, i);
    bits = std::isnan(v) ? INT64_MIN + 1 : std::bit_cast<int64_t>(v == 0 ? 0.0 : v);
  } else {
    bits = load_integer(t, i);
  }
  return std::string(reinterpret_cast<const char*>(&bits), sizeof bits);
}

// --- zip_map -------------------------------------------------------------------------------------

Result<Types> infer_zip(const Infer& c) {
  const Labels labels = TRY(labels_of(c, kIntegers, kStrings));
  if (labels.count == 0) return attribute_error(c, "there are no class labels");
  TRY(row_count(c));
  const Shape& shape = c.shape(0);
  if (shape.ranked)
    if (auto n = shape.dims.back().constant(); n && uint64_t(*n) != labels.count)
      return shape_error(
          c, std::to_string(labels.count) + " labels for " + std::to_string(*n) + " columns");
  return Types{Type::sequence_of(
      Type::map_of(labels.strings ? DType::string : DType::i64, Type(DType::f32, Shape{})))};
}

Status zip(Call& c) {
  const Tensor& x = c.in(0);
  const Rows rows = TRY(rows_of(c, x));
  const Labels labels = TRY(labels_of(c, kIntegers, kStrings));
  const Extents extents{int64_t(labels.count)};
  const Tensor keys = labels.strings ? Tensor::of_strings(extents, c.texts(kStrings))
                                     : Tensor::of(extents, c.list(kIntegers));
  const auto bytes = checked_mul<uint64_t>(uint64_t(x.count()), sizeof(Datum));
  if (!bytes || *bytes > c.memory_limit.bytes())
    return fail(ErrorId::over_memory, "zip_map: too many entries: " + std::to_string(x.count()));
  Datum out;
  out.kind = Datum::Kind::sequence;
  out.empty_type = c.out_type(0).element();
  for (int64_t r = 0; r < rows.count; ++r) {
    Datum map;
    map.kind = Datum::Kind::map;
    map.tensor = keys;
    map.empty_type = Type(DType::f32, Shape{});
    for (int64_t k = 0; k < rows.width; ++k) {
      Tensor value = Tensor::scalar(DType::f32, 0);
      copy_element(x, r * rows.width + k, value, 0);
      map.items.emplace_back(std::move(value));
    }
    out.items.push_back(std::move(map));
  }
  c.set(0, std::move(out));
  return ok();
}

// --- cast_map ------------------------------------------------------------------------------------

Result<DType> cast_target(const Infer& c) {
  const std::string& to = c.text("cast_to");
  if (to == "TO_FLOAT") return DType::f32;
  if (to == "TO_STRING") return DType::string;
  if (to == "TO_INT64") return DType::i64;
  return attribute_error(c, "cast_to is \"" + to + "\"");
}

Result<Types> infer_cast(const Infer& c) {
  const DType to = TRY(cast_target(c));
  const Type value = c.type(0).element();
  if (c.type(0).key != DType::i64 || !value.is_tensor())
    return type_error(c, "x must map i64 to numbers or strings, is " + c.type(0).str());
  const std::string& form = c.text("map_form");
  if (form != "DENSE" && form != "SPARSE")
    return attribute_error(c, "map_form is \"" + form + "\"");
  if (form == "DENSE") return Types{Type(to, {1, Dim::unknown()})};
  if (c.integer("max_map") < 1)
    return attribute_error(c, "max_map is " + std::to_string(c.integer("max_map")));
  return Types{Type(to, {1, c.integer("max_map")})};
}

Status cast_value(const Call& c, const Tensor& from, Tensor& y, int64_t at) {
  if (from.count() != 1) return shape_error(c, "a value of the map is no scalar");
  if (y.dtype() == DType::string) {
    y.mutable_strings()[size_t(at)] = from.dtype() == DType::string ? from.strings()[0]
                                      : is_float(from.dtype())
                                          ? exact(float(load_real(from, 0)))
                                          : std::to_string(load_integer(from, 0));
    return ok();
  }
  if (from.dtype() != DType::string) {
    is_float(from.dtype()) ? store_real(y, at, load_real(from, 0))
                           : store_integer(y, at, load_integer(from, 0));
    return ok();
  }
  const std::string& text = from.strings()[0];
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return value_error(c, quote(text) + " is no number");
  store_real(y, at, value);
  return ok();
}

Status cast(Call& c) {
  const Datum& map = c.datum(0);
  const auto n = int64_t(map.items.size());
  std::vector<std::pair<int64_t, size_t>> order;  // by key
  for (int64_t i = 0; i < n; ++i) order.emplace_back(load_integer(map.tensor, i), size_t(i));
  std::sort(order.begin(), order.end());
  const bool dense = c.text("map_form") == "DENSE";
  Tensor& y = *TRY(c.out(0, {1, dense ? n : c.integer("max_map")}));
  if (y.dtype() == DType::string && !dense)
    std::fill(y.mutable_strings().begin(), y.mutable_strings().end(), "0.0");
  for (size_t i = 0; i < order.size(); ++i) {
    const auto [key, item] = order[i];
    if (!dense && (key < 0 || key >= y.count()))
      return value_error(c, "key " + std::to_string(key) + " is out of range for max_map " +
                                std::to_string(y.count()));
    TRY(cast_value(c, map.items[item].tensor, y, dense ? int64_t(i) : key));
  }
  return ok();
}

// --- dict_vectorizer -----------------------------------------------------------------------------

Result<Types> infer_dict(const Infer& c) {
  const Labels words = TRY(labels_of(c, "int64_vocabulary", "string_vocabulary"));
  const Type value = c.type(0).element();
  if (!value.is_tensor() || (c.type(0).key == DType::string) != words.strings)
    return type_error(c, "the vocabulary does not fit " + c.type(0).str());
  return Types{Type(value.tensor.dtype, {1, int64_t(words.count)})};
}

Status dict(Call& c) {
  const Datum& map = c.datum(0);
  const Labels words = TRY(labels_of(c, "int64_vocabulary", "string_vocabulary"));
  Tensor& y = *TRY(c.out(0));
  std::unordered_map<std::string, size_t> at;
  for (size_t i = 0; i < map.items.size(); ++i) at.emplace(key_of(map.tensor, int64_t(i)), i);
  const Extents extents{int64_t(words.count)};
  const Tensor keys = words.strings     ? Tensor::of_strings(extents, c.texts("string_vocabulary"))
                      : words.count > 0 ? Tensor::of(extents, c.list("int64_vocabulary"))
                                        : Tensor::of(extents, Integers{});
  for (int64_t k = 0; k < y.count(); ++k)
    if (auto it = at.find(key_of(keys, k)); it != at.end()) {
      const Tensor& value = map.items[it->second].tensor;
      if (value.count() != 1 || value.dtype() != y.dtype())
        return shape_error(c, "a value of the map is " + value.type().str());
      copy_element(value, 0, y, k);
    }
  return ok();
}

// --- category_mapper, label_encoder --------------------------------------------------------------

Result<Types> infer_category(const Infer& c) {
  const size_t texts = c.given("cats_strings") ? c.texts("cats_strings").size() : 0;
  const size_t numbers = c.given("cats_int64s") ? c.list("cats_int64s").size() : 0;
  if (texts != numbers)
    return attribute_error(c, std::to_string(texts) + " cats_strings, but " +
                                  std::to_string(numbers) + " cats_int64s");
  return Types{Type(c.dtype(0) == DType::string ? DType::i64 : DType::string, c.shape(0))};
}

Status category(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const Texts texts = c.given("cats_strings") ? c.texts("cats_strings") : Texts{};
  const Integers numbers = c.given("cats_int64s") ? c.list("cats_int64s") : Integers{};
  std::unordered_map<std::string, size_t> by_text;
  std::unordered_map<int64_t, size_t> by_number;
  for (size_t i = 0; i < texts.size(); ++i) {
    by_text.emplace(texts[i], i);
    by_number.emplace(numbers[i], i);
  }
  for (int64_t i = 0; i < x.count(); ++i) {
    if (x.dtype() == DType::string) {
      const auto it = by_text.find(x.strings()[size_t(i)]);
      store_integer(y, i, it == by_text.end() ? c.integer("default_int64") : numbers[it->second]);
    } else {
      const auto it = by_number.find(load_integer(x, i));
      y.mutable_strings()[size_t(i)] =
          it == by_number.end() ? c.text("default_string") : texts[it->second];
    }
  }
  return ok();
}

Result<Types> infer_encoder(const Infer& c) {
  if (c.dtype(1) != c.dtype(0)) return type_error(c, "the keys are not of the dtype of x");
  const Dim keys = element_count(c.shape(1)), values = element_count(c.shape(2));
  if (keys.is_constant() && values.is_constant() && keys != values)
    return shape_error(c, keys.str() + " keys for " + values.str() + " values");
  if (auto n = element_count(c.shape(3)).constant(); n && *n != 1)
    return shape_error(c, "the default must be one element, has shape " + c.shape(3).str());
  return Types{Type(c.dtype(2), c.shape(0))};
}

Status encoder(Call& c) {
  const Tensor &x = c.in(0), &keys = c.in(1), &values = c.in(2);
  Tensor& y = *TRY(c.out(0));
  std::unordered_map<std::string, int64_t> at;
  for (int64_t i = 0; i < keys.count(); ++i) at.emplace(key_of(keys, i), i);
  for (int64_t i = 0; i < x.count(); ++i) {
    const auto it = at.find(key_of(x, i));
    copy_element(it == at.end() ? c.in(3) : values, it == at.end() ? 0 : it->second, y, i);
  }
  return ok();
}

constexpr DTypes kLabels = kNumbers | DTypes(DType::string) | DTypes(DType::boolean);

}  // namespace

const OpDef& zip_map_op() {
  static const OpDef def{
      .name = "zip_map",
      .doc = "For each row of x [N, K] a map from class label to score (ai.onnx.ml).",
      .inputs = {{"x", DType::f32}},
      .outputs = {{"maps", kAny, 0, Port::Presence::required, Port::Holds::sequence}},
      .attrs = {{kIntegers, AttrKind::integers}, {kStrings, AttrKind::texts}},
      .infer = infer_zip,
      .reference = zip,
      .examples = {R"(graph zip(x: f32[2,3]) -> (y) {
        y = zip_map(x) <classlabels_int64s=[4, 5, 6]>
      })"},
  };
  return def;
}

const OpDef& cast_map_op() {
  static const OpDef def{
      .name = "cast_map",
      .doc =
          "The values of a map as one row, in the order of the keys (\"DENSE\"), or at the "
          "positions that the keys name of max_map zeros (\"SPARSE\") (ai.onnx.ml).",
      .inputs = {{"x", kAny, 0, Port::Presence::required, Port::Holds::map}},
      .outputs = {{"y", kFeatures | DTypes(DType::string)}},
      .attrs = {{"cast_to", AttrKind::text, false, "TO_FLOAT"},
                {"map_form", AttrKind::text, false, "DENSE"},
                {"max_map", AttrKind::integer, false, int64_t{1}}},
      .infer = infer_cast,
      .reference = cast,
      .examples = {R"(graph cast_first(x: f32[2,3]) -> (y) {
        m = zip_map(x) <classlabels_int64s=[4, 5, 6]>
        y = cast_map(sequence_at(m, i64{0}))
      })"},
  };
  return def;
}

const OpDef& dict_vectorizer_op() {
  static const OpDef def{
      .name = "dict_vectorizer",
      .doc =
          "The values of a map at the words of a vocabulary as one row, 0 for absent words "
          "(ai.onnx.ml).",
      .inputs = {{"x", kAny, 0, Port::Presence::required, Port::Holds::map}},
      .outputs = {{"y", kAny}},
      .attrs = {{"int64_vocabulary", AttrKind::integers}, {"string_vocabulary", AttrKind::texts}},
      .infer = infer_dict,
      .reference = dict,
      .examples = {R"(graph vectorize(x: f32[2,3]) -> (y) {
        m = zip_map(x) <classlabels_int64s=[4, 5, 6]>
        y = dict_vectorizer(sequence_at(m, i64{0})) <int64_vocabulary=[6, 9, 4]>
      })"},
  };
  return def;
}

const OpDef& category_mapper_op() {
  static const OpDef def{
      .name = "category_mapper",
      .doc =
          "Strings to the integers of the same place in the lists of categories, or integers to "
          "strings; the default for others (ai.onnx.ml).",
      .inputs = {{"x", DType::string | DType::i64}},
      .outputs = {{"y", DType::string | DType::i64}},
      .attrs = {{"cats_strings", AttrKind::texts},
                {"cats_int64s", AttrKind::integers},
                {"default_int64", AttrKind::integer, false, int64_t{-1}},
                {"default_string", AttrKind::text, false, "_Unused"}},
      .infer = infer_category,
      .reference = category,
      .examples = {R"(graph to_names(x: i64[3]) -> (y) {
        y = category_mapper(x) <cats_strings=["a", "b"], cats_int64s=[1, 2]>
      })"},
  };
  return def;
}

const OpDef& label_encoder_op() {
  static const OpDef def{
      .name = "label_encoder",
      .doc =
          "Each element of x exchanged for the value whose key it equals (NaN equals NaN; of "
          "equal keys the first counts), or the default (ai.onnx.ml 4).",
      .inputs = {{"x", kLabels},
                 {"keys", kLabels},
                 {"values", kLabels, 'V'},
                 {"default", kLabels, 'V'}},
      .outputs = {{"y", kLabels, 'V'}},
      .infer = infer_encoder,
      .reference = encoder,
      .examples = {R"(graph encode_labels(x: i64[3]) -> (y) {
        y = label_encoder(x, i64[3]{1, 2, 3}, f32[3]{0.5, 1.5, 2.5}, f32[1]{-1})
      })"},
  };
  return def;
}

}  // namespace hone
