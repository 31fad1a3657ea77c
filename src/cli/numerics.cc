#include "cli/numerics.h"

#include <fmt/format.h>

#include "api/random_input.h"
#include "api/value.h"
#include "backends/backends.h"
#include "base/text.h"
#include "runtime/session.h"

namespace hone::cli {
namespace {

// Passes may reorder sums, not more.
constexpr v1::Tolerance kTolerance{1e-4, 1e-5};

Result<std::vector<Datum>> run(const Model& model, const std::vector<Datum>& inputs,
                               const Limits& limits) {
  auto program = TRY(
      Program::make(std::make_shared<const Model>(model), TRY(backends_for("reference")), limits));
  ThreadPool pool(1);
  Session session(std::move(program), pool);
  return session.run(inputs);
}

}  // namespace

Status NumericsCheck::record(const Model& model, const Limits& limits) {
  limits_ = limits;
  const Graph& graph = model.main();
  for (size_t i = 0; i < graph.inputs.size(); ++i)
    inputs_.push_back(TRY(random_datum(graph[graph.inputs[i]].type, i, {}, limits)));
  outputs_ = TRY(run(model, inputs_, limits_).context("running the model before the first pass"));
  return ok();
}

Status NumericsCheck::compare(const Model& model, std::string_view pass) const {
  if (model.main().inputs.size() != inputs_.size() ||
      model.main().outputs().size() != outputs_.size())
    return fail(ErrorId::inconclusive, fmt::format("{} changed the inputs or outputs: results "
                                                   "cannot be compared",
                                                   pass));
  const auto outputs =
      TRY(run(model, inputs_, limits_).context(fmt::format("running the model after {}", pass)));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const v1::Comparison c = v1::compare(v1::wrap(outputs[i]), v1::wrap(outputs_[i]), kTolerance);
    if (c.equal) continue;
    return fail(
        ErrorId::check_failed,
        fmt::format("after {}, output '{}' differs: {}", pass,
                    printable(model.main().output_names()[i]),
                    c.reason.empty() ? fmt::format("{} of {} elements, by up to {:.3g}",
                                                   c.different, c.elements, c.largest_absolute)
                                     : c.reason));
  }
  return ok();
}

}  // namespace hone::cli
