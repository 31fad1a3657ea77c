#include "runtime/program.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"

namespace hone {

struct Program::Copies {
  Allowance allowance;  // of all copied and decoded constants together
  std::map<std::tuple<uint32_t, uint64_t, uint64_t, DType>, Tensor> by_span;
  size_t since_release = 0;   // copies since the mapped files have left memory
  std::vector<bool> aligned;  // constants that somebody does not read byte by byte
};

Result<std::shared_ptr<const Program>> Program::make(std::shared_ptr<const Model> model,
                                                     std::vector<const Backend*> backends,
                                                     const Limits& limits) {
  std::shared_ptr<Program> program(new Program);
  program->model_ = std::move(model);
  program->backends_ = std::move(backends);
  program->limits_ = limits;
  program->constants_.resize(program->model_->constants.size());
  program->plans_.resize(program->model_->graphs.size());
  Copies copies{std::make_shared<MemoryBudget>(limits.runtime_memory),
                {},
                0,
                std::vector<bool>(program->constants_.size())};
  for (uint32_t g = 0; g < program->model_->graphs.size(); ++g) {
    TRY(program->add_graph(GraphId{g}));
    program->find_aligned(GraphId{g}, copies);
  }
  for (const Graph& graph : program->model_->graphs) TRY(program->read_constants(graph, copies));
  return std::shared_ptr<const Program>(std::move(program));
}

Status Program::add_graph(GraphId id) {
  const Graph& graph = model_->graphs[id.index];
  GraphPlan& plan = plans_[id.index];
  plan.order = TRY(graph.order());
  plan.last_use.assign(graph.value_count(), -1);
  for (size_t step = 0; step < plan.order.size(); ++step) {
    const NodeId n = plan.order[step];
    for (ValueId v : graph[n].inputs)
      if (v.valid()) plan.last_use[v.index] = int32_t(step);
    std::string reasons;
    bool found = false;
    for (size_t b = 0; b < backends_.size() && !found; ++b) {
      const Support support = backends_[b]->supports(*model_, graph, n);
      if (!support.yes) {
        reasons += "; " + std::string(backends_[b]->name()) + ": " + support.reason;
        continue;
      }
      plan.kernels.push_back(TRY(backends_[b]
                                     ->prepare(*model_, graph, n)
                                     .context("preparing " + std::string(graph[n].op->name) + " '" +
                                              printable(graph[n].name) + "'")));
      plan.backend.push_back(uint8_t(b));
      found = true;
    }
    if (!found)
      return fail(ErrorId::unsupported_operator, "no backend runs " +
                                                     std::string(graph[n].op->name) + " '" +
                                                     printable(graph[n].name) + "'" + reasons);
  }
  return ok();
}

void Program::find_aligned(GraphId id, Copies& copies) const {
  const Graph& graph = model_->graphs[id.index];
  const auto mark = [&](ValueId v) {
    if (v.valid() && graph[v].kind == Value::Kind::constant)
      copies.aligned[graph[v].constant.index] = true;
  };
  const GraphPlan& plan = plans_[id.index];
  for (size_t step = 0; step < plan.order.size(); ++step) {
    const auto& inputs = graph[plan.order[step]].inputs;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!plan.kernels[step]->reads_at_any_address(i)) mark(inputs[i]);
  }
  for (const ValueId v : graph.outputs()) mark(v);
  for (const State& s : graph.states()) {
    mark(s.next);
    if (s.initial.valid()) copies.aligned[s.initial.index] = true;
  }
}

Status Program::read_constants(const Graph& graph, Copies& copies) {
  for (uint32_t v = 0; v < graph.value_count(); ++v) {
    const Value& value = graph[ValueId{v}];
    if (value.kind == Value::Kind::constant) TRY(read_constant(value.constant, copies));
  }
  for (const State& s : graph.states())
    if (s.initial.valid()) TRY(read_constant(s.initial, copies));
  return ok();
}

Status Program::read_constant(ConstantId id, Copies& copies) {
  Tensor& tensor = constants_[id.index];
  if (tensor.defined()) return ok();
  const Constant& constant = model_->constants[id.index];
  const auto* span = std::get_if<Constant::Span>(&constant.data);
  const bool shared = span && span->length > kMaxInline && constant.type.encoding.is_dense();
  if (!shared) {
    tensor = TRY(model_->read(id, copies.allowance));
    return ok();
  }
  const std::tuple key(span->source, span->offset, span->length, constant.type.dtype);
  if (const auto it = copies.by_span.find(key);
      it != copies.by_span.end() && element_count(constant.type.shape).is(it->second.count())) {
    tensor = it->second.reshaped(*constant.type.shape.fixed());
    return ok();
  }
  tensor = copies.aligned[id.index] ? TRY(model_->read(id, copies.allowance))
                                    : TRY(model_->read_at_any_address(id, copies.allowance));
  if (tensor.data() == TRY(model_->stored(id)).data()) return ok();
  copies.by_span.emplace(key, tensor);
  // A few bytes of a file bring in as much as a huge page.
  constexpr size_t kCopies = 8;
  if (++copies.since_release % kCopies == 0) model_->release_all();
  return ok();
}

std::vector<Program::Share> Program::shares() const {
  std::vector<std::set<std::string>> names(backends_.size());
  std::vector<Share> shares(backends_.size());
  for (uint32_t g = 0; g < plans_.size(); ++g)
    for (size_t step = 0; step < plans_[g].order.size(); ++step) {
      const size_t b = plans_[g].backend[step];
      ++shares[b].nodes;
      names[b].emplace(model_->graphs[g][plans_[g].order[step]].op->name);
    }
  for (size_t b = 0; b < backends_.size(); ++b) {
    shares[b].backend = backends_[b]->name();
    shares[b].operators.assign(names[b].begin(), names[b].end());
  }
  return shares;
}

}  // namespace hone
