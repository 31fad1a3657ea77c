#include "runtime/graph_executor.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <new>
#include <stdexcept>

#include "base/check.h"
#include "base/checked.h"
#include "base/hash.h"
#include "base/text.h"
#include "ir/builder.h"
#include "ir/op.h"

namespace hone {
namespace {

constexpr size_t kMaxSpecializations = 32;  // of one graph in one session

// Smaller results are not worth keeping for the next run.
constexpr int64_t kWorthKeeping = 4096;

constexpr size_t kDeepest = 250;  // nested graphs, whatever the limit: the stack has an end

void append(std::string& key, int64_t n) {
  char bytes[sizeof n];
  std::memcpy(bytes, &n, sizeof n);
  key.append(bytes, sizeof n);
}

// Differs for inputs of different types: extents are preceded by their number.
void append(std::string& key, const Tensor& t) {
  key += char('A' + int(t.dtype()));
  append(key, int64_t(t.rank()));
  for (int64_t n : t.shape()) append(key, n);
}

// Kernels hold intermediate values in containers, for which the memory can run out.
Status run_safely(const Kernel& kernel, Call& call, ThreadPool& pool) {
  try {
    return kernel.run(call, pool);
  } catch (const std::bad_alloc&) {
    return fail(ErrorId::over_memory, "there is not enough memory for intermediate values");
  } catch (const std::length_error&) {
    return fail(ErrorId::over_memory, "intermediate values are too many to be addressed");
  }
}

}  // namespace

// One run: on the list of active executors, and tidied up behind it, however it ends.
class GraphExecutor::Running {
 public:
  explicit Running(GraphExecutor& executor) : executor_(executor) {
    executor_.context_.active.push_back(&executor_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    executor_.context_.active.pop_back();
    if (finished_) {
      for (uint32_t v : executor_.special_->kept()) executor_.drop(v);
    } else {
      for (uint32_t v = 0; v < executor_.values_.size(); ++v)
        if (executor_.graph_[ValueId{v}].kind != Value::Kind::constant) executor_.drop(v);
    }
    executor_.special_ = nullptr;
  }
  void finished() { finished_ = true; }

 private:
  GraphExecutor& executor_;
  bool finished_ = false;
};

GraphExecutor::GraphExecutor(ExecutionContext& context, GraphId graph)
    : context_(context),
      graph_(context.program->model().graphs[graph.index]),
      plan_(context.program->plan(graph)),
      values_(graph_.value_count()) {
  for (uint32_t v = 0; v < values_.size(); ++v)
    if (graph_[ValueId{v}].kind == Value::Kind::constant)
      values_[v] = Datum(context_.program->constant(graph_[ValueId{v}].constant));
}

GraphExecutor::~GraphExecutor() { free_arena(); }

// Copies of sequences share the bytes of their tensors, but every item takes memory.
Status GraphExecutor::keep(uint32_t value, Datum datum) {
  if (datum.kind != Datum::Kind::tensor) {
    const uint64_t bytes = datum.overhead();
    if (!context_.memory->take(bytes))
      return fail(ErrorId::over_memory, "the items of '" + printable(graph_[ValueId{value}].name) +
                                            "' need " + human_bytes(bytes) + ", " +
                                            human_bytes(context_.memory->left()) + " are left");
    overheads_[value] += bytes;
  }
  values_[value] = std::move(datum);
  return ok();
}

void GraphExecutor::drop(uint32_t value) {
  if (values_[value].kind != Datum::Kind::tensor)
    if (const auto taken = overheads_.extract(value); !taken.empty())
      context_.memory->give(taken.mapped());
  values_[value] = Datum();
}

void GraphExecutor::add_nested_arenas(int64_t& planned, int64_t& measured) const {
  for (const auto& [graph, idle] : nested_)
    for (const auto& executor : idle) {
      planned += executor->arena_.byte_size();
      measured += executor->most_touched_;
      executor->add_nested_arenas(planned, measured);
    }
}

void GraphExecutor::drop_idle() {
  for (auto& [graph, idle] : nested_) idle.clear();
  if (special_ == nullptr) free_arena();
}

Status GraphExecutor::make_arena(int64_t bytes) {
  if (arena_.defined() && arena_.byte_size() >= bytes) return ok();
  free_arena();
  if (!context_.memory->take(uint64_t(bytes))) {
    for (GraphExecutor* executor : context_.active) executor->drop_idle();
    context_.scratch->drop_idle();
    context_.results->drop_idle();
    if (!context_.memory->take(uint64_t(bytes)))
      return fail(ErrorId::over_memory, "the activations of graph '" + printable(graph_.name) +
                                            "' need " + human_bytes(uint64_t(bytes)) + ", " +
                                            human_bytes(context_.memory->left()) + " are left");
  }
  auto arena = Tensor::make(DType::u8, {bytes});
  if (!arena) {
    context_.memory->give(uint64_t(bytes));
    return arena.take_error();
  }
  arena_ = arena.take();
  context_.arena_bytes += uint64_t(bytes);
  return ok();
}

void GraphExecutor::free_arena() {
  const auto bytes = uint64_t(arena_.byte_size());
  arena_ = Tensor();
  most_touched_ = 0;
  context_.arena_bytes -= bytes;
  if (context_.memory) context_.memory->give(bytes);
}

Result<const Specialization*> GraphExecutor::specialize(std::span<const Datum> inputs,
                                                        const std::vector<Tensor>& states) {
  key_.clear();
  for (const Datum& d : inputs) {
    if (d.kind == Datum::Kind::tensor)
      append(key_, d.tensor);
    else
      key_ += d.type().str() + "/";
  }
  for (const Tensor& t : states) append(key_, t);
  if (auto it = specializations_.find(key_); it != specializations_.end())
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
  if (specializations_.size() >= kMaxSpecializations) specializations_.clear();
  ++context_.statistics.specializations;
  return static_cast<const Specialization*>(
      specializations_.emplace(key_, std::move(made)).first->second.get());
}

Result<std::vector<Datum>> GraphExecutor::run(std::span<const Datum> inputs,
                                              const std::vector<Tensor>& states,
                                              std::vector<Tensor>& next) {
  if (inputs.size() != graph_.inputs.size())
    return fail(ErrorId::bad_data, "graph '" + printable(graph_.name) + "' takes " +
                                       std::to_string(graph_.inputs.size()) + " inputs, got " +
                                       std::to_string(inputs.size()));
  if (states.size() != graph_.states().size())
    return fail(ErrorId::invalid_graph, "graph '" + printable(graph_.name) +
                                            "' has states, which only the entry graph can have");
  CHECK(special_ == nullptr);
  Running running(*this);
  run_ = context_.runs++;
  special_ = TRY(specialize(inputs, states));
  // The type of a sequence is what its items have in common, where they have: do all fit?
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Value& input = graph_[graph_.inputs[i]];
    if (!inputs[i].is_of(input.type))
      return fail(ErrorId::bad_data, "input '" + printable(input.name) + "' takes " +
                                         input.type.str() + ", got an item that is something else");
  }
  TRY(make_arena(special_->arena_bytes()));
  for (size_t i = 0; i < inputs.size(); ++i) TRY(keep(graph_.inputs[i].index, inputs[i]));
  for (size_t i = 0; i < states.size(); ++i)
    values_[graph_.states()[i].now.index] = Datum(states[i]);
  touched_ = 0;
  for (size_t s = 0; s < plan_.order.size(); ++s) TRY(step(s));
  most_touched_ = std::max(most_touched_, touched_);
  if (context_.active.size() == 1) {
    context_.statistics.nested_planned_bytes = context_.statistics.nested_measured_bytes = 0;
    add_nested_arenas(context_.statistics.nested_planned_bytes,
                      context_.statistics.nested_measured_bytes);
    context_.statistics.planned_arena_bytes = special_->arena_bytes();
    context_.statistics.measured_arena_bytes = touched_;
  }

  std::vector<Datum> outputs;
  for (ValueId v : graph_.outputs()) outputs.push_back(values_[v.index]);
  for (size_t i = 0; i < states.size(); ++i)
    next.push_back(values_[graph_.states()[i].next.index].tensor);
  running.finished();
  return outputs;
}

Result<std::vector<Datum>> GraphExecutor::run(GraphId graph, std::span<const Datum> inputs) {
  const Limits& limits = context_.program->limits();
  if (context_.active.size() > std::min<uint64_t>(limits.depth, kDeepest))
    return fail(ErrorId::over_depth, "graphs are nested too deep while running");
  if (context_.runs > limits.iterations)
    return fail(ErrorId::over_time, std::to_string(limits.iterations) +
                                        " nested graphs have been run and there is no end; the "
                                        "limit `iterations` is reached");
  auto& idle = nested_[graph.index];
  std::unique_ptr<GraphExecutor> executor;
  if (idle.empty()) {
    executor = std::make_unique<GraphExecutor>(context_, graph);
  } else {
    executor = std::move(idle.back());
    idle.pop_back();
  }
  std::vector<Tensor> no_next;
  auto outputs = executor->run(inputs, {}, no_next);
  idle.push_back(std::move(executor));
  return outputs;
}

// A result that is no tensor may hold all that went in: known before it is made.
Status GraphExecutor::expect_room_for_items(std::span<const Datum* const> in,
                                            const Types& out_types) const {
  if (std::ranges::all_of(out_types, &Type::is_tensor)) return ok();
  uint64_t bytes = 0;
  for (const Datum* datum : in)
    if (datum) bytes += sizeof(Datum) + kTensorOverhead + datum->overhead();
  if (bytes <= context_.memory->left()) return ok();
  return fail(ErrorId::over_memory, "the items of the result need " + human_bytes(bytes) + ", " +
                                        human_bytes(context_.memory->left()) + " are left");
}

namespace {

int64_t nanoseconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// Adds how long a step took; nothing where nobody asks.
class StepClock {
 public:
  StepClock(std::vector<StepTime>* times, NodeId node) : times_(times), node_(node) {
    if (!times_) return;
    cpu_ = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    wall_ = nanoseconds(CLOCK_MONOTONIC);
  }
  StepClock(const StepClock&) = delete;
  StepClock& operator=(const StepClock&) = delete;
  ~StepClock() {
    if (!times_) return;
    const int64_t wall = nanoseconds(CLOCK_MONOTONIC) - wall_;
    times_->push_back({node_, wall, nanoseconds(CLOCK_THREAD_CPUTIME_ID) - cpu_});
  }

 private:
  std::vector<StepTime>* times_;
  NodeId node_;
  int64_t cpu_ = 0, wall_ = 0;
};

}  // namespace

Status GraphExecutor::step(size_t index) {
  const Specialization::Step& s = special_->steps()[index];
  const Node& node = graph_[s.node];
  const StepClock clock(context_.active.size() == 1 ? context_.options.step_times : nullptr,
                        s.node);
  TraceScope scope(context_.options.trace, node.op->name, "node");
  if (context_.options.trace) scope.arg({"name", printable(node.name)});
  if (s.planned)
    TRY(run_kernel(index, s.in_types, s.out_types)
            .context("running " + std::string(node.op->name) + " '" + printable(node.name) + "'"));
  else
    TRY(run_dynamic(index).context("running " + std::string(node.op->name) + " '" +
                                   printable(node.name) + "'"));
  ++(s.planned ? context_.statistics.planned_steps : context_.statistics.dynamic_steps);
  for (uint32_t v : s.release) drop(v);
  return ok();
}

// Infers the types from the actual inputs, whose small integers are known now.
Status GraphExecutor::run_dynamic(size_t index) {
  const Node& node = graph_[special_->steps()[index].node];
  std::vector<Type> types(node.inputs.size());
  std::vector<std::optional<Known>> known(node.inputs.size());
  std::vector<Infer::Input> seen(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.inputs[i].valid()) continue;
    const Datum& datum = values_[node.inputs[i].index];
    types[i] = datum.type();
    if (datum.kind == Datum::Kind::tensor) known[i] = known_elements(datum.tensor);
    seen[i] = {&types[i], known[i] ? &*known[i] : nullptr};
  }
  TRY(check_call(*node.op, node.attrs, seen, node.outputs.size()));
  const Infer c(*node.op, node.attrs, seen, node.outputs.size(), &context_.program->model());
  Types out = TRY(node.op->infer(c));
  out.resize(node.outputs.size());
  for (const Type& type : out) TRY(check_sizes(*node.op, type));
  return run_kernel(index, seen, out);
}

// Where a planned step puts an output: its place in the arena, or memory that an earlier result
// had. Nothing where the kernel makes its own.
Tensor GraphExecutor::place_for(size_t index, size_t slot, const Type& type) {
  const Specialization::Step& s = special_->steps()[index];
  if (!s.planned) return {};
  if (s.in_state >= 0) return values_[graph_.states()[size_t(s.in_state)].now.index].tensor;
  const Extents shape = *type.tensor.shape.fixed();
  Tensor t;
  if (const int64_t offset = s.offsets[slot]; offset >= 0) {
    t = Tensor::view(type.tensor.dtype, shape, arena_.mutable_data() + offset, nullptr);
    touched_ = std::max(touched_, offset + t.byte_size());
  } else {
    const OpDef& op = *graph_[s.node].op;
    const int64_t bytes = *bytes_for(type.tensor.dtype, *checked_product(shape));
    if (bytes < kWorthKeeping || op.is(Trait::view) || op.is(Trait::control)) return {};
    std::shared_ptr<std::byte> memory = context_.results->lend(size_t(bytes));
    if (!memory) return {};  // the kernel will find out, and say it
    std::byte* data = memory.get();
    t = Tensor::view(type.tensor.dtype, shape, data, std::move(memory));
  }
  if (!s.there && !plan_.kernels[index]->overwrites())
    std::memset(t.mutable_data(), 0, size_t(t.byte_size()));
  return t;
}

Status GraphExecutor::run_kernel(size_t index, std::span<const Infer::Input> types,
                                 const Types& out_types) {
  const Specialization::Step& s = special_->steps()[index];
  const Node& node = graph_[s.node];
  std::vector<const Datum*> in(node.inputs.size());
  for (size_t i = 0; i < in.size(); ++i)
    if (node.inputs[i].valid()) in[i] = &values_[node.inputs[i].index];
  std::vector<Datum> out(node.outputs.size());
  for (size_t slot = 0; slot < out.size(); ++slot)
    out[slot] = Datum(place_for(index, slot, out_types[slot]));
  TRY(expect_room_for_items(in, out_types));
  Call call(*node.op, node.attrs, types, in, out, out_types, &context_.program->model());
  call.row_step = s.row_step;
  call.runner = this;
  call.scratch_pool = context_.scratch.get();
  const uint64_t stream = mix64(context_.options.seed ^ mix64(context_.calls)) ^ run_ << 32;
  call.seed = mix64(stream ^ s.node.index);
  call.memory_limit = context_.memory;
  call.iteration_limit = context_.program->limits().iterations;
  if (!s.there) TRY(run_safely(*plan_.kernels[index], call, *context_.pool));
  for (const Specialization::Step::Copy& copy : s.copies) {
    const Tensor& t = in[copy.input]->tensor;
    std::memcpy(arena_.mutable_data() + copy.offset, t.data(), size_t(t.byte_size()));
  }
  for (size_t slot = 0; slot < out.size(); ++slot) {
    Datum& made = out[slot];
    const Value& value = graph_[node.outputs[slot]];
    if (!made.is_of(out_types[slot]))
      return fail(ErrorId::bad_data, "output " + std::to_string(slot) + " is " + made.type().str() +
                                         " instead of " + out_types[slot].str());
    // Later steps were planned, and their kernels chosen, by these.
    if (!s.planned && !made.is_of(value.type)) return not_as_declared(value, made.type());
    if (!s.planned && !made.is_of(special_->type(node.outputs[slot])))
      return fail(ErrorId::bad_data, "output " + std::to_string(slot) + " is " + made.type().str() +
                                         ", planned as " +
                                         special_->type(node.outputs[slot]).str());
    if (s.offsets[slot] >= 0) {
      // A kernel that handed on another tensor instead of filling its place: copy it there.
      std::byte* place = arena_.mutable_data() + s.offsets[slot];
      if (made.tensor.data() != place) {
        std::memmove(place, made.tensor.data(), size_t(made.tensor.byte_size()));
        made = Datum(Tensor::view(made.tensor.dtype(), made.tensor.shape(), place, nullptr));
      }
    } else if (!node.op->is(Trait::view) || graph_.is_output(node.outputs[slot])) {
      TRY(own(made));
    }
    TRY(keep(node.outputs[slot].index, std::move(made)));
  }
  return ok();
}

// Copies tensors that lie in the arena, whose bytes will be used again.
Status GraphExecutor::own(Datum& datum) {
  std::vector<Datum*> todo{&datum};
  while (!todo.empty()) {
    Datum* d = todo.back();
    todo.pop_back();
    const std::byte* data = d->tensor.data();
    if (data && arena_.defined() && data >= arena_.data() &&
        data < arena_.data() + arena_.byte_size())
      d->tensor = TRY(d->tensor.clone(context_.memory));
    for (Datum& item : d->items) todo.push_back(&item);
  }
  return ok();
}

}  // namespace hone
