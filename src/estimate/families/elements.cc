// What takes elements one by one, and what moves them.
#include "estimate/families/shapes.h"
#include "ops/elementwise.h"

namespace hone::estimate {
namespace {

double pieces_of(double elements) { return std::max(1.0, std::floor(elements / 16384)); }

// Functions that take a polynomial or more.
bool is_slow(std::string_view name) {
  return is_one_of(name,
                   {"exp",  "log",   "tanh",  "sigmoid", "erf",      "gelu", "pow",
                    "sin",  "cos",   "tan",   "asin",    "acos",     "atan", "sinh",
                    "cosh", "asinh", "acosh", "atanh",   "softplus", "mish", "swish",
                    "elu",  "selu",  "celu",  "silu",    "swiglu",   "mod",  "quantized_swiglu"});
}
bool divides(std::string_view name) {
  return is_one_of(name, {"div", "sqrt", "reciprocal", "softsign"});
}

Work elementwise_work(const Step& step, const Infer& call, const Machine&) {
  const double n = elements_of(*step.out);
  double cheap = 0, slow = 0, divided = 0;
  const auto count = [&](std::string_view name) {
    ++(is_slow(name) ? slow : divides(name) ? divided : cheap);
  };
  if (step.op->name == "elementwise") {
    if (const auto program = elementwise_program(call))
      for (const ElementwiseStep& s : *program) {
        using Kind = ElementwiseStep::Kind;
        if (s.kind == Kind::unary) count(elementwise_unaries()[s.index].name);
        if (s.kind == Kind::binary) count(elementwise_binaries()[s.index].name);
        if (s.kind == Kind::clip || s.kind == Kind::input) ++cheap;
      }
  } else {
    count(step.op->name);
    cheap += double(call.inputs());
  }
  // Rows that are as long as those of all inputs are taken in one loop.
  bool broadcast = false;
  for (size_t i = 0; i < call.inputs(); ++i)
    broadcast = broadcast ||
                (call.has(i) && elements_of(call.shape(i)) != n && elements_of(call.shape(i)) != 1);
  const double rows = broadcast ? n / std::max(1.0, last_of(step.out->front().tensor.shape)) : 0;
  return {{n * cheap, n * slow, n * divided, n, rows},
          {log_of(n), slow > 0 ? 3.0 : 0, log_of(1 + cheap + 4 * slow), log_of(rows)},
          pieces_of(n)};
}

Work quantization_work(const Step& step, const Infer& call, const Machine&) {
  const double n = elements_of(call.shape(0));
  const bool wide = step.op->name == "dequantize_linear", cast = step.op->name == "cast",
             blocks = step.op->name == "quantize_blocks";
  return {{wide ? n : 0, cast ? n : 0, blocks ? n : 0, wide || cast || blocks ? 0 : n,
           blocks ? 1.0 : 0},
          {log_of(n), (wide ? 3.0 : 0) + (cast ? 6 : 0) + (blocks ? 9 : 0)},
          pieces_of(n)};
}

Work gather_work(const Step& step, const Infer& call, const Machine&) {
  const double n = elements_of(*step.out),
               row = std::max(1.0, last_of(step.out->front().tensor.shape));
  return {{n, n / row, elements_of(call.shape(call.inputs() > 1 && call.has(1) ? 1 : 0))},
          {log_of(n), log_of(row)},
          pieces_of(n)};
}

// A copy, and updates at places that indices tell.
Work scatter_work(const Step& step, const Infer& call, const Machine&) {
  const double indices = elements_of(call.shape(1)), updates = elements_of(call.shape(2));
  const double width = step.op->name == "scatter_nd" ? std::max(1.0, last_of(call.shape(1))) : 1;
  const double places = std::max(1.0, indices / width), run = updates / places;
  return {{places, indices, run > 1 ? updates : 0, elements_of(call.shape(0))},
          {log_of(places), log_of(run), log_of(width), log_of(elements_of(call.shape(0)))},
          1};
}

// Vectors of heads, turned by angles.
Work rotary_work(const Step& step, const Infer& call, const Machine&) {
  const double n = elements_of(call.shape(0)),
               row = std::max(1.0, last_of(step.out->front().tensor.shape));
  const bool angles = step.op->name == "rotary_angles";
  return {{angles ? 0 : n, n / row, angles ? elements_of(*step.out) : 0},
          {log_of(n), log_of(row), angles ? 4.0 : 0},
          pieces_of(n)};
}

// Loops that any operator can run by: they read sizes and types anew for each element.
Work defined_work(const Step& step, const Infer& call, const Machine&) {
  double in = 0;
  for (size_t i = 0; i < call.inputs(); ++i)
    if (call.has(i) && call.type(i).is_tensor()) in += elements_of(call.shape(i));
  const double out = elements_of(*step.out);
  return {
      {step.flops, in, out}, {log_of(in), log_of(out), log_of(step.flops / std::max(1.0, out))}, 1};
}

// Elements that stay side by side between two shapes: the axes at the end that are equal, and what
// of the one before them is in both.
double common_run(const Shape& a, const Shape& b) {
  double run = 1;
  for (size_t i = 0; i < std::min(a.rank(), b.rank()); ++i) {
    const double x = extent_of(a, a.rank() - 1 - i), y = extent_of(b, b.rank() - 1 - i);
    run *= std::min(x, y);
    if (x != y) break;
  }
  return std::max(1.0, run);
}

struct Moves {
  double elements = 0, run = 1;
  double narrow = 1;  // of a transpose: the shorter side of the matrix that turns
};
Moves moves_of(const Step& step, const Infer& call) {
  const Shape& out = step.out->front().tensor.shape;
  Moves m{elements_of(*step.out)};
  if (step.op->name == "paged_append") {  // rows, to their places in a cache that stays
    m.elements = elements_of(call.shape(1));
    const bool single = call.given("transposed") && call.integer("transposed") != 0;
    m.run = single ? 1 : std::max(1.0, last_of(call.shape(0)));
    m.narrow = 64;
    return m;
  }
  if (step.op->name != "transpose") {
    m.run = 1e18;
    for (const Type& t : *step.out)
      for (size_t i = 0; i < call.inputs(); ++i)
        if (call.has(i) && call.type(i).is_tensor() &&
            call.shape(i).rank() == t.tensor.shape.rank())
          m.run = std::min(m.run, common_run(call.shape(i), t.tensor.shape));
    if (m.run > 1e17) m.run = std::max(1.0, last_of(out));
    return m;
  }
  const Integers perm = call.given("perm") ? call.list("perm") : Integers{};
  size_t end = perm.size();
  for (; end > 0 && perm[end - 1] == int64_t(end - 1); --end) m.run *= extent_of(out, end - 1);
  if (end == 0) return m;
  // Axes that stay together count as one.
  double to = 1;
  for (size_t i = end; i-- > 0;) {
    to *= extent_of(out, i);
    if (i > 0 && perm[i - 1] + 1 != perm[i]) break;
  }
  m.narrow = std::min(to, extent_of(call.shape(0), end - 1));
  return m;
}

Work movement_work(const Step& step, const Infer& call, const Machine&) {
  const Moves m = moves_of(step, call);
  const bool single = m.run == 1, narrow = single && m.narrow < 8;
  const double n = m.elements;
  return {{single && !narrow ? n : 0, narrow ? n : 0, single ? 0 : n, single ? 0 : n / m.run,
           double(step.out->size() + call.inputs())},
          {log_of(n), log_of(m.run), single ? 2 + log_of(m.narrow) / 2 : 0},
          pieces_of(n)};
}

Work other_work(const Step& step, const Infer& call, const Machine&) {
  double in = 0;
  for (size_t i = 0; i < call.inputs(); ++i)
    if (call.has(i) && call.type(i).is_tensor()) in += elements_of(call.shape(i));
  return {{step.flops, in, elements_of(*step.out)}, {log_of(in), log_of(step.flops)}, 1};
}

}  // namespace

extern const Family elementwise_family, quantization_family, gather_family, scatter_family,
    rotary_family, defined_family, movement_family, other_family;

const Family elementwise_family{
    "elementwise",
    "functions of elements, fused ones too",
    {"simple functions", "slow functions", "divisions", "elements", "rows of broadcasts"},
    [](const Step& s) {
      return s.op->is(Trait::elementwise) ||
             is_one_of(s.op->name, {"elementwise", "swiglu", "quantized_swiglu", "quantized_add",
                                    "where", "clip", "gelu", "prelu"});
    },
    elementwise_work};
const Family quantization_family{
    "quantization",
    "numbers to bytes and back",
    {"made numbers", "cast", "made blocks", "made bytes", "calls for blocks"},
    [](const Step& s) {
      return is_one_of(s.op->name, {"quantize_linear", "dequantize_linear", "quantize_blocks",
                                    "cast", "dynamic_quantize_linear"});
    },
    quantization_work};
const Family gather_family{
    "gather",
    "rows of a table",
    {"elements", "rows", "indices"},
    [](const Step& s) { return s.op->name.find("gather") != std::string_view::npos; },
    gather_work};
const Family scatter_family{"scatter",
                            "updates at places that indices tell",
                            {"places", "indices", "updates in runs", "copied"},
                            [](const Step& s) { return s.op->name.starts_with("scatter"); },
                            scatter_work};
const Family rotary_family{
    "rotary",
    "rotary embeddings and their angles",
    {"elements", "rows", "angles"},
    [](const Step& s) { return is_one_of(s.op->name, {"rotary_embedding", "rotary_angles"}); },
    rotary_work};
const Family defined_family{"defined",
                            "operators without a kernel, run by their definition",
                            {"FLOPs", "inputs", "outputs"},
                            [](const Step& s) { return s.defined; },
                            defined_work};
const Family movement_family{
    "movement",
    "elements that change places",
    {"single elements", "elements of narrow matrices", "elements in runs", "runs", "tensors"},
    [](const Step& s) {
      return is_one_of(s.op->name,
                       {"transpose", "concat", "slice", "split", "pad", "expand", "tile", "resize",
                        "depth_to_space", "space_to_depth", "reshape", "flatten", "squeeze",
                        "unsqueeze", "identity", "paged_append", "reverse_sequence", "trilu"});
    },
    movement_work};
const Family other_family{"other",
                          "every other operator",
                          {"FLOPs", "inputs", "outputs"},
                          [](const Step&) { return true; },
                          other_work};

}  // namespace hone::estimate
