// The operators of ai.onnx.ml, and the optimizers of ai.onnx.preview.training.
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Values = std::vector<ValueId>;

constexpr std::string_view kMl = "ai.onnx.ml", kTraining = "ai.onnx.preview.training";

// The numbers of attribute `name` (f32) or `name`_as_tensor; no value when neither is given.
Result<ValueId> numbers(NodeContext& c, const std::string& name) {
  const std::string as_tensor = name + "_as_tensor";
  if (c.has(as_tensor)) return c.builder().constant(TRY(c.tensor(as_tensor)));
  if (!c.has(name)) return ValueId{};
  Reals values = TRY(c.reals(name));
  const Extents extents{int64_t(values.size())};
  return c.builder().constant(Tensor::of(extents, std::move(values)));
}

// Copies the attributes that are given.
Status copy_integers(NodeContext& c, Builder::Given& attrs,
                     std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (c.has(name)) attrs.emplace_back(name, TRY(c.integers(name)));
  return ok();
}
Status copy_texts(NodeContext& c, Builder::Given& attrs, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (c.has(name)) attrs.emplace_back(name, TRY(c.texts(name)));
  return ok();
}
Status copy_text(NodeContext& c, Builder::Given& attrs, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (c.has(name)) attrs.emplace_back(name, TRY(c.text(name)));
  return ok();
}
Status copy_integer(NodeContext& c, Builder::Given& attrs,
                    std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (c.has(name)) attrs.emplace_back(name, TRY(c.integer(name)));
  return ok();
}

// What the classifier and the regressor have in common.
Result<Values> trees(NodeContext& c, const char* op, const char* weights, Builder::Given attrs) {
  TRY(copy_integers(c, attrs,
                    {"nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids",
                     "nodes_falsenodeids", "nodes_missing_value_tracks_true"}));
  TRY(copy_texts(c, attrs, {"nodes_modes"}));
  TRY(copy_text(c, attrs, {"post_transform"}));
  c.ignore("nodes_hitrates");  // statistics of training
  c.ignore("nodes_hitrates_as_tensor");
  const ValueId values = TRY(numbers(c, "nodes_values"));
  const ValueId votes = TRY(numbers(c, weights));
  if (!values.valid() || !votes.valid())
    return c.unsupported("nodes_values or " + std::string(weights) + " is missing");
  const ValueId base = TRY(numbers(c, "base_values"));
  return c.emit(op, {c.input(0), values, votes, base}, std::move(attrs));
}

Result<Values> tree_classifier(NodeContext& c) {
  Builder::Given attrs;
  TRY(copy_integers(c, attrs,
                    {"class_ids", "class_nodeids", "class_treeids", "classlabels_int64s"}));
  TRY(copy_texts(c, attrs, {"classlabels_strings"}));
  return trees(c, "tree_ensemble_classifier", "class_weights", std::move(attrs));
}

Result<Values> tree_regressor(NodeContext& c) {
  Builder::Given attrs;
  TRY(copy_integers(c, attrs, {"target_ids", "target_nodeids", "target_treeids"}));
  TRY(copy_integer(c, attrs, {"n_targets"}));
  TRY(copy_text(c, attrs, {"aggregate_function"}));
  return trees(c, "tree_ensemble_regressor", "target_weights", std::move(attrs));
}

Result<Values> tree_ensemble(NodeContext& c) {
  Builder::Given attrs;
  TRY(copy_integers(c, attrs,
                    {"tree_roots", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids",
                     "nodes_trueleafs", "nodes_falseleafs", "nodes_missing_value_tracks_true",
                     "leaf_targetids"}));
  TRY(copy_integer(c, attrs, {"n_targets", "aggregate_function", "post_transform"}));
  c.ignore("nodes_hitrates");
  Builder& b = c.builder();
  Values inputs{c.input(0)};
  for (const char* name : {"nodes_splits", "nodes_modes", "leaf_weights"})
    inputs.push_back(b.constant(TRY(c.tensor(name))));
  if (c.has("membership_values")) inputs.push_back(b.constant(TRY(c.tensor("membership_values"))));
  return c.emit("tree_ensemble", std::move(inputs), std::move(attrs));
}

// --- LabelEncoder --------------------------------------------------------------------------------

Tensor of_texts(Texts texts) {
  const Extents extents{int64_t(texts.size())};
  return Tensor::of_strings(extents, std::move(texts));
}
Tensor of_integers(Integers values) {
  const Extents extents{int64_t(values.size())};
  return Tensor::of(extents, std::move(values));
}
Tensor of_reals(Reals values) {
  const Extents extents{int64_t(values.size())};
  return Tensor::of(extents, std::move(values));
}

Result<Values> encoder_of_classes(NodeContext& c) {
  const Texts classes = TRY(c.texts("classes_strings"));
  Integers places(classes.size());
  for (size_t i = 0; i < places.size(); ++i) places[i] = int64_t(i);
  const int64_t number = TRY(c.integer("default_int64", -1));
  const std::string text = TRY(c.text("default_string", "_Unused"));
  Builder& b = c.builder();
  if (c.has_input(0) && c.input_type(0).tensor.dtype == DType::string)
    return c.emit("label_encoder",
                  {c.input(0), b.constant(of_texts(classes)), b.constant(of_integers(places)),
                   b.constant(of_integers({number}))});
  return c.emit("label_encoder", {c.input(0), b.constant(of_integers(places)),
                                  b.constant(of_texts(classes)), b.constant(of_texts({text}))});
}

// The list `stem`_strings, _int64s, _floats or _tensor that is given.
Result<Tensor> list_of(NodeContext& c, const std::string& stem) {
  if (c.has(stem + "_strings")) return of_texts(TRY(c.texts(stem + "_strings")));
  if (c.has(stem + "_int64s")) return of_integers(TRY(c.integers(stem + "_int64s")));
  if (c.has(stem + "_floats")) return of_reals(TRY(c.reals(stem + "_floats")));
  if (c.has(stem + "_tensor")) return TRY(c.tensor(stem + "_tensor"));
  return c.unsupported("there are no " + stem);
}

Result<Tensor> default_of(NodeContext& c, DType dtype) {
  const std::string text = TRY(c.text("default_string", "_Unused"));
  const int64_t number = TRY(c.integer("default_int64", -1));
  const float real = TRY(c.real("default_float", -0.0f));
  if (c.has("default_tensor")) return c.tensor("default_tensor");
  if (dtype == DType::string) return of_texts({text});
  if (dtype == DType::i64) return of_integers({number});
  if (dtype == DType::f32) return of_reals({real});
  if (is_complex(dtype)) return c.unsupported("values of " + std::string(name(dtype)));
  Tensor t = Tensor::scalar(dtype, 0);
  is_float(dtype) ? store_real(t, 0, double(real)) : store_integer(t, 0, number);
  return t;
}

Result<Values> encoder_of_lists(NodeContext& c) {
  const Tensor keys = TRY(list_of(c, "keys")), values = TRY(list_of(c, "values"));
  const Tensor other = TRY(default_of(c, values.dtype()));
  Builder& b = c.builder();
  return c.emit("label_encoder",
                {c.input(0), b.constant(keys), b.constant(values), b.constant(other)});
}

constexpr Translation kTable[] = {
    {kMl, "ArrayFeatureExtractor", 1, "array_feature_extractor"},
    {kMl, "Binarizer", 1, "binarizer"},
    {kMl, "CastMap", 1, "cast_map"},
    {kMl, "CategoryMapper", 1, "category_mapper"},
    {kMl, "DictVectorizer", 1, "dict_vectorizer"},
    {kMl, "FeatureVectorizer", 1, "feature_vectorizer"},
    {kMl, "Imputer", 1, "imputer"},
    {kMl, "LabelEncoder", 1, {}, encoder_of_classes, first_inputs(1)},
    {kMl, "LabelEncoder", 2, {}, encoder_of_lists, first_inputs(1)},
    {kMl, "LinearClassifier", 1, "linear_classifier"},
    {kMl, "LinearRegressor", 1, "linear_regressor"},
    {kMl, "Normalizer", 1, "normalizer"},
    {kMl, "OneHotEncoder", 1, "one_hot_encoder"},
    {kMl, "SVMClassifier", 1, "svm_classifier"},
    {kMl, "SVMRegressor", 1, "svm_regressor"},
    {kMl, "Scaler", 1, "scaler"},
    {kMl, "TreeEnsemble", 5, {}, tree_ensemble, first_inputs(1)},
    {kMl, "TreeEnsembleClassifier", 1, {}, tree_classifier, first_inputs(1)},
    {kMl, "TreeEnsembleRegressor", 1, {}, tree_regressor, first_inputs(1)},
    {kMl, "ZipMap", 1, "zip_map"},
    {kTraining, "Adagrad", 1, "adagrad"},
    {kTraining, "Adam", 1, "adam"},
    {kTraining, "Momentum", 1, "momentum"},
};

}  // namespace

std::span<const Translation> ml_translations() { return kTable; }

}  // namespace hone::onnx
