#include "runtime/session.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "base/text.h"
#include "runtime/graph_executor.h"

namespace hone {
namespace {

// A run hands on tensors without copying: a result may share its bytes with an input, a constant, a
// state or another result. Whoever gets it may write to it, so it becomes a copy of its own, which
// is taken from the memory of the run.
Status detach(Tensor& t, const Allowance& memory) {
  if (t.defined() && !t.sole_owner()) t = TRY(t.clone(memory));
  return ok();
}

Status detach(Datum& datum, const Allowance& memory) {
  std::vector<Datum*> todo{&datum};
  while (!todo.empty()) {
    Datum* d = todo.back();
    todo.pop_back();
    TRY(detach(d->tensor, memory));
    for (Datum& item : d->items) todo.push_back(&item);
  }
  return ok();
}

// Where the elements lie.
const void* place_of(const Tensor& t) {
  return t.dtype() == DType::string ? static_cast<const void*>(&t.strings()) : t.data();
}

}  // namespace

class Session::Impl {
 public:
  Impl(std::shared_ptr<const Program> program, ThreadPool& pool, Options options) {
    context_.program = std::move(program);
    context_.pool = &pool;
    context_.options = options;
    executor_ = std::make_unique<GraphExecutor>(context_, context_.program->model().entry);
  }

  Result<std::vector<Datum>> run(std::span<const Datum> inputs) {
    const Graph& graph = context_.program->model().main();
    for (size_t i = 0; i < inputs.size() && i < graph.inputs.size(); ++i)
      if (inputs[i].kind == Datum::Kind::tensor && !inputs[i].tensor.defined())
        return fail(ErrorId::bad_data,
                    "input '" + printable(graph[graph.inputs[i]].name) + "' is not given");
    TRY(renew_budget());
    if (!ready_) TRY(make_states());
    RunStatistics& statistics = context_.statistics;
    statistics.planned_steps = statistics.dynamic_steps = 0;
    ++context_.calls;
    context_.runs = 0;
    const std::vector<Datum> fitted = fit_scalars(inputs);
    TRY(check_bindings(fitted));
    std::vector<Tensor> next;
    std::vector<Datum> outputs = TRY(executor_->run(fitted, states_, next));
    for (Datum& d : outputs) TRY(detach(d, context_.memory));
    std::unordered_set<const void*> kept;  // nobody else has what a state held
    for (const Tensor& t : states_) kept.insert(place_of(t));
    for (Tensor& t : next)
      if (!kept.contains(place_of(t))) TRY(detach(t, context_.memory));
    states_ = std::move(next);
    return outputs;
  }

  // What earlier calls have given away does not count any more; arenas and states do.
  Status renew_budget() {
    const uint64_t limit = context_.program->limits().runtime_memory;
    uint64_t states = 0;
    for (const Tensor& t : states_) states += uint64_t(t.byte_size());
    if (states > limit - std::min(limit, context_.arena_bytes)) executor_->drop_idle();
    context_.memory = std::make_shared<MemoryBudget>(limit);
    if (context_.memory->take(context_.arena_bytes) && context_.memory->take(states)) {
      context_.scratch->charge(context_.memory);
      context_.results->charge(context_.memory);
      return ok();
    }
    return fail(ErrorId::over_memory,
                "the states and activations need more than " + human_bytes(limit) + ", the limit");
  }

  // Sizes that were bound are those of the inputs.
  Status check_bindings(std::span<const Datum> inputs) const {
    if (bindings_.empty()) return ok();
    const Graph& graph = context_.program->model().main();
    std::vector<Given> given;
    for (size_t i = 0; i < inputs.size() && i < graph.inputs.size(); ++i)
      given.push_back({&graph[graph.inputs[i]], inputs[i].type()});
    Dim::Bindings bindings = bindings_;
    return bind_symbols(given, bindings);
  }

  // One element in any number of axes of extent 1 may be given for a scalar.
  std::vector<Datum> fit_scalars(std::span<const Datum> inputs) const {
    const Graph& graph = context_.program->model().main();
    std::vector<Datum> fitted(inputs.begin(), inputs.end());
    for (size_t i = 0; i < fitted.size() && i < graph.inputs.size(); ++i) {
      const Type& type = graph[graph.inputs[i]].type;
      Tensor& given = fitted[i].tensor;
      if (type.is_tensor() && type.tensor.shape == Shape{} && given.defined() &&
          given.count() == 1 && given.rank() > 0)
        given = given.reshaped({});
    }
    return fitted;
  }

  Status make_states() {
    const Graph& graph = context_.program->model().main();
    std::vector<Tensor> states;
    for (const State& s : graph.states()) {
      if (s.initial.valid()) {
        states.push_back(TRY(context_.program->constant(s.initial).clone(context_.memory)));
        continue;
      }
      const Type& type = graph[s.now].type;
      Extents extents;
      for (const Dim& d : type.tensor.shape.dims) {
        const auto n = d.evaluate(bindings_);
        if (!n || *n < 0)
          return fail(ErrorId::bad_data, "state '" + printable(graph[s.now].name) + "' of type " +
                                             type.str() + " needs a value for " + d.str() +
                                             "; give it with --bind");
        extents.push_back(*n);
      }
      states.push_back(TRY(Tensor::make(type.tensor.dtype, std::move(extents), context_.memory)));
    }
    states_ = std::move(states);
    ready_ = true;
    return ok();
  }

  Status restore(const std::vector<Tensor>& states) {
    const Graph& graph = context_.program->model().main();
    if (states.size() != graph.states().size())
      return fail(ErrorId::bad_data, "the snapshot holds " + std::to_string(states.size()) +
                                         " states, the model has " +
                                         std::to_string(graph.states().size()));
    std::vector<Given> given;
    for (size_t i = 0; i < states.size(); ++i) {
      const Value& state = graph[graph.states()[i].now];
      if (!states[i].defined())
        return fail(ErrorId::bad_data, "the snapshot lacks state '" + printable(state.name) + "'");
      given.push_back({&state, Type(states[i].type())});
    }
    Dim::Bindings bindings = bindings_;
    TRY(bind_symbols(given, bindings));
    states_.clear();
    for (const Tensor& t : states) states_.push_back(t.clone());
    ready_ = true;
    return ok();
  }

  ExecutionContext context_;
  std::unique_ptr<GraphExecutor> executor_;
  std::vector<Tensor> states_;
  Dim::Bindings bindings_;
  bool ready_ = false;
};

Session::Session(std::shared_ptr<const Program> program, ThreadPool& pool, Options options)
    : impl_(std::make_unique<Impl>(std::move(program), pool, options)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

Result<std::vector<Datum>> Session::run(std::span<const Datum> inputs) {
  return impl_->run(inputs);
}

void Session::reset() {
  impl_->states_.clear();
  impl_->ready_ = false;
}

Result<Session> Session::fork() const {
  Session other(impl_->context_.program, *impl_->context_.pool, impl_->context_.options);
  other.impl_->bindings_ = impl_->bindings_;
  other.impl_->context_.calls = impl_->context_.calls;  // random operators go on where they were
  if (impl_->ready_) TRY(other.restore(impl_->states_));
  return other;
}

std::vector<Tensor> Session::snapshot() const {
  std::vector<Tensor> copies;
  for (const Tensor& t : impl_->states_) copies.push_back(t.clone());
  return copies;
}

Status Session::restore(const std::vector<Tensor>& states) { return impl_->restore(states); }

Status Session::bind(const Dim::Bindings& bindings) {
  if (impl_->ready_)
    return fail(ErrorId::bad_data, "symbols of states are bound before the first run");
  const std::vector<Symbol>& known = program().model().symbols;
  for (const auto& [symbol, value] : bindings) {
    if (std::ranges::none_of(known, [&](const Symbol& s) { return s.name == symbol; })) {
      Error error = fail(ErrorId::undefined_name,
                         "the model has no symbol '" + printable(symbol) + "' to bind");
      error.hint = known.empty() ? "its sizes are all fixed" : "its symbols are ";
      for (size_t i = 0; i < known.size() && i < 20; ++i)
        error.hint += (i ? ", " : "") + printable(known[i].name);
      return error;
    }
    if (value < 0)
      return fail(ErrorId::bad_data, "'" + printable(symbol) + "' cannot be " +
                                         std::to_string(value) + ": sizes are not negative");
    impl_->bindings_[symbol] = value;
  }
  return ok();
}

const Program& Session::program() const { return *impl_->context_.program; }
RunStatistics Session::statistics() const { return impl_->context_.statistics; }

}  // namespace hone
