// Several element-wise functions in one pass over memory: a block that fits the cache goes through
// all of them before the next is read.
#include <algorithm>
#include <cstring>

#include "backends/cpu/cpu.h"
#include "kernels/rows/rows.h"
#include "ops/elementwise.h"

namespace hone::cpu {
namespace {

using kernels::Binary;
using kernels::Unary;
using Kind = ElementwiseStep::Kind;

// Floats: what the deepest stack needs fits a first-level cache.
constexpr int64_t kBlock = 1024;

// In the order of elementwise_unaries() and elementwise_binaries().
constexpr Unary kUnary[] = {Unary::abs,       Unary::erf,  Unary::exp,  Unary::gelu,
                            Unary::gelu_tanh, Unary::neg,  Unary::relu, Unary::sigmoid,
                            Unary::silu,      Unary::sqrt, Unary::tanh};
constexpr Binary kBinary[] = {Binary::add, Binary::div, Binary::mul, Binary::sub};

// Where an operand lies: one of the inputs, a number of the program, or a block of its own.
struct Place {
  enum class In : uint8_t { input, number, block } in = In::block;
  size_t index = 0;
};

struct Instruction {
  Kind kind;
  size_t function = 0;
  float low = 0, high = 0;
  Place a, b;
  size_t out = 0;  // block; the last instruction writes the result
};

// The program with a block for each intermediate value.
struct Code {
  std::vector<Instruction> instructions;
  std::vector<float> numbers;
  Place result;  // where there are no instructions
};

class Compiler {
 public:
  Code compile(const ElementwiseProgram& program) {
    for (const ElementwiseStep& step : program) add(step);
    code_.result = stack_.back();
    return std::move(code_);
  }

 private:
  void add(const ElementwiseStep& step) {
    switch (step.kind) {
      case Kind::input: return stack_.push_back({Place::In::input, step.index});
      case Kind::number:
        code_.numbers.push_back(step.number);
        return stack_.push_back({Place::In::number, code_.numbers.size() - 1});
      case Kind::dup:
        if (stack_.back().in == Place::In::block) ++uses_[stack_.back().index];
        return stack_.push_back(stack_.back());
      case Kind::unary:
      case Kind::binary:
      case Kind::clip: break;
    }
    Instruction made{step.kind, step.index, step.low, step.high, {}, {}};
    if (step.kind == Kind::binary) made.b = pop();
    made.a = pop();
    // A block that is read for the last time can be written: element by element.
    made.out = size_t(std::find(uses_, std::end(uses_), 0) - uses_);
    uses_[made.out] = 1;
    stack_.push_back({Place::In::block, made.out});
    code_.instructions.push_back(made);
  }

  Place pop() {
    const Place top = stack_.back();
    stack_.pop_back();
    if (top.in == Place::In::block) --uses_[top.index];
    return top;
  }

  Code code_;
  std::vector<Place> stack_;
  int uses_[kElementwiseDepth] = {};
};

// An input: all elements of the result, one for all, or one for each position within a period.
struct Operand {
  const float* data;
  int64_t step;    // 0 or 1
  int64_t period;  // 0: as long as the result
};

// What is joined along the last axis to make the first operand.
struct Part {
  const float* data;
  int64_t column, width;
};

// Elements [begin, end) of rows of `length` that are joined of parts.
void gather(const std::vector<Part>& parts, int64_t length, int64_t begin, int64_t end, float* to) {
  for (int64_t row = begin / length; row * length < end; ++row) {
    const int64_t first = std::max<int64_t>(begin - row * length, 0);
    const int64_t last = std::min(end - row * length, length);
    for (const Part& p : parts) {
      const int64_t from = std::max(first, p.column), until = std::min(last, p.column + p.width);
      if (from >= until) continue;
      std::memcpy(to + (row * length + from - begin), p.data + row * p.width + from - p.column,
                  size_t(until - from) * sizeof(float));
    }
  }
}

class Run {
 public:
  Run(const Code& code, std::vector<Operand> operands, std::vector<Part> parts, int64_t length,
      float* y)
      : code_(code),
        operands_(std::move(operands)),
        parts_(std::move(parts)),
        length_(length),
        y_(y) {}

  // Elements [begin, end), which lie in one period of each operand.
  void block(int64_t begin, int64_t end, float (*blocks)[kBlock]) const {
    const kernels::RowKernels& rows = kernels::row_kernels();
    const int64_t n = end - begin;
    float* gathered = blocks[kElementwiseDepth];
    if (!parts_.empty()) gather(parts_, length_, begin, end, gathered);
    const auto find = [&](const Place& p) -> std::pair<const float*, int64_t> {
      if (p.in == Place::In::block) return {blocks[p.index], 1};
      if (p.in == Place::In::input && p.index == 0 && !parts_.empty()) return {gathered, 1};
      if (p.in == Place::In::number) return {&code_.numbers[p.index], 0};
      const Operand& o = operands_[p.index];
      return {o.data + (o.period ? begin % o.period : begin) * o.step, o.step};
    };
    for (const Instruction& i : code_.instructions) {
      const bool last = &i == &code_.instructions.back();
      float* out = last ? y_ + begin : blocks[i.out];
      const auto [a, a_step] = find(i.a);
      if (i.kind == Kind::binary) {
        const auto [b, b_step] = find(i.b);
        rows.binary(kBinary[i.function], a, a_step, b, b_step, out, n);
        continue;
      }
      const float* x = a;
      if (a_step == 0) {
        std::fill_n(out, n, *a);
        x = out;
      }
      if (i.kind == Kind::unary)
        rows.unary(kUnary[i.function], x, out, n);
      else
        rows.clip(x, i.low, i.high, out, n);
    }
    if (!code_.instructions.empty()) return;
    const auto [a, step] = find(code_.result);
    for (int64_t i = 0; i < n; ++i) y_[begin + i] = a[i * step];
  }

 private:
  const Code& code_;
  std::vector<Operand> operands_;
  std::vector<Part> parts_;  // of the first operand; none: it is in one piece
  int64_t length_;           // of a row of the result
  float* y_;
};

// Is it one element for each position along the last axis?
bool is_vector(const Extents& shape, const Extents& result) {
  return !shape.empty() && !result.empty() && shape.back() == result.back() &&
         std::all_of(shape.begin(), shape.end() - 1, [](int64_t n) { return n == 1; });
}

// Short vectors are repeated, so that a block takes several of them.
int64_t repetitions(int64_t length, int64_t count) {
  return length >= kBlock / 2 ? 1 : std::min(kBlock, count) / length;
}

// The parts of the first operand; none where it is one input.
Result<std::vector<Part>> parts_of(const Call& c, const Tensor& y, size_t joined) {
  std::vector<Part> parts;
  int64_t column = 0, count = 0;
  for (size_t i = 0; i < joined && joined > 1; ++i) {
    const Tensor& x = c.in(i);
    parts.push_back({x.as<float>().data(), column, x.rank() ? x.shape().back() : 1});
    column += parts.back().width;
    count += x.count();
  }
  if (joined > 1 && count != y.count()) return not_accepted(c);
  return parts;
}

Status run(Call& c, ThreadPool& pool) {
  const Code code = Compiler().compile(TRY(elementwise_program(c)));
  Tensor& y = *TRY(c.out(0));
  const int64_t count = y.count();
  if (count == 0) return ok();
  const int64_t length = y.rank() ? y.shape().back() : 1;
  const int64_t repeated = repetitions(length, count), period = repeated * length;
  const size_t joined = TRY(elementwise_joined(c));
  std::vector<Part> parts = TRY(parts_of(c, y, joined));
  std::vector<Operand> operands(parts.empty() ? 0 : 1);
  size_t vectors = 0;
  for (size_t i = parts.empty() ? 0 : joined; i < c.inputs(); ++i) {
    const Tensor& x = c.in(i);
    const float* data = x.as<float>().data();
    const bool vector = is_vector(x.shape(), y.shape());
    if (x.count() == count)
      operands.push_back({data, 1, 0});
    else if (x.count() == 1)
      operands.push_back({data, 0, 0});
    else if (vector)
      operands.push_back({data, 1, period});
    else
      return not_accepted(c);
    vectors += operands.back().period ? 1 : 0;
  }
  const auto copies = c.scratch<float>(repeated > 1 ? int64_t(vectors) * period : 0);
  float* copy = copies.data();
  for (Operand& o : operands) {
    if (o.period == 0 || repeated == 1) continue;
    for (int64_t r = 0; r < repeated; ++r) std::copy_n(o.data, length, copy + r * length);
    o.data = copy;
    copy += period;
  }
  const int64_t within = vectors ? period : count;
  const Run whole(code, std::move(operands), std::move(parts), length, y.as<float>().data());
  const int64_t grain = within < kGrain ? kGrain / within * within : kGrain;
  pool.parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    alignas(64) float blocks[kElementwiseDepth + 1][kBlock];  // one for what is gathered
    while (begin < end) {
      const int64_t next = std::min({begin + kBlock, begin - begin % within + within, end});
      whole.block(begin, next, blocks);
      begin = next;
    }
  });
  return ok();
}

Support accepts(const Graph& graph, const Node& node) {
  const Shape& out = graph[node.outputs[0]].type.tensor.shape;
  const auto is_unknown = [](const Dim& d) { return d.is_unknown(); };
  if (!out.ranked || std::ranges::any_of(out.dims, is_unknown)) return no("only with known sizes");
  const Infer c(*node.op, node.attrs, {}, 1);
  const auto joined = size_t(c.integer("joined"));
  for (size_t i = 0; i < joined && joined > 1; ++i) {
    const Shape& shape = graph[node.inputs[i]].type.tensor.shape;
    if (!shape.ranked || shape.rank() != out.rank() ||
        !std::equal(shape.dims.begin(), shape.dims.end() - 1, out.dims.begin()))
      return no("only parts of the result's shape but for the last axis");
  }
  for (size_t i = joined > 1 ? joined : 0; i < node.inputs.size(); ++i) {
    const ValueId v = node.inputs[i];
    const Shape& shape = graph[v].type.tensor.shape;
    if (!shape.ranked) return no("only with known ranks");
    if (shape == out || element_count(shape).is(1)) continue;
    const bool vector =
        shape.rank() > 0 && out.rank() > 0 && shape.dims.back() == out.dims.back() &&
        std::all_of(shape.dims.begin(), shape.dims.end() - 1, [](const Dim& d) { return d.is(1); });
    if (!vector)
      return no("only inputs of the result's shape, of one element, or of the last axis");
  }
  return f32_only(graph, node);
}

}  // namespace

const CpuKernel elementwise_kernel{"elementwise", accepts, run, CpuKernel::InPlace::any};

}  // namespace hone::cpu
