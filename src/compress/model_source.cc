#include "compress/model_source.h"

#include <fmt/format.h>

#include <cstring>

#include "base/text.h"
#include "compress/role_names.h"
#include "ir/blocks/block_format.h"

namespace hone::compress {
namespace {

bool is_tensor(const Constant& constant) {
  return !constant.name.empty() && constant.type.dtype == DType::f32 &&
         constant.type.encoding.kind != Encoding::Kind::affine && constant.type.shape.is_fixed();
}

class ModelTensors : public TensorSource {
 public:
  Status add_all(const Model& model) {
    const RoleNames names(model);
    for (uint32_t i = 0; i < model.constants.size(); ++i)
      if (is_tensor(model.constants[i])) TRY(add(model, ConstantId{i}, names));
    return ok();
  }
  ConstantId constant(size_t tensor) const { return ids_[tensor]; }

  Status add(const Model& model, ConstantId id, const RoleNames& names) {
    const Constant& constant = model.constants[id.index];
    const BlockFormat* format = constant.type.encoding.format;
    const auto bytes = TRY(model.stored(id));
    tensors_.push_back({names(constant.name), *constant.type.shape.fixed(),
                        std::string(format ? format->name : "f32"), bytes.size(),
                        format ? format->ggml_type : 0});
    ids_.push_back(id);
    formats_.push_back(format);
    bytes_.push_back(bytes);
    mapped_.push_back(model.is_mapped(constant));
    return ok();
  }

  const std::vector<NamedTensor>& tensors() const override { return tensors_; }
  bool can_read(size_t) const override { return true; }
  bool is_mapped(size_t tensor) const override { return mapped_[tensor]; }
  std::span<const std::byte> stored(size_t tensor) const override { return bytes_[tensor]; }

  void read(size_t tensor, int64_t first_row, int64_t rows, float* out) const override {
    const int64_t columns = tensors_[tensor].columns();
    const BlockFormat* format = formats_[tensor];
    if (format == nullptr) {
      std::memcpy(out, bytes_[tensor].data() + first_row * columns * 4, size_t(rows * columns) * 4);
      return;
    }
    const int64_t blocks = columns / format->elements;
    format->decode(bytes_[tensor].data() + first_row * blocks * format->bytes, rows * blocks, out);
  }

 private:
  std::vector<NamedTensor> tensors_;
  std::vector<const BlockFormat*> formats_;  // null: dense
  std::vector<std::span<const std::byte>> bytes_;
  std::vector<bool> mapped_;
  std::vector<ConstantId> ids_;
};

// The new bytes of a constant, and its type everywhere.
void replace(Model& model, ConstantId id, std::vector<std::byte> bytes, const Encoding& encoding) {
  Constant& constant = model.constants[id.index];
  const uint64_t size = bytes.size();
  model.sources.push_back(DataSource::in_memory(std::move(bytes)));
  constant.data = Constant::Span{uint32_t(model.sources.size() - 1), 0, size};
  constant.type.encoding = encoding;
  for (Graph& graph : model.graphs) {
    for (uint32_t i = 0; i < graph.value_count(); ++i) {
      Value& value = graph.at(ValueId{i});
      if (value.kind == Value::Kind::constant && value.constant == id) {
        value.type.tensor.encoding = encoding;
      }
    }
  }
}

Encoding encoding_of(const Format& format) {
  const BlockFormat* blocks = block_format(format.name);
  return blocks ? Encoding::of_blocks(*blocks) : Encoding();
}

}  // namespace

Result<std::unique_ptr<TensorSource>> model_source(const Model& model) {
  auto source = std::make_unique<ModelTensors>();
  TRY(source->add_all(model));
  return std::unique_ptr<TensorSource>(std::move(source));
}

Result<QuantizeReport> quantize_model(Model& model, const QuantizeOptions& options,
                                      const Limits& limits, ThreadPool& pool) {
  ModelTensors tensors;
  TRY(tensors.add_all(model));
  const ModelTensors* source = &tensors;
  PlannedReport planned = TRY(plan_report(*source, options));
  QuantizeReport& report = planned.report;
  if (options.dry_run) return report;
  if (report.bytes_after > limits.runtime_memory) {
    return fail(ErrorId::over_memory,
                fmt::format("the weights would take {} of memory, above the limit "
                            "`runtime_memory` of {}",
                            human_bytes(report.bytes_after), human_bytes(limits.runtime_memory)));
  }
  const size_t count = source->tensors().size();
  std::vector<std::vector<std::byte>> made(count);
  for (size_t i = 0; i < count; ++i) {
    if (!planned.tensors[i].format) continue;
    if (options.progress) options.progress(source->tensors()[i].name, i, count);
    made[i].reserve(planned.tensors[i].bytes);
    const auto keep = [&](std::span<const std::byte> piece) -> Status {
      made[i].insert(made[i].end(), piece.begin(), piece.end());
      return ok();
    };
    report.tensors[i].errors =
        TRY(convert(*source, i, *planned.tensors[i].format, planned.weights[i], pool, keep));
  }
  for (size_t i = 0; i < count; ++i) {
    if (!planned.tensors[i].format) continue;
    replace(model, source->constant(i), std::move(made[i]),
            encoding_of(*planned.tensors[i].format));
  }
  return report;
}

}  // namespace hone::compress
