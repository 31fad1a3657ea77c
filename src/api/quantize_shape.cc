#include "api/quantize_shape.h"

#include "compress/model_source.h"

namespace hone {

Result<compress::QuantizeReport> quantize_shape(const NamedShapeModel& shape,
                                                const std::string& output,
                                                const compress::QuantizeOptions& options,
                                                const Limits& limits, ThreadPool& pool) {
  const Model model = TRY(shape_model(shape, limits, {}));
  const auto source = TRY(compress::model_source(model));
  compress::PlannedReport planned = TRY(compress::plan_report(*source, options));
  TRY(compress::check_formats(planned.tensors, source->tensors()));
  if (options.dry_run) return std::move(planned.report);
  GgufMetadata metadata;
  TRY(describe_shape(*shape.shape, options.plan.mix, limits, metadata));
  return compress::write_quantized(*source, std::move(planned), metadata, 32, output, options,
                                   pool);
}

}  // namespace hone
