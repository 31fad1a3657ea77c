#include "import/arch/layers.h"

#include "import/arch/names.h"

namespace hone::arch {

Result<ValueId> Layers::product(ValueId x, const std::string& name, int64_t in, int64_t out) {
  const ValueId weight = TRY(weights_.take(b_, name + ".weight", {out, in}));
  const ValueId turned = TRY(b_.emit1("transpose", {weight}, {{"perm", Integers{1, 0}}}));
  const ValueId y = TRY(b_.emit1("matmul", {x, turned}));
  if (!weights_.has(name + ".bias")) return y;
  const ValueId bias = TRY(weights_.take(b_, name + ".bias", {out}));
  return b_.emit1("add", {y, bias});
}

Result<ValueId> Layers::norm(ValueId x, const std::string& name, int64_t size, double epsilon) {
  const ValueId weight = TRY(weights_.take(b_, name + ".weight", {size}));
  const ValueId bias = TRY(weights_.take(b_, name + ".bias", {size}));
  return b_.emit1("layer_normalization", {x, weight, bias}, {{"epsilon", float(epsilon)}});
}

Result<ValueId> Layers::activate(ValueId x, Activation activation) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::gelu: return b_.emit1("gelu", {x});
    case Activation::gelu_tanh:
      return b_.emit1("gelu", {x}, {{"approximate", std::string("tanh")}});
    case Activation::quick_gelu: return b_.emit1("swish", {x}, {{"alpha", 1.702F}});
    case Activation::relu: return b_.emit1("relu", {x});
    case Activation::silu: return b_.emit1("swish", {x});
    case Activation::tanh: return b_.emit1("tanh", {x});
  }
  return fail(ErrorId::internal, "no such activation");
}

Result<ValueId> Layers::row(ValueId x, int64_t at) {
  return b_.emit1("gather", {x, b_.constant(Tensor::of({}, std::vector<int64_t>{at}))},
                  {{"axis", int64_t{1}}});
}

Result<ValueId> Layers::seen(ValueId mask) {
  const ValueId flags = TRY(b_.emit1("cast", {mask}, {{"to", DType::boolean}}));
  return b_.emit1("unsqueeze", {flags, b_.integers({1, 2})});
}

Result<ValueId> Layers::attention(ValueId x, const StackConfig& config, const LayerNames& names,
                                  int64_t number, ValueId mask) {
  const auto project = [&](std::string_view name) {
    return product(x, numbered(name, number), config.width, config.width);
  };
  std::vector<ValueId> in;
  for (const std::string_view name : {names.query, names.key, names.value})
    in.push_back(TRY(project(name)));
  if (mask.valid()) in.push_back(mask);
  Builder::Given attrs{{"q_num_heads", config.heads}, {"kv_num_heads", config.heads}};
  if (config.causal) attrs.emplace_back("is_causal", int64_t{1});
  const ValueId y = TRY(b_.emit1("attention", std::move(in), std::move(attrs)));
  return product(y, numbered(names.attended, number), config.width, config.width);
}

Result<ValueId> Layers::feed_forward(ValueId x, const StackConfig& config, const LayerNames& names,
                                     int64_t number) {
  const ValueId h = TRY(product(x, numbered(names.up, number), config.width, config.feed_forward));
  return product(TRY(activate(h, config.activation)), numbered(names.down, number),
                 config.feed_forward, config.width);
}

Result<ValueId> Layers::layer(ValueId x, const StackConfig& config, const LayerNames& names,
                              int64_t number, ValueId mask) {
  const auto normed = [&](ValueId v, std::string_view name) {
    return norm(v, numbered(name, number), config.width, config.epsilon);
  };
  if (config.norm_first) {
    const ValueId a =
        TRY(attention(TRY(normed(x, names.attention_norm)), config, names, number, mask));
    x = TRY(b_.emit1("add", {x, a}));
    const ValueId h = TRY(feed_forward(TRY(normed(x, names.output_norm)), config, names, number));
    return b_.emit1("add", {x, h});
  }
  const ValueId a = TRY(attention(x, config, names, number, mask));
  x = TRY(normed(TRY(b_.emit1("add", {x, a})), names.attention_norm));
  const ValueId h = TRY(feed_forward(x, config, names, number));
  return normed(TRY(b_.emit1("add", {x, h})), names.output_norm);
}

Result<ValueId> Layers::stack(ValueId x, const StackConfig& config, const LayerNames& names,
                              ValueId mask) {
  for (int64_t i = 0; i < config.layers; ++i) {
    const int64_t number = config.tensors_of.empty() ? i : config.tensors_of[size_t(i)];
    x = TRY(layer(x, config, names, number, mask).context("building layer " + std::to_string(i)));
  }
  return x;
}

}  // namespace hone::arch
