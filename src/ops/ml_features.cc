// Preparation of features: binarizer, normalizer, scaler, imputer, one-hot encoding, selection.
#include <algorithm>
#include <unordered_map>

#include "ops/ml.h"

namespace hone {
namespace {

std::string count(size_t n) { return std::to_string(n); }

Result<Types> as_f32(const Infer& c) { return Types{Type(DType::f32, c.shape(0))}; }

// The last extent of input 0; unknown when unranked.
Result<Dim> width(const Infer& c) {
  const Shape& shape = c.shape(0);
  if (!shape.ranked) return Dim::unknown();
  if (shape.rank() == 0) return shape_error(c, "x has no axes");
  return shape.dims.back();
}

// Fails unless there is one value in all, or one for each feature.
Status one_or_each(const Infer& c, size_t values, std::string_view name) {
  const auto n = TRY(width(c)).constant();
  if (n && values != 1 && values != uint64_t(*n))
    return attribute_error(c, std::string(name) + " has " + count(values) + " elements for " +
                                  std::to_string(*n) + " features");
  return ok();
}

// --- scaler --------------------------------------------------------------------------------------

Reals list_or(const Infer& c, std::string_view name, float fallback) {
  return c.given(name) && !c.reals(name).empty() ? c.reals(name) : Reals{fallback};
}

Result<Types> infer_scaler(const Infer& c) {
  TRY(one_or_each(c, list_or(c, "offset", 0).size(), "offset"));
  TRY(one_or_each(c, list_or(c, "scale", 1).size(), "scale"));
  return as_f32(c);
}

Status scaler(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const Reals offset = list_or(c, "offset", 0), scale = list_or(c, "scale", 1);
  const auto n = size_t(x.shape().back());
  for (int64_t i = 0; i < x.count(); ++i) {
    const size_t k = size_t(i) % n;
    store_real(
        y, i,
        (load_real(x, i) - offset[offset.size() == 1 ? 0 : k]) * scale[scale.size() == 1 ? 0 : k]);
  }
  return ok();
}

// --- normalizer ----------------------------------------------------------------------------------

Result<Types> infer_normalizer(const Infer& c) {
  const std::string& norm = c.text("norm");
  if (norm != "MAX" && norm != "L1" && norm != "L2")
    return attribute_error(c, "norm is \"" + norm + "\"");
  TRY(row_count(c));
  return as_f32(c);
}

Status normalizer(Call& c) {
  const Tensor& x = c.in(0);
  const Rows rows = TRY(rows_of(c, x));
  const std::string& kind = c.text("norm");
  Tensor& y = *TRY(c.out(0));
  for (int64_t r = 0; r < rows.count; ++r) {
    const int64_t first = r * rows.width, last = first + rows.width;
    double norm = kind == "MAX" ? -INFINITY : 0;
    for (int64_t i = first; i < last; ++i) {
      const double v = load_real(x, i);
      if (kind == "MAX") norm = std::max(norm, v);
      if (kind == "L1") norm += std::abs(v);
      if (kind == "L2") norm += v * v;
    }
    if (kind == "L2") norm = std::sqrt(norm);
    for (int64_t i = first; i < last; ++i)
      store_real(y, i, norm == 0 ? load_real(x, i) : load_real(x, i) / norm);
  }
  return ok();
}

// --- imputer -------------------------------------------------------------------------------------

bool integral(const Infer& c) { return is_integer(c.dtype(0)); }

Result<Types> infer_imputer(const Infer& c) {
  const std::string_view name = integral(c) ? "imputed_value_int64s" : "imputed_value_floats";
  size_t n = 0;
  if (c.given(name)) n = integral(c) ? c.list(name).size() : c.reals(name).size();
  if (n == 0) return attribute_error(c, std::string(name) + " is missing");
  TRY(one_or_each(c, n, name));
  return same_as_first(c);
}

Status imputer(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const auto n = size_t(x.shape().back());
  for (int64_t i = 0; i < x.count(); ++i) {
    const size_t k = size_t(i) % n;
    if (integral(c)) {
      const Integers& values = c.list("imputed_value_int64s");
      const int64_t v = load_integer(x, i);
      const bool hit = v == c.integer("replaced_value_int64");
      store_integer(y, i, hit ? values[values.size() == 1 ? 0 : k] : v);
    } else {
      const Reals& values = c.reals("imputed_value_floats");
      const double v = load_real(x, i), gone = c.real("replaced_value_float");
      const bool hit = v == gone || (std::isnan(v) && std::isnan(gone));
      store_real(y, i, hit ? values[values.size() == 1 ? 0 : k] : v);
    }
  }
  return ok();
}

// --- one_hot_encoder -----------------------------------------------------------------------------

constexpr std::string_view kCategories = "cats_int64s", kNames = "cats_strings";

Result<Types> infer_one_hot(const Infer& c) {
  const Labels labels = TRY(labels_of(c, kCategories, kNames));
  if (labels.count == 0) return attribute_error(c, "there are no categories");
  if (labels.strings != (c.dtype(0) == DType::string))
    return attribute_error(c, "the categories are not of the kind of x");
  Shape shape = c.shape(0);
  if (shape.ranked) shape.dims.emplace_back(int64_t(labels.count));
  return Types{Type(DType::f32, std::move(shape))};
}

Status one_hot(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const Labels labels = TRY(labels_of(c, kCategories, kNames));
  std::unordered_map<std::string, size_t> names;
  std::unordered_map<int64_t, size_t> numbers;
  for (size_t k = 0; k < labels.count; ++k)
    if (labels.strings)
      names.emplace(c.texts(kNames)[k], k);
    else
      numbers.emplace(c.list(kCategories)[k], k);
  for (int64_t i = 0; i < x.count(); ++i) {
    std::optional<size_t> at;
    if (labels.strings) {
      if (auto it = names.find(x.strings()[size_t(i)]); it != names.end()) at = it->second;
    } else if (auto it = numbers.find(load_integer(x, i)); it != numbers.end()) {
      at = it->second;
    }
    if (at)
      store_real(y, i * int64_t(labels.count) + int64_t(*at), 1);
    else if (c.integer("zeros") == 0)
      return value_error(c, "element " + std::to_string(i) + " is in no category");
  }
  return ok();
}

// --- feature_vectorizer --------------------------------------------------------------------------

Result<Integers> dimensions(const Infer& c) {
  const Integers dims = c.given("inputdimensions") ? c.list("inputdimensions") : Integers{};
  if (!dims.empty() && dims.size() != c.inputs())
    return attribute_error(c, "inputdimensions has " + count(dims.size()) + " elements for " +
                                  count(c.inputs()) + " inputs");
  for (int64_t d : dims)
    if (d < 0 || d > int64_t{1} << 40)
      return attribute_error(c, "inputdimensions holds " + std::to_string(d));
  return dims;
}

// The columns that input i takes: declared, or all that it has.
Dim columns(const Infer& c, const Integers& dims, size_t i) {
  if (!dims.empty()) return Dim(dims[i]);
  const Shape& shape = c.shape(i);
  if (!shape.ranked || shape.rank() == 0) return shape.ranked ? Dim(1) : Dim::unknown();
  Dim n = 1;
  for (size_t k = shape.rank() == 1 ? 0 : 1; k < shape.rank(); ++k) n = n * shape.dims[k];
  return n;
}

Dim lines(const Infer& c, size_t i) {
  const Shape& shape = c.shape(i);
  if (!shape.ranked) return Dim::unknown();
  return shape.rank() < 2 ? Dim(1) : shape.dims[0];
}

Result<Types> infer_vectorizer(const Infer& c) {
  if (c.inputs() == 0) return shape_error(c, "there are no inputs");
  const Integers dims = TRY(dimensions(c));
  Dim total = 0, rows = Dim::unknown();
  for (size_t i = 0; i < c.inputs(); ++i) {
    if (!c.has(i)) return shape_error(c, "input " + count(i) + " is missing");
    total = total + columns(c, dims, i);
    const Dim own = lines(c, i);
    if (rows.is_constant() && own.is_constant() && rows != own)
      return shape_error(c, "the inputs have " + rows.str() + " and " + own.str() + " rows");
    if (!rows.is_constant()) rows = own;
  }
  return Types{Type(DType::f32, {rows, total})};
}

Status vectorizer(Call& c) {
  const Integers dims = TRY(dimensions(c));
  Tensor& y = *TRY(c.out(0));
  const int64_t rows = y.shape()[0], total = y.shape()[1];
  int64_t start = 0;
  for (size_t i = 0; i < c.inputs(); ++i) {
    const Tensor& x = c.in(i);
    const int64_t have = rows == 0 ? 0 : x.count() / rows;
    const int64_t want = *columns(c, dims, i).constant();
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t k = 0; k < std::min(have, want); ++k)
        store_real(y, r * total + start + k, load_real(x, r * have + k));
    start += want;
  }
  return ok();
}

// --- array_feature_extractor ---------------------------------------------------------------------

Result<Types> infer_extractor(const Infer& c) {
  TRY(width(c));
  Shape shape = c.shape(0);
  if (!shape.ranked) return Types{Type(c.dtype(0), shape)};
  shape.dims.back() = element_count(c.shape(1));
  if (shape.rank() == 1) shape.dims.insert(shape.dims.begin(), 1);
  return Types{Type(c.dtype(0), std::move(shape))};
}

Status extractor(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const int64_t n = x.shape().back();
  const std::vector<int64_t> at = integers(c.in(1));
  for (int64_t k : at)
    if (k < 0 || k >= n)
      return value_error(c, "index " + std::to_string(k) + " is out of range for " +
                                std::to_string(n) + " features");
  const auto wanted = int64_t(at.size());
  for (int64_t i = 0; i < y.count(); ++i)
    copy_element(x, i / wanted * n + at[size_t(i % wanted)], y, i);
  return ok();
}

}  // namespace

const OpDef& binarizer_op() {
  static const OpDef def{
      .name = "binarizer",
      .doc = "1 where x > threshold, else 0 (ai.onnx.ml).",
      .inputs = {{"x", kFeatures, 'T'}},
      .outputs = {{"y", kFeatures, 'T'}},
      .attrs = {{"threshold", AttrKind::real, false, 0.0f}},
      .traits = Trait::elementwise,
      .infer = same_as_first,
      .reference =
          [](Call& c) {
            const double threshold = c.real("threshold");
            return map_number(
                c, [=](double x) { return x > threshold ? 1.0 : 0.0; },
                [=](int64_t x) { return int64_t(double(x) > threshold); });
          },
  };
  return def;
}

const OpDef& normalizer_op() {
  static const OpDef def{
      .name = "normalizer",
      .doc =
          "Each row of x [N, F] divided by its maximum (\"MAX\"), the sum of its magnitudes "
          "(\"L1\") or its length (\"L2\"); rows of norm 0 stay (ai.onnx.ml).",
      .inputs = {{"x", kFeatures}},
      .outputs = {{"y", DType::f32}},
      .attrs = {{"norm", AttrKind::text, false, "MAX"}},
      .infer = infer_normalizer,
      .reference = normalizer,
  };
  return def;
}

const OpDef& scaler_op() {
  static const OpDef def{
      .name = "scaler",
      .doc =
          "(x - offset) * scale, with one value in all or one for each feature (last axis) "
          "(ai.onnx.ml).",
      .inputs = {{"x", kFeatures}},
      .outputs = {{"y", DType::f32}},
      .attrs = {{"offset", AttrKind::reals}, {"scale", AttrKind::reals}},
      .infer = infer_scaler,
      .cost = elementwise_cost<2>,
      .reference = scaler,
      .examples = {R"(graph scaler_each(x: f32[2,3]) -> (y) {
        y = scaler(x) <offset=[1.0, 2.0, 3.0], scale=[2.0]>
      })"},
  };
  return def;
}

const OpDef& imputer_op() {
  static const OpDef def{
      .name = "imputer",
      .doc =
          "x with each element that equals the replaced value (NaN equals NaN) exchanged for the "
          "imputed value, one in all or one for each feature (ai.onnx.ml).",
      .inputs = {{"x", kFeatures, 'T'}},
      .outputs = {{"y", kFeatures, 'T'}},
      .attrs = {{"imputed_value_floats", AttrKind::reals},
                {"imputed_value_int64s", AttrKind::integers},
                {"replaced_value_float", AttrKind::real, false, 0.0f},
                {"replaced_value_int64", AttrKind::integer, false, int64_t{0}}},
      .infer = infer_imputer,
      .reference = imputer,
      .examples = {R"(graph impute(x: f32[2,3]) -> (y) {
        y = imputer(relu(x)) <imputed_value_floats=[1.0, 2.0, 3.0]>
      })"},
  };
  return def;
}

const OpDef& one_hot_encoder_op() {
  static const OpDef def{
      .name = "one_hot_encoder",
      .doc =
          "A new last axis with 1 at the category of each element, all zeros for others, which "
          "are refused with zeros=0 (ai.onnx.ml).",
      .inputs = {{"x", kFeatures | DTypes(DType::string)}},
      .outputs = {{"y", DType::f32}},
      .attrs = {{kCategories, AttrKind::integers},
                {kNames, AttrKind::texts},
                {"zeros", AttrKind::integer, false, int64_t{1}}},
      .infer = infer_one_hot,
      .reference = one_hot,
      .examples = {R"(graph encode(x: i64[2,3]) -> (y) {
        y = one_hot_encoder(x) <cats_int64s=[1, 3, 5]>
      })"},
  };
  return def;
}

const OpDef& feature_vectorizer_op() {
  static const OpDef def{
      .name = "feature_vectorizer",
      .doc =
          "The inputs [N, Fi] (or [Fi]) side by side as f32[N, sum], each cut or filled with zeros "
          "to its entry of inputdimensions (ai.onnx.ml).",
      .inputs = {{"xs", kFeatures, 0, Port::Presence::variadic}},
      .outputs = {{"y", DType::f32}},
      .attrs = {{"inputdimensions", AttrKind::integers}},
      .infer = infer_vectorizer,
      .cost = movement_cost,
      .reference = vectorizer,
      .examples = {R"(graph side_by_side(a: f32[2,3], b: f32[2,2]) -> (y) {
        y = feature_vectorizer(a, b) <inputdimensions=[2, 3]>
      })"},
  };
  return def;
}

const OpDef& array_feature_extractor_op() {
  static const OpDef def{
      .name = "array_feature_extractor",
      .doc =
          "The features (last axis) with the given indices; a vector gives one row (ai.onnx.ml).",
      .inputs = {{"x", kFeatures | DTypes(DType::string), 'T'}, {"indices", DType::i64}},
      .outputs = {{"y", kFeatures | DTypes(DType::string), 'T'}},
      .infer = infer_extractor,
      .cost = movement_cost,
      .reference = extractor,
      .examples = {R"(graph extract(x: f32[2,4]) -> (y) {
        y = array_feature_extractor(x, i64[2]{3, 0})
      })"},
  };
  return def;
}

}  // namespace hone
