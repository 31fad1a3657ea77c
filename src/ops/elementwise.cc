// Element-wise functions one after the other as one operator: what chains of them are lowered to.
#include "ops/elementwise.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace hone {
namespace {

constexpr ElementwiseUnary kUnary[] = {
    {"abs", [](double x) { return std::fabs(x); }},
    {"erf", [](double x) { return std::erf(x); }},
    {"exp", [](double x) { return std::exp(x); }},
    {"gelu", [](double x) { return 0.5 * x * (1 + std::erf(x * 0.70710678118654752440)); }},
    {"gelu_tanh",
     [](double x) {
       return 0.5 * x * (1 + std::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
     }},
    {"neg", [](double x) { return -x; }},
    {"relu", [](double x) { return x < 0 ? 0 : x; }},
    {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"silu", [](double x) { return x / (1 + std::exp(-x)); }},
    {"sqrt", [](double x) { return std::sqrt(x); }},
    {"tanh", [](double x) { return std::tanh(x); }},
};
constexpr ElementwiseBinary kBinary[] = {
    {"add", [](double a, double b) { return a + b; }},
    {"div", [](double a, double b) { return a / b; }},
    {"mul", [](double a, double b) { return a * b; }},
    {"sub", [](double a, double b) { return a - b; }},
};

template <class Table>
std::optional<size_t> find_in(const Table& table, std::string_view name) {
  const auto at = std::ranges::find(table, name, [](const auto& f) { return f.name; });
  if (at == std::end(table)) return std::nullopt;
  return size_t(at - std::begin(table));
}

std::optional<float> number_of(std::string_view word) {
  float number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

// The input that a word such as "x12" names.
std::optional<size_t> input_of(std::string_view word) {
  size_t index = 0;
  if (word.size() < 2 || word[0] != 'x') return std::nullopt;
  const auto [end, error] = std::from_chars(word.data() + 1, word.data() + word.size(), index);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return index;
}

class Parser {
 public:
  Parser(const Infer& c, size_t inputs) : c_(c), used_(inputs, false) {}

  Result<ElementwiseProgram> parse(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find(' '), text.size());
      if (end > 0) TRY(word(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (steps_.size() > kElementwiseSteps) return wrong("is too long");
    }
    if (depth_ != 1) return wrong("leaves " + std::to_string(depth_) + " results, not one");
    if (const auto unused = std::ranges::find(used_, false); unused != used_.end())
      return wrong("does not use x" + std::to_string(unused - used_.begin()));
    return std::move(steps_);
  }

 private:
  using Kind = ElementwiseStep::Kind;
  Error wrong(const std::string& why) { return attribute_error(c_, "the program " + why); }

  Status word(std::string_view word) {
    if (const auto input = input_of(word)) {
      if (*input >= used_.size()) return wrong("uses " + printable(word) + ", which is not given");
      used_[*input] = true;
      return push({Kind::input, *input}, 0);
    }
    if (const auto number = number_of(word)) return push({Kind::number, 0, *number}, 0);
    if (const auto f = find_in(kUnary, word)) return push({Kind::unary, *f}, 1);
    if (const auto f = find_in(kBinary, word)) return push({Kind::binary, *f}, 2);
    if (word == "clip") return clip();
    if (word == "dup") {
      if (depth_ == 0) return wrong("has nothing for dup");
      return push({Kind::dup}, 0);
    }
    return wrong("has the unknown word \"" + printable(word) + "\"");
  }

  // The bounds become a part of the step.
  Status clip() {
    const size_t n = steps_.size();
    if (n < 2 || steps_[n - 1].kind != Kind::number || steps_[n - 2].kind != Kind::number)
      return wrong("has a clip that two numbers do not come before");
    ElementwiseStep step{Kind::clip};
    step.low = steps_[n - 2].number;
    step.high = steps_[n - 1].number;
    steps_.resize(n - 2);
    depth_ -= 2;
    return push(step, 1);
  }

  Status push(const ElementwiseStep& step, size_t taken) {
    if (depth_ < taken) return wrong("takes more than there is");
    depth_ = depth_ - taken + 1;
    if (depth_ > kElementwiseDepth) return wrong("needs a deeper stack than there is");
    steps_.push_back(step);
    return ok();
  }

  const Infer& c_;
  std::vector<bool> used_;
  ElementwiseProgram steps_;
  size_t depth_ = 0;
};

Result<Types> infer(const Infer& c) {
  if (c.inputs() > kElementwiseInputs) return attribute_error(c, "there are too many inputs");
  TRY(elementwise_program(c));
  const size_t joined = TRY(elementwise_joined(c));
  Shape shape = c.shape(0);
  for (size_t i = 1; i < joined && shape.ranked; ++i) {
    const Shape& part = c.shape(i);
    if (!part.ranked || part.rank() != shape.rank() || shape.rank() == 0)
      return shape_error(c, "parts of shapes " + shape.str() + " and " + part.str() +
                                " cannot be joined along the last axis");
    for (size_t axis = 0; axis + 1 < shape.rank(); ++axis)
      shape.dims[axis] =
          TRY(same_extent(c, shape.dims[axis], part.dims[axis], "the extents of joined parts"));
    shape.dims.back() = shape.dims.back() + part.dims.back();
  }
  for (size_t i = joined; i < c.inputs(); ++i) shape = TRY(broadcast(shape, c.shape(i)));
  return Types{Type(c.dtype(0), std::move(shape))};
}

// One element: what the steps leave of the inputs' elements.
// Each step rounds, as the operators that it stands for do.
double run_program(const ElementwiseProgram& program, const std::vector<double>& inputs,
                   DType dtype) {
  using Kind = ElementwiseStep::Kind;
  const auto rounded = [&](double x) { return dtype == DType::f32 ? double(float(x)) : x; };
  double stack[kElementwiseDepth];
  size_t depth = 0;
  for (const ElementwiseStep& step : program) {
    double* top = stack + depth;  // one above
    switch (step.kind) {
      case Kind::input: stack[depth++] = inputs[step.index]; break;
      case Kind::number: stack[depth++] = double(step.number); break;
      case Kind::unary: top[-1] = rounded(kUnary[step.index].f(top[-1])); break;
      case Kind::binary:
        top[-2] = rounded(kBinary[step.index].f(top[-2], top[-1]));
        --depth;
        break;
      case Kind::clip: {
        const double x = top[-1] < double(step.low) ? double(step.low) : top[-1];
        top[-1] = x > double(step.high) ? double(step.high) : x;
        break;
      }
      case Kind::dup:
        stack[depth] = top[-1];
        ++depth;
        break;
    }
  }
  return stack[0];
}

Result<Tensor> joined(const Call& c, size_t parts) {
  Extents shape = c.in(0).shape();
  for (size_t i = 1; i < parts; ++i) shape.back() += c.in(i).shape().back();
  Tensor whole = TRY(Tensor::make(c.in(0).dtype(), shape, c.memory_limit));
  int64_t column = 0;
  for (size_t i = 0; i < parts; ++i) {
    const Tensor& part = c.in(i);
    const int64_t width = part.shape().back();
    for (int64_t k = 0; k < part.count(); ++k)
      copy_element(part, k, whole, k / width * shape.back() + column + k % width);
    column += width;
  }
  return whole;
}

Status reference(Call& c) {
  const ElementwiseProgram program = TRY(elementwise_program(c));
  const size_t parts = TRY(elementwise_joined(c));
  Tensor& y = *TRY(c.out(0));
  std::vector<Tensor> inputs{parts == 1 ? c.in(0) : TRY(joined(c, parts))};
  for (size_t i = parts; i < c.inputs(); ++i) inputs.push_back(c.in(i));
  std::vector<std::vector<int64_t>> strides;
  for (const Tensor& x : inputs) strides.push_back(broadcast_strides(x.shape(), y.shape()));
  Odometer at(y.shape(), std::move(strides));
  if (at.empty()) return ok();
  std::vector<double> elements(inputs.size());
  int64_t i = 0;
  do {
    for (size_t k = 0; k < elements.size(); ++k) elements[k] = load_real(inputs[k], at.offset(k));
    store_real(y, i++, run_program(program, elements, y.dtype()));
  } while (at.next());
  return ok();
}

Cost cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  int64_t functions = 0;
  if (const auto program = elementwise_program(c))
    for (const ElementwiseStep& step : *program)
      functions += step.kind >= ElementwiseStep::Kind::unary ? 1 : 0;
  cost.flops = element_count(out[0].tensor.shape) * Dim(functions);
  return cost;
}

}  // namespace

std::span<const ElementwiseUnary> elementwise_unaries() { return kUnary; }
std::span<const ElementwiseBinary> elementwise_binaries() { return kBinary; }

Result<size_t> elementwise_joined(const Infer& c) {
  const int64_t joined = c.integer("joined");
  if (joined < 1 || size_t(joined) > c.inputs())
    return attribute_error(c, std::to_string(joined) + " of " + std::to_string(c.inputs()) +
                                  " inputs cannot be joined");
  return size_t(joined);
}

Result<ElementwiseProgram> elementwise_program(const Infer& c) {
  return Parser(c, c.inputs() - TRY(elementwise_joined(c)) + 1).parse(c.text("program"));
}

const OpDef& elementwise_op() {
  static const OpDef def{
      .name = "elementwise",
      .doc =
          "What a program in postfix notation makes of the inputs, broadcast together: x0, x1 … "
          "and "
          "numbers go onto a stack, functions take from it. \"x0 x1 mul 0.0 6.0 clip\" is a "
          "product "
          "kept within bounds, \"x0 dup mul\" a square.",
      .inputs = {{"xs", kFloats, 'T', Port::Presence::variadic}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"program",
                 AttrKind::text,
                 true,
                 {},
                 "functions: abs, erf, exp, gelu, gelu_tanh, neg, relu, sigmoid, silu, sqrt, tanh; "
                 "add, div, mul, sub; clip, dup"},
                {"joined", AttrKind::integer, false, int64_t{1},
                 "so many inputs, one after the other along the last axis, are x0"}},
      .traits = Trait::elementwise,
      .infer = infer,
      .cost = cost,
      .reference = reference,
      .examples = {R"(graph elementwise_affine(x: f32[2,5,3], w: f32[3], b: f32[3]) -> (y) {
        y = elementwise(x, w, b) <program="x0 x1 mul x2 add relu">
      })",
                   R"(graph elementwise_numbers(x: f32[7], s: f32[]) -> (y) {
        y = elementwise(x, s) <program="x0 3.0 add 0.0 6.0 clip x0 mul x1 div">
      })",
                   R"(graph elementwise_square(x: f32[2,1], y: f32[1,3]) -> (z) {
        z = elementwise(x, y) <program="x0 sigmoid x1 tanh sub dup mul">
      })",
                   R"(graph elementwise_joined(a: f32[2,5,3], b: f32[2,5,4], w: f32[7]) -> (y) {
        y = elementwise(a, b, w) <program="x0 x1 mul relu", joined=2>
      })",
                   R"(graph elementwise_functions(x: f32[9]) -> (y) {
        y = elementwise(x) <program="x0 abs sqrt exp neg erf gelu gelu_tanh silu">
      })"},
  };
  return def;
}

}  // namespace hone
