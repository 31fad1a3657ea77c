// Models, executables and sessions of the public API, over the modules that do the work.
#include "hone/hone.h"

#include <charconv>
#include <thread>

#include "api/choices.h"
#include "api/compile.h"
#include "api/describe.h"
#include "api/open.h"
#include "api/open_options.h"
#include "api/random_input.h"
#include "api/value.h"
#include "api/value_file.h"
#include "backends/backends.h"
#include "base/pages.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "base/trace.h"
#include "import/hone/artefact.h"
#include "ir/text.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/session.h"

namespace hone::v1 {

struct Model::Impl {
  std::shared_ptr<const hone::Model> model;
  std::string path, format;
  uint64_t file_bytes = 0;
  Limits limits;
};

struct Executable::Impl {
  std::shared_ptr<const hone::Model> source;  // what was compiled
  std::shared_ptr<const Program> program;
  std::shared_ptr<ThreadPool> pool;
};

struct Session::Impl {
  std::shared_ptr<const Program> program;
  std::shared_ptr<ThreadPool> pool;
  std::shared_ptr<Trace> trace;  // null when nothing is recorded
  hone::Session session;
};

namespace {

hone::Result<Limits> limits_of(const OpenOptions& options) {
  Limits limits;
  for (const auto& [name, value] : options.limits) TRY(set_limit(limits, name, value));
  return limits;
}

hone::Result<Model> open_file(const std::string& path, const OpenOptions& options) {
  const hone::OpenOptions ours = TRY(open_options_of(options));
  OpenedModel opened = TRY(open_model_file(path, ours));
  return Model(std::make_shared<const Model::Impl>(
      Model::Impl{std::make_shared<const hone::Model>(std::move(opened.model)), path,
                  std::string(opened.format), opened.file_bytes, ours.limits}));
}

hone::Result<Model> parse_text(std::string_view text, const OpenOptions& options) {
  const Limits limits = TRY(limits_of(options));
  auto model = std::make_shared<const hone::Model>(
      TRY(parse_model_text(text, standard_catalogue(), limits)));
  return Model(
      std::make_shared<const Model::Impl>(Model::Impl{model, "", "text", text.size(), limits}));
}

hone::Result<Model> clean_model(const Model::Impl& impl, const CleanOptions& options) {
  if (impl.model->phase == kLowered) {
    hone::Error error = fail(ErrorId::usage, "'" + printable(impl.path) + "' is compiled");
    error.hint = "give the model that it was compiled from, or a portable artefact of it";
    return error;
  }
  auto model = std::make_shared<hone::Model>(*impl.model);
  const std::string pipeline = options.pipeline.empty() ? "clean" : options.pipeline;
  TRY(run_pipeline(*model, pipeline, standard_catalogue(), impl.limits));
  Model::Impl cleaned = impl;
  cleaned.model = std::move(model);
  return Model(std::make_shared<const Model::Impl>(std::move(cleaned)));
}

hone::Result<Executable> compile_model(const Model::Impl& impl, const CompileOptions& options) {
  auto backends = TRY(backends_for(options.backend));
  auto pool = std::make_shared<ThreadPool>(options.threads);
  auto model = TRY(lower_for(*backends[0], impl.model, impl.path, impl.limits, options, *pool));
  auto program = TRY(Program::make(std::move(model), std::move(backends), impl.limits));
  trim_heap();
  return Executable(std::make_shared<const Executable::Impl>(
      Executable::Impl{impl.model, std::move(program), std::move(pool)}));
}

hone::Status save_compiled(const Executable::Impl& impl, const std::string& path) {
  hone::Model model = impl.program->model();
  if (model.phase != kLowered)
    return fail(ErrorId::usage, "the backend takes models as they are: there is nothing compiled");
  if (impl.source->phase != kLowered)
    model.metadata["portable_sha256"] =
        TRY(artefact::content_hash(*impl.source, impl.pool->size()));
  return artefact::write(model, path, impl.pool->size());
}

hone::Result<size_t> position_of(const hone::Graph& graph, std::string_view name) {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    names.push_back(graph[graph.inputs[i]].name);
    if (names.back() == name) return i;
  }
  size_t position = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), position);
  if (error == std::errc() && end == name.data() + name.size() && position < names.size())
    return position;
  hone::Error unknown = fail(ErrorId::usage, "the model has no input '" + printable(name) + "'");
  unknown.hint = names.empty() ? "it takes no inputs" : "its inputs are ";
  for (size_t i = 0; i < names.size() && i < 20; ++i)
    unknown.hint += (i ? ", " : "") + printable(names[i]);
  return unknown;
}

hone::Result<hone::Value> port_at(const hone::Graph& graph, const std::vector<ValueId>& ports,
                                  size_t index, std::string_view what) {
  if (index < ports.size()) return graph[ports[index]];
  return fail(ErrorId::bad_data, "there is no " + std::string(what) + " " + std::to_string(index) +
                                     "; the model has " + std::to_string(ports.size()));
}

hone::Result<Datum> load_port(const Model::Impl& impl, const std::vector<ValueId>& ports,
                              size_t index, std::string_view what, const std::string& path) {
  const hone::Value port = TRY(port_at(impl.model->main(), ports, index, what));
  return load_datum(path, port.type, impl.limits);
}

// One element in any number of axes may be given for a scalar, as when running.
bool fits_input(const Datum& datum, const Type& type) {
  if (datum.is_of(type)) return true;
  return type.is_tensor() && type.tensor.shape == Shape{} && datum.kind == Datum::Kind::tensor &&
         datum.tensor.count() == 1 && datum.tensor.dtype() == type.tensor.dtype;
}

hone::Result<Datum> load_in_port(const Model::Impl& impl, size_t index, const std::string& path,
                                 const LoadOptions& options) {
  const hone::Graph& graph = impl.model->main();
  const hone::Value port = TRY(port_at(graph, graph.inputs, index, "input"));
  Datum datum = TRY(load_input_file(path, port.type, options, impl.limits));
  if (!fits_input(datum, port.type))
    return fail(ErrorId::bad_data, "'" + printable(path) + "' holds " + datum.type().str() +
                                       ", input '" + printable(port.name) + "' takes " +
                                       port.type.str());
  return datum;
}

hone::Result<std::vector<Value>> make_inputs(const Model::Impl& impl, uint64_t seed,
                                             const Bindings& bindings) {
  const hone::Graph& graph = impl.model->main();
  std::vector<Value> values;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const hone::Value& input = graph[graph.inputs[i]];
    values.push_back(wrap(TRY(random_datum(input.type, seed * 0x10001 + i, bindings, impl.limits)
                                  .context("making up input '" + printable(input.name) + "'"))));
  }
  return values;
}

hone::Result<std::vector<Value>> run_session(hone::Session& session,
                                             const std::vector<Value>& inputs) {
  std::vector<Datum> data;
  for (const Value& v : inputs) data.push_back(unwrap(v));
  std::vector<Value> outputs;
  for (Datum& d : TRY(session.run(data))) outputs.push_back(wrap(std::move(d)));
  return outputs;
}

hone::Result<std::vector<Value>> by_name(const hone::Graph& graph,
                                         const std::map<std::string, Value>& inputs) {
  std::vector<Value> ordered(graph.inputs.size());
  std::vector<bool> given(graph.inputs.size());
  for (const auto& [name, value] : inputs) {
    const size_t i = TRY(position_of(graph, name));
    if (given[i])
      return fail(ErrorId::bad_data,
                  "input '" + printable(graph[graph.inputs[i]].name) + "' is given twice");
    ordered[i] = value;
    given[i] = true;
  }
  for (size_t i = 0; i < given.size(); ++i) {
    if (!given[i])
      return fail(ErrorId::bad_data,
                  "input '" + printable(graph[graph.inputs[i]].name) + "' is not given");
  }
  return ordered;
}

constexpr auto kSame = [](auto value) { return value; };

}  // namespace

Model::Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Model> Model::open(const std::string& path, const OpenOptions& options) {
  return wrap(open_file(path, options), kSame);
}

Result<Model> Model::parse(std::string_view text, const OpenOptions& options) {
  return wrap(parse_text(text, options), kSame);
}

Description Model::describe() const {
  Description d = describe_model(*impl_->model);
  d.path = impl_->path;
  d.format = impl_->format;
  d.file_bytes = impl_->file_bytes;
  return d;
}

std::string Model::text() const { return print(*impl_->model); }

Result<Model> Model::clean(const CleanOptions& options) const {
  return wrap(clean_model(*impl_, options), kSame);
}

Result<std::string> Model::content_hash(int threads) const {
  return wrap(artefact::content_hash(*impl_->model, threads), kSame);
}

Status Model::save(const std::string& path, int threads) const {
  return wrap(artefact::write(*impl_->model, path, threads));
}

Result<Executable> Model::compile(const CompileOptions& options) const {
  return wrap(compile_model(*impl_, options), kSame);
}

Result<Value> Model::load_input(size_t index, const std::string& path) const {
  return load_input(index, path, {});
}

Result<Value> Model::load_input(size_t index, const std::string& path,
                                const LoadOptions& options) const {
  return wrap(load_in_port(*impl_, index, path, options),
              [](Datum d) { return wrap(std::move(d)); });
}

Result<Value> Model::load_output(size_t index, const std::string& path) const {
  return wrap(load_port(*impl_, impl_->model->main().outputs(), index, "output", path),
              [](Datum d) { return wrap(std::move(d)); });
}

Result<std::vector<Value>> Model::random_inputs(uint64_t seed, const Bindings& bindings) const {
  return wrap(make_inputs(*impl_, seed, bindings), kSame);
}

Result<size_t> Model::input_index(std::string_view name) const {
  return wrap(position_of(impl_->model->main(), name), kSame);
}

Executable::Executable(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Session> Executable::session(const SessionOptions& options) const {
  auto trace = options.trace ? std::make_shared<Trace>() : nullptr;
  hone::Session session(impl_->program, *impl_->pool, {options.seed, trace.get()});
  if (auto bound = session.bind(options.bindings); !bound) return wrap(bound.error());
  return Session(std::make_unique<Session::Impl>(
      Session::Impl{impl_->program, impl_->pool, std::move(trace), std::move(session)}));
}

Result<std::vector<Value>> Executable::run(const std::vector<Value>& inputs) const {
  hone::Session session(impl_->program, *impl_->pool);
  return wrap(run_session(session, inputs), kSame);
}

std::vector<Executable::Share> Executable::shares() const {
  std::vector<Share> shares;
  for (auto& s : impl_->program->shares())
    shares.push_back({s.backend, s.nodes, std::move(s.operators)});
  return shares;
}

std::vector<Choice> Executable::choices() const { return choices_of(impl_->program->model()); }

std::string Executable::target() const { return impl_->program->model().target; }

Status Executable::save(const std::string& path) const { return wrap(save_compiled(*impl_, path)); }

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<std::vector<Value>> Session::run(const std::vector<Value>& inputs) {
  return wrap(run_session(impl_->session, inputs), kSame);
}

Result<std::vector<Value>> Session::run(const std::map<std::string, Value>& inputs) {
  auto ordered = by_name(impl_->program->model().main(), inputs);
  if (!ordered) return wrap(ordered.error());
  return run(*ordered);
}

void Session::reset() { impl_->session.reset(); }

Result<Session> Session::fork() const {
  return wrap(impl_->session.fork(), [&](hone::Session session) {
    return Session(std::make_unique<Impl>(
        Impl{impl_->program, impl_->pool, impl_->trace, std::move(session)}));
  });
}

std::vector<Value> Session::snapshot() const {
  std::vector<Value> states;
  for (hone::Tensor& t : impl_->session.snapshot()) states.push_back(wrap(Datum(std::move(t))));
  return states;
}

Status Session::restore(const std::vector<Value>& states) {
  std::vector<hone::Tensor> tensors;
  for (const Value& v : states) {
    const Datum state = unwrap(v);
    if (state.kind != Datum::Kind::tensor)
      return wrap(fail(ErrorId::bad_data, "a state is a tensor, not " + state.type().str()));
    tensors.push_back(state.tensor);
  }
  return wrap(impl_->session.restore(tensors));
}

Statistics Session::statistics() const {
  const RunStatistics s = impl_->session.statistics();
  return {s.planned_arena_bytes, s.measured_arena_bytes, s.planned_steps, s.dynamic_steps,
          s.specializations};
}

Status Session::write_trace(const std::string& path) const {
  if (!impl_->trace) return wrap(fail(ErrorId::bad_data, "the session was made without a trace"));
  return wrap(impl_->trace->write(path));
}

hone::Result<hone::OpenOptions> open_options_of(const OpenOptions& options) {
  return hone::OpenOptions{
      .limits = TRY(limits_of(options)),
      .verify = options.verify,
      .links = options.follow_links ? Links::follow : Links::refuse,
      .missing = options.without_weights ? MissingWeights::leave_out : MissingWeights::refuse};
}

}  // namespace hone::v1
