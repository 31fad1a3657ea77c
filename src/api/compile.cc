#include "api/compile.h"

#include "api/choices.h"
#include "base/text.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"

namespace hone {

Result<std::shared_ptr<const Model>> lower_for(const Backend& backend,
                                               const std::shared_ptr<const Model>& source,
                                               const std::string& path, const Limits& limits,
                                               const v1::CompileOptions& options,
                                               ThreadPool& pool) {
  const std::string target = backend.target();
  if (target.empty()) return source;
  if (source->phase == kLowered) {
    if (source->target == target) return source;
    Error error = fail(ErrorId::unavailable,
                       "'" + printable(path) + "' is compiled for the kernels '" +
                           printable(source->target) + "'; those here are '" + target + "'");
    error.hint = "compile the model again on this machine, or run it with the backend reference";
    return error;
  }
  Model model = *source;
  const auto chooser = TRY(Chooser::make(options, backend, model, limits));
  const PipelineReport report =
      TRY(run_pipeline(model, backend.lowering(), standard_catalogue(), limits,
                       {.choosing = chooser->choosing(), .pool = &pool}));
  if (!report.decisions.empty())
    model.metadata[std::string(kChoicesKey)] = print_choices(report.decisions, chooser->machine());
  model.phase = kLowered;
  model.target = target;
  return std::make_shared<const Model>(std::move(model));
}

}  // namespace hone
