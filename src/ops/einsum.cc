// Sums of products in Einstein's notation.
#include <algorithm>
#include <array>

#include "ops/window.h"

namespace hone {
namespace {

constexpr size_t kMaxEquation = 4096;
constexpr int kEllipsis = -1;  // stands for the broadcast axes in a list of subscripts

// One operand or the output: letters, and kEllipsis at most once.
using Subscripts = std::vector<int>;

struct Equation {
  std::vector<Subscripts> operands;
  Subscripts output;
};

Result<Subscripts> parse_term(const Infer& c, std::string_view text) {
  Subscripts term;
  for (size_t i = 0; i < text.size(); ++i) {
    const char ch = text[i];
    if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')) {
      term.push_back(ch);
    } else if (text.substr(i, 3) == "..." && std::count(term.begin(), term.end(), kEllipsis) == 0) {
      term.push_back(kEllipsis);
      i += 2;
    } else {
      return attribute_error(c, "equation has '" + std::string(1, ch) + "' out of place in \"" +
                                    std::string(text) + "\"");
    }
  }
  return term;
}

// Without "->": the broadcast axes, then the letters that occur once, in order of their codes.
Subscripts implicit_output(const std::vector<Subscripts>& operands) {
  std::array<int, 128> uses{};
  bool ellipsis = false;
  for (const Subscripts& term : operands)
    for (int s : term) s == kEllipsis ? ellipsis = true : ++uses[size_t(s)] > 0;
  Subscripts output;
  if (ellipsis) output.push_back(kEllipsis);
  for (int s = 0; s < 128; ++s)
    if (uses[size_t(s)] == 1) output.push_back(s);
  return output;
}

Result<Equation> parse(const Infer& c) {
  std::string text = c.text("equation");
  if (text.size() > kMaxEquation) return attribute_error(c, "equation is too long");
  std::erase(text, ' ');
  Equation equation;
  const size_t arrow = text.find("->");
  const std::string_view left = std::string_view(text).substr(0, arrow);
  for (size_t from = 0;;) {
    const size_t comma = left.find(',', from);
    equation.operands.push_back(TRY(parse_term(c, left.substr(from, comma - from))));
    if (comma == std::string_view::npos) break;
    from = comma + 1;
  }
  if (equation.operands.size() != c.inputs())
    return attribute_error(c, "equation has " + std::to_string(equation.operands.size()) +
                                  " terms for " + std::to_string(c.inputs()) + " inputs");
  for (size_t i = 0; i < c.inputs(); ++i)
    if (!c.has(i)) return shape_error(c, "input " + std::to_string(i) + " is missing");
  if (arrow == std::string::npos) {
    equation.output = implicit_output(equation.operands);
    return equation;
  }
  equation.output = TRY(parse_term(c, std::string_view(text).substr(arrow + 2)));
  for (size_t i = 0; i < equation.output.size(); ++i) {
    const int s = equation.output[i];
    bool found = s == kEllipsis;
    for (const Subscripts& term : equation.operands)
      found = found || std::count(term.begin(), term.end(), s) > 0;
    if (!found || std::count(equation.output.begin(), equation.output.end(), s) > 1)
      return attribute_error(c, "each output subscript must occur in an input, and once in \"" +
                                    text.substr(arrow + 2) + "\"");
  }
  return equation;
}

// The axes of the whole sum: those of the output, then the summed ones. Broadcast axes are numbered
// from the right: kEllipsis, kEllipsis - 1, ...
struct Plan {
  std::vector<int> axes;
  std::vector<Dim> extents;
  size_t outputs = 0;                             // how many of the axes the output has
  std::vector<std::vector<size_t>> operand_axes;  // for each axis of each operand, its place above
};

// The subscripts of an operand with `rank` axes, one for each.
Result<std::vector<int>> expand(const Infer& c, const Subscripts& term, size_t rank) {
  const bool open = std::count(term.begin(), term.end(), kEllipsis) > 0;
  const size_t named = term.size() - open;
  if (open ? rank < named : rank != named)
    return shape_error(c, "a term with " + std::to_string(named) + " subscripts does not fit " +
                              std::to_string(rank) + " axes");
  std::vector<int> out;
  for (int s : term) {
    if (s != kEllipsis) out.push_back(s);
    for (size_t i = rank - named; s == kEllipsis && i-- > 0;) out.push_back(kEllipsis - int(i));
  }
  return out;
}

// None when an operand with an ellipsis has no known rank.
Result<std::optional<Plan>> make_plan(const Infer& c, const Equation& equation) {
  size_t broadcast_axes = 0;
  for (size_t i = 0; i < c.inputs(); ++i) {
    const Subscripts& term = equation.operands[i];
    if (std::count(term.begin(), term.end(), kEllipsis) == 0) continue;
    if (!c.shape(i).ranked) return std::optional<Plan>();
    if (c.shape(i).rank() + 1 > term.size())
      broadcast_axes = std::max(broadcast_axes, c.shape(i).rank() + 1 - term.size());
  }
  Plan plan;
  auto place = [&](int s) {
    const auto at = std::find(plan.axes.begin(), plan.axes.end(), s);
    if (at != plan.axes.end()) return size_t(at - plan.axes.begin());
    plan.axes.push_back(s);
    plan.extents.push_back(1);
    return plan.axes.size() - 1;
  };
  for (int s : equation.output) {
    if (s != kEllipsis) place(s);
    for (size_t i = broadcast_axes; s == kEllipsis && i-- > 0;) place(kEllipsis - int(i));
  }
  plan.outputs = plan.axes.size();
  for (size_t i = 0; i < c.inputs(); ++i) {
    const Shape& shape = c.shape(i);
    const size_t rank = shape.ranked ? shape.rank() : equation.operands[i].size();
    std::vector<size_t> places;
    for (int s : TRY(expand(c, equation.operands[i], rank))) {
      const size_t axis = place(s);
      const Dim d = shape.ranked ? shape.dims[places.size()] : Dim::unknown();
      Dim& whole = plan.extents[axis];
      if (whole.is(1))
        whole = d;
      else if (!d.is(1))
        whole = TRY(same_extent(c, whole, d, "extents of one subscript"));
      places.push_back(axis);
    }
    plan.operand_axes.push_back(std::move(places));
  }
  return std::optional(std::move(plan));
}

Result<Types> infer(const Infer& c) {
  const auto plan = TRY(make_plan(c, TRY(parse(c))));
  if (!plan) return Types{Type(c.dtype(0), Shape::unranked())};
  return Types{
      Type(c.dtype(0), Shape(std::vector<Dim>(plan->extents.begin(),
                                              plan->extents.begin() + ptrdiff_t(plan->outputs))))};
}

Cost cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  cost.macs = Dim::unknown();
  const auto equation = parse(c);
  if (equation)
    if (const auto plan = make_plan(c, *equation); plan && *plan) {
      cost.macs = 1;
      for (const Dim& d : (*plan)->extents) cost.macs = cost.macs * d;
    }
  cost.flops = cost.macs * Dim(2);
  return cost;
}

Status reference(Call& c) {
  const Plan plan = *TRY(make_plan(c, TRY(parse(c))));
  Tensor& y = *TRY(c.out(0));
  Extents whole;
  for (const Dim& d : plan.extents) whole.push_back(d.constant().value_or(0));
  const auto work = checked_product(whole);
  if (!work || uint64_t(*work) > c.iteration_limit)
    return fail(ErrorId::over_time, "einsum: the sum has too many terms");
  const Extents out(whole.begin(), whole.begin() + ptrdiff_t(plan.outputs));
  const Extents summed(whole.begin() + ptrdiff_t(plan.outputs), whole.end());
  std::vector<std::vector<int64_t>> outer, inner;  // strides of each operand
  for (size_t i = 0; i < c.inputs(); ++i) {
    const Extents& shape = c.in(i).shape();
    const std::vector<int64_t> own = strides_of(shape);
    std::vector<int64_t> strides(whole.size(), 0);
    for (size_t axis = 0; axis < shape.size(); ++axis)
      if (shape[axis] != 1) strides[plan.operand_axes[i][axis]] += own[axis];
    outer.emplace_back(strides.begin(), strides.begin() + ptrdiff_t(plan.outputs));
    inner.emplace_back(strides.begin() + ptrdiff_t(plan.outputs), strides.end());
  }
  const bool real = is_float(c.in(0).dtype());
  Odometer at(out, outer);
  if (at.empty()) return ok();
  int64_t index = 0;
  do {
    double sum = 0;
    uint64_t whole_sum = 0;
    Odometer k(summed, inner);
    if (!k.empty()) do {
        double product = 1;
        uint64_t whole_product = 1;
        for (size_t i = 0; i < c.inputs(); ++i) {
          const int64_t offset = at.offset(i) + k.offset(i);
          if (real)
            product *= load_real(c.in(i), offset);
          else
            whole_product *= uint64_t(load_integer(c.in(i), offset));
        }
        sum += product;
        whole_sum += whole_product;
      } while (k.next());
    if (real)
      store_real(y, index, sum);
    else
      store_integer(y, index, int64_t(whole_sum));
    ++index;
  } while (at.next());
  return ok();
}

}  // namespace

const OpDef& einsum_op() {
  static const OpDef def{
      .name = "einsum",
      .doc =
          "Sum of products by an equation such as \"bij,bjk->bik\": letters name axes, letters "
          "that the output lacks are summed, a letter twice in one term takes the diagonal, "
          "\"...\" stands for broadcast axes. Without \"->\" the output has the letters that "
          "occur once, sorted.",
      .inputs = {{"inputs", kNumbers, 'T', Port::Presence::variadic}},
      .outputs = {{"y", kNumbers, 'T'}},
      .attrs = {{"equation", AttrKind::text, true}},
      .infer = infer,
      .cost = cost,
      .reference = reference,
      .examples = {R"(graph einsum_batched(a: f32[2,3,4], b: f32[2,4,5]) -> (y) {
        y = einsum(a, b) <equation="bij, bjk -> bik">
      })",
                   R"(graph einsum_diagonal(a: f32[2,3,3]) -> (y) {
        y = einsum(a) <equation="...ii->...i">
      })",
                   R"(graph einsum_implicit(a: f32[3,4], b: f32[5,4]) -> (y) {
        y = einsum(a, b) <equation="ij,kj">
      })",
                   R"(graph einsum_sum(a: i64[3,4]) -> (y) { y = einsum(a) <equation="ij->"> })"},
  };
  return def;
}

}  // namespace hone
