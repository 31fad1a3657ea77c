#include "property/random_graph.h"

#include "ir/builder.h"
#include "ops/catalogue.h"

namespace hone::testing {
namespace {

constexpr const char* kUnary[] = {
    "neg",   "abs",      "relu",  "sigmoid", "tanh",    "identity", "exp",       "erf",
    "gelu",  "softplus", "floor", "sign",    "softmax", "dropout",  "flatten",   "cos",
    "swish", "round",    "celu",  "not",     "shape",   "size",     "hard_swish"};
constexpr const char* kBinary[] = {"add", "sub", "mul",   "max", "min", "matmul", "less",
                                   "pow", "and", "equal", "div", "mod", "or",     "prelu"};

class Generator {
 public:
  Generator(Model& model, GraphId graph, uint64_t seed, const GraphSpec& spec)
      : spec_(spec), random_(seed), builder_(model, graph, standard_catalogue()) {}

  void run() {
    inputs();
    for (int tries = 0; made_ < spec_.nodes && tries < spec_.nodes * 20; ++tries) step();
    if (spec_.control) branch();
    outputs();
  }

 private:
  void inputs() {
    const int64_t count = random_.between(1, 3);
    for (int64_t i = 0; i < count; ++i) {
      Shape shape;
      for (int64_t n = random_.between(0, 3); n > 0; --n) {
        if (spec_.symbols && random_.chance(0.3)) {
          const char* name = random_.chance(0.5) ? "N" : "T";
          builder_.model().add_symbol(name, BindingTime::call);
          shape.dims.push_back(Dim::symbol(name));
        } else {
          shape.dims.push_back(Dim(random_.chance(0.2) ? 1 : random_.between(2, 4)));
        }
      }
      const DType dtype = i == 0 || random_.chance(0.6) ? DType::f32
                          : random_.chance(0.6)         ? DType::i64
                                                        : DType::boolean;
      values_.push_back(
          builder_.graph().add_input("x" + std::to_string(i), Type(dtype, std::move(shape))));
    }
  }

  ValueId any() {
    // Newer values more often, so that graphs get deep.
    const auto n = int64_t(values_.size());
    const int64_t at = std::max(random_.between(0, n - 1), random_.between(0, n - 1));
    return values_[size_t(at)];
  }

  bool add(std::string_view op, std::vector<ValueId> inputs, Builder::Given attrs = {},
           size_t outputs = 1) {
    auto made = builder_.emit(op, std::move(inputs), std::move(attrs), outputs,
                              "n" + std::to_string(made_));
    if (!made) return false;
    ++made_;
    for (ValueId v : *made) {
      values_.push_back(v);
      if (random_.chance(0.5)) builder_.graph().at(v).name = "v" + std::to_string(values_.size());
    }
    return true;
  }

  const Type& type(ValueId v) { return builder_.graph()[v].type; }
  size_t rank(ValueId v) { return type(v).tensor.shape.rank(); }

  ValueId constant_like(ValueId v) {
    Shape shape;
    const Shape& from = type(v).tensor.shape;
    if (random_.chance(0.5) && from.is_fixed()) shape = from;
    Dim::Bindings none;
    Datum d = random_datum(Type(type(v).tensor.dtype, shape), none, random_, true);
    if (random_.chance(0.2))
      for (int64_t i = 0; i < d.tensor.count(); ++i) store_integer(d.tensor, i, 1);
    return builder_.constant(d.tensor);
  }

  void step() {
    const ValueId a = any();
    switch (random_.between(0, 9)) {
      case 0:
      case 1:
      case 2: add(kUnary[random_.between(0, int64_t(std::size(kUnary)) - 1)], {a}); break;
      case 3:
      case 4: add(kBinary[random_.between(0, int64_t(std::size(kBinary)) - 1)], {a, any()}); break;
      case 5: {
        const ValueId b = constant_like(a);
        const bool swap = random_.chance(0.3);
        add(kBinary[random_.between(0, 4)], swap ? std::vector{b, a} : std::vector{a, b});
        break;
      }
      case 6: reduce(a); break;
      case 7: move(a); break;
      case 8: spelled(a); break;
      case 9: slice(a); break;
    }
  }

  void reduce(ValueId a) {
    if (rank(a) == 0) return;
    const char* ops[] = {"reduce_sum", "reduce_mean", "reduce_max", "reduce_l2"};
    add(ops[random_.between(0, 3)],
        {a, builder_.integers({random_.between(-int64_t(rank(a)), int64_t(rank(a)) - 1)})},
        {{"keepdims", random_.between(0, 1)}});
  }

  void move(ValueId a) {
    if (random_.chance(0.4) && rank(a) > 1) {
      Integers perm(rank(a));
      for (size_t i = 0; i < perm.size(); ++i) perm[i] = int64_t(i);
      for (size_t i = perm.size(); i > 1; --i)
        std::swap(perm[i - 1], perm[size_t(random_.between(0, int64_t(i) - 1))]);
      add("transpose", {a}, {{"perm", perm}});
    } else if (random_.chance(0.4)) {
      add("reshape", {a, builder_.integers(random_.chance(0.5) ? Integers{-1} : Integers{1, -1})});
    } else if (random_.chance(0.5)) {
      add("unsqueeze", {a, builder_.integers({random_.between(0, int64_t(rank(a)))})});
    } else if (rank(a) > 0) {
      add("concat", {a, random_.chance(0.5) ? a : any()},
          {{"axis", random_.between(0, int64_t(rank(a)) - 1)}});
    }
  }

  void slice(ValueId a) {
    if (rank(a) == 0) return;
    const int64_t axis = random_.between(0, int64_t(rank(a)) - 1);
    if (random_.chance(0.4))
      add("split", {a}, {{"axis", axis}, {"num_outputs", int64_t{2}}}, 2);
    else
      add("slice", {a, builder_.integers({random_.between(-1, 1)}),
                    builder_.integers({random_.between(2, 9)}), builder_.integers({axis})});
  }

  // Spellings of composite operators, whole.
  void spelled(ValueId a) {
    if (type(a).tensor.dtype != DType::f32) return;
    auto last = [&] { return values_.back(); };
    if (random_.chance(0.5)) {
      const auto number = [&](double n) { return *builder_.scalar(DType::f32, n); };
      if (!add("div", {a, number(1.4142135)}) || !add("erf", {last()}) ||
          !add("add", {last(), number(1)}) || !add("mul", {a, last()}))
        return;
      add("mul", {last(), number(0.5)});
    } else if (add("sigmoid", {a})) {
      add("mul", {a, last()});
    }
  }

  // An `if` whose graphs take the newest value of type f32.
  void branch() {
    for (size_t i = values_.size(); i-- > 0;) {
      const Type t = type(values_[i]);
      if (t.tensor.dtype != DType::f32) continue;
      Builder::Given graphs;
      for (const char* name : {"then", "else"}) {
        const GraphId id = builder_.model().add_graph(name);
        Builder inner(builder_.model(), id, standard_catalogue());
        const ValueId x = inner.graph().add_input("x", t);
        const auto y = inner.emit1(name[0] == 't' ? "neg" : "abs", {x});
        inner.graph().add_output("y", *inner.emit1(name[0] == 't' ? "neg" : "relu", {*y}));
        graphs.emplace_back(name, id);
      }
      const ValueId c = builder_.constant(Tensor::scalar(DType::boolean, random_.between(0, 1)));
      add("if", {c, values_[i]}, std::move(graphs));
      return;
    }
  }

  void outputs() {
    const int64_t count = random_.between(1, 4);
    for (int64_t i = 0; i < count; ++i)
      builder_.graph().add_output("y" + std::to_string(i), i == 0 ? values_.back() : any());
  }

  GraphSpec spec_;
  Random random_;
  Builder builder_;
  std::vector<ValueId> values_;
  int made_ = 0;
};

}  // namespace

Model random_model(uint64_t seed, const GraphSpec& spec) {
  Model model;
  const GraphId graph = model.add_graph("main");
  Generator(model, graph, seed, spec).run();
  return model;
}

}  // namespace hone::testing
