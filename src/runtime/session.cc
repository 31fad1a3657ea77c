#include "runtime/session.h"

#include <algorithm>

#include "base/text.h"
#include "runtime/graph_executor.h"

namespace hone {

class Session::Impl {
 public:
  Impl(std::shared_ptr<const Program> program, ThreadPool& pool, Options options) {
    context_.program = std::move(program);
    context_.pool = &pool;
    context_.options = options;
    executor_ = std::make_unique<GraphExecutor>(context_, context_.program->model().entry);
  }

  Result<std::vector<Datum>> run(std::span<const Datum> inputs) {
    if (!ready_) TRY(make_states());
    RunStatistics& statistics = context_.statistics;
    statistics.planned_steps = statistics.dynamic_steps = 0;
    ++context_.calls;
    context_.runs = 0;
    const std::vector<Datum> fitted = fit_scalars(inputs);
    TRY(check_bindings(fitted));
    return executor_->run(fitted, states_);
  }

  // Sizes that were bound are those of the inputs.
  Status check_bindings(std::span<const Datum> inputs) const {
    if (bindings_.empty()) return ok();
    const Graph& graph = context_.program->model().main();
    Dim::Bindings bindings = bindings_;
    for (size_t i = 0; i < inputs.size() && i < graph.inputs.size(); ++i) {
      const Value& input = graph[graph.inputs[i]];
      TRY(bind_symbols(input.type, inputs[i].type(), input.name, bindings));
    }
    return ok();
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
        states.push_back(context_.program->constant(s.initial).clone());
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
      states.push_back(TRY(Tensor::make(type.tensor.dtype, std::move(extents),
                                        context_.program->limits().runtime_memory)));
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
    Dim::Bindings bindings = bindings_;
    for (size_t i = 0; i < states.size(); ++i)
      TRY(bind_symbols(graph[graph.states()[i].now].type, Type(states[i].type()),
                       graph[graph.states()[i].now].name, bindings));
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
  for (const auto& [symbol, value] : bindings) impl_->bindings_[symbol] = value;
  return ok();
}

const Program& Session::program() const { return *impl_->context_.program; }
RunStatistics Session::statistics() const { return impl_->context_.statistics; }

}  // namespace hone
