#include "runtime/graph_executor.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/text.h"
#include "ir/builder.h"
#include "ir/check_data.h"
#include "ir/op.h"

namespace hone {
namespace {

constexpr size_t kMaxSpecializations = 32;  // of one graph in one session

std::string key_of(std::span<const Datum> inputs, const std::vector<Tensor>& states) {
  std::string key;
  auto add = [&](const Tensor& t) {
    key += char('A' + int(t.dtype()));
    key += char(t.rank());  // else extents could be read as the next tensor
    for (int64_t n : t.shape()) {
      char bytes[sizeof n];
      std::memcpy(bytes, &n, sizeof n);
      key.append(bytes, sizeof n);
    }
    key += '/';
  };
  for (const Datum& d : inputs) {
    if (d.kind == Datum::Kind::tensor)
      add(d.tensor);
    else
      key += d.type().str() + "/";
  }
  for (const Tensor& t : states) add(t);
  return key;
}

uint64_t mix(uint64_t x) {  // splitmix64 (Steele, Lea & Flood 2014)
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

struct GraphExecutor::Frame {
  const Specialization* special = nullptr;
  std::vector<Datum> values;  // by value
  uint64_t run = 0;           // which run of a graph in this call of the session
};

GraphExecutor::GraphExecutor(ExecutionContext& context, GraphId graph)
    : context_(context),
      graph_(context.program->model().graphs[graph.index]),
      plan_(context.program->plan(graph)) {}

Result<const Specialization*> GraphExecutor::specialize(std::span<const Datum> inputs,
                                                        const std::vector<Tensor>& states) {
  const std::string key = key_of(inputs, states);
  if (auto it = specializations_.find(key); it != specializations_.end())
    return static_cast<const Specialization*>(it->second.get());
  Types in_types, state_types;
  std::vector<Given> given;
  for (size_t i = 0; i < inputs.size(); ++i) {
    in_types.push_back(inputs[i].type());
    given.push_back({&graph_[graph_.inputs[i]], in_types.back()});
  }
  for (size_t i = 0; i < states.size(); ++i) {
    state_types.emplace_back(states[i].type());
    given.push_back({&graph_[graph_.states()[i].now], state_types.back()});
  }
  Dim::Bindings bindings;
  TRY(bind_symbols(given, bindings));
  const auto id = GraphId{uint32_t(&graph_ - context_.program->model().graphs.data())};
  auto made = TRY(Specialization::make(*context_.program, id, in_types, state_types));
  if (uint64_t(made->arena_bytes()) > context_.program->limits().runtime_memory)
    return fail(ErrorId::over_memory,
                "the activations need " + human_bytes(uint64_t(made->arena_bytes())) +
                    "; the limit is " + human_bytes(context_.program->limits().runtime_memory));
  if (specializations_.size() >= kMaxSpecializations) specializations_.clear();
  ++context_.statistics.specializations;
  return static_cast<const Specialization*>(
      specializations_.emplace(key, std::move(made)).first->second.get());
}

Result<std::vector<Datum>> GraphExecutor::run(std::span<const Datum> inputs,
                                              const std::vector<Tensor>& states,
                                              std::vector<Tensor>& next) {
  if (inputs.size() != graph_.inputs.size())
    return fail(ErrorId::bad_data, "graph '" + printable(graph_.name) + "' takes " +
                                       std::to_string(graph_.inputs.size()) + " inputs, got " +
                                       std::to_string(inputs.size()));
  CHECK(!busy_);
  busy_ = true;
  struct Release {
    bool& flag;
    ~Release() { flag = false; }
  } release{busy_};

  Frame frame;
  frame.run = context_.runs++;
  frame.special = TRY(specialize(inputs, states));
  // The type of a sequence is that of its first element: do all fit?
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Value& input = graph_[graph_.inputs[i]];
    if (!fits(inputs[i], input.type))
      return fail(ErrorId::bad_data, "input '" + printable(input.name) + "' takes " +
                                         input.type.str() + ", got an item that is something else");
  }
  if (frame.special->arena_bytes() > arena_.byte_size() || !arena_.defined())
    arena_ = TRY(Tensor::make(DType::u8, {frame.special->arena_bytes()}));
  frame.values.resize(graph_.value_count());
  for (size_t i = 0; i < inputs.size(); ++i) frame.values[graph_.inputs[i].index] = inputs[i];
  for (size_t i = 0; i < states.size(); ++i)
    frame.values[graph_.states()[i].now.index] = Datum(states[i]);
  for (uint32_t v = 0; v < frame.values.size(); ++v)
    if (graph_[ValueId{v}].kind == Value::Kind::constant)
      frame.values[v] = Datum(context_.program->constant(graph_[ValueId{v}].constant));
  touched_ = 0;
  for (size_t s = 0; s < plan_.order.size(); ++s) TRY(step(frame, s));
  if (context_.depth == 0) {
    context_.statistics.planned_arena_bytes = frame.special->arena_bytes();
    context_.statistics.measured_arena_bytes = touched_;
  }

  std::vector<Datum> outputs;
  for (ValueId v : graph_.outputs()) outputs.push_back(frame.values[v.index]);
  for (size_t i = 0; i < states.size(); ++i)
    next.push_back(frame.values[graph_.states()[i].next.index].tensor);
  return outputs;
}

Result<std::vector<Datum>> GraphExecutor::run(GraphId graph, std::span<const Datum> inputs) {
  if (context_.depth >= int(context_.program->limits().depth))
    return fail(ErrorId::over_depth, "graphs are nested too deep while running");
  auto& idle = nested_[graph.index];
  std::unique_ptr<GraphExecutor> executor;
  if (idle.empty()) {
    executor = std::make_unique<GraphExecutor>(context_, graph);
  } else {
    executor = std::move(idle.back());
    idle.pop_back();
  }
  ++context_.depth;
  std::vector<Tensor> no_next;
  auto outputs = executor->run(inputs, {}, no_next);
  --context_.depth;
  idle.push_back(std::move(executor));
  return outputs;
}

Status GraphExecutor::step(Frame& frame, size_t index) {
  const Specialization::Step& s = frame.special->steps()[index];
  const Node& node = graph_[s.node];
  TraceScope scope(context_.options.trace, node.op->name, "node");
  if (context_.options.trace) scope.arg({"name", printable(node.name)});
  if (s.planned)
    TRY(run_kernel(frame, index, s.in_types, s.out_types)
            .context("running " + std::string(node.op->name) + " '" + printable(node.name) + "'"));
  else
    TRY(run_dynamic(frame, index)
            .context("running " + std::string(node.op->name) + " '" + printable(node.name) + "'"));
  ++(s.planned ? context_.statistics.planned_steps : context_.statistics.dynamic_steps);
  for (uint32_t v : s.release) frame.values[v] = Datum();
  return ok();
}

// Infers the types from the actual inputs, whose small integers are known now.
Status GraphExecutor::run_dynamic(Frame& frame, size_t index) {
  const Node& node = graph_[frame.special->steps()[index].node];
  std::vector<Type> types(node.inputs.size());
  std::vector<std::optional<Known>> known(node.inputs.size());
  std::vector<Infer::Input> seen(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.inputs[i].valid()) continue;
    const Datum& datum = frame.values[node.inputs[i].index];
    types[i] = datum.type();
    if (datum.kind == Datum::Kind::tensor) known[i] = known_elements(datum.tensor);
    seen[i] = {&types[i], known[i] ? &*known[i] : nullptr};
  }
  TRY(check_call(*node.op, node.attrs, seen, node.outputs.size()));
  const Infer c(*node.op, node.attrs, seen, node.outputs.size(), &context_.program->model());
  Types out = TRY(node.op->infer(c));
  out.resize(node.outputs.size());
  for (const Type& type : out) TRY(check_sizes(*node.op, type));
  return run_kernel(frame, index, seen, out);
}

Status GraphExecutor::run_kernel(Frame& frame, size_t index, std::span<const Infer::Input> types,
                                 const Types& out_types) {
  const Specialization::Step& s = frame.special->steps()[index];
  const Node& node = graph_[s.node];
  std::vector<const Datum*> in(node.inputs.size());
  for (size_t i = 0; i < in.size(); ++i)
    if (node.inputs[i].valid()) in[i] = &frame.values[node.inputs[i].index];
  std::vector<Datum> out(node.outputs.size());
  for (size_t slot = 0; slot < out.size(); ++slot) {
    if (s.offsets[slot] < 0) continue;
    Tensor t = Tensor::view(out_types[slot].tensor.dtype, *out_types[slot].tensor.shape.fixed(),
                            arena_.mutable_data() + s.offsets[slot], nullptr);
    if (!plan_.kernels[index]->overwrites())
      std::memset(t.mutable_data(), 0, size_t(t.byte_size()));
    touched_ = std::max(touched_, s.offsets[slot] + t.byte_size());
    out[slot] = Datum(std::move(t));
  }
  Call call(*node.op, node.attrs, types, in, out, out_types, &context_.program->model());
  call.runner = this;
  const uint64_t stream = mix(context_.options.seed ^ mix(context_.calls)) ^ frame.run << 32;
  call.seed = mix(stream ^ s.node.index);
  call.memory_limit = context_.program->limits().runtime_memory;
  call.iteration_limit = context_.program->limits().iterations;
  TRY(plan_.kernels[index]->run(call, *context_.pool));
  for (size_t slot = 0; slot < out.size(); ++slot) {
    Datum& made = out[slot];
    if (s.offsets[slot] >= 0) {
      // A kernel that handed on another tensor instead of filling its place: copy it there.
      std::byte* place = arena_.mutable_data() + s.offsets[slot];
      if (made.tensor.data() != place) {
        CHECK(made.tensor.dtype() == out_types[slot].tensor.dtype &&
              Shape::of(made.tensor.shape()) == out_types[slot].tensor.shape);
        std::memmove(place, made.tensor.data(), size_t(made.tensor.byte_size()));
        made = Datum(Tensor::view(made.tensor.dtype(), made.tensor.shape(), place, nullptr));
      }
    } else if (!node.op->is(Trait::view) || graph_.is_output(node.outputs[slot])) {
      own(made);
    }
    frame.values[node.outputs[slot].index] = std::move(made);
  }
  return ok();
}

// Copies tensors that lie in the arena, whose bytes will be used again.
void GraphExecutor::own(Datum& datum) {
  std::vector<Datum*> todo{&datum};
  while (!todo.empty()) {
    Datum* d = todo.back();
    todo.pop_back();
    const std::byte* data = d->tensor.data();
    if (data && arena_.defined() && data >= arena_.data() &&
        data < arena_.data() + arena_.byte_size())
      d->tensor = d->tensor.clone();
    for (Datum& item : d->items) todo.push_back(&item);
  }
}

}  // namespace hone
