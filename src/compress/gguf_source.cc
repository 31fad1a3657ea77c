// The tensors of GGUF files: f32, 16-bit floats and blocks are read; integers are only copied.
#include <fmt/format.h>

#include <cstring>

#include "base/text.h"
#include "compress/tensor_source.h"
#include "ir/blocks/block_format.h"
#include "kernels/conversions/conversions.h"

namespace hone::compress {
namespace {

constexpr int32_t kF32 = 0, kF16 = 1, kBf16 = 30;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return out;
}

// Heads may be given for each layer.
int64_t heads(const Gguf& file, const std::string& key) {
  const GgufValue* value = file.find(key);
  if (value == nullptr) return 0;
  Ledger ledger{Limits()};
  if (value->kind == GgufValue::Kind::array) {
    const auto all = value->as_integers(ledger);
    return all && !all->empty() ? (*all)[0] : 0;
  }
  const auto one = value->as_integer();
  return one ? *one : 0;
}

class GgufSourceTensors : public TensorSource {
 public:
  explicit GgufSourceTensors(const GgufFiles& files) : files_(files), entries_(files.tensors()) {
    for (const GgufFiles::Tensor& tensor : entries_) {
      const GgufTensor& entry = *tensor.entry;
      tensors_.push_back({std::string(entry.name), entry.extents,
                          lower(gguf_block(entry.type)->name), entry.bytes, entry.type});
    }
  }

  const std::vector<NamedTensor>& tensors() const override { return tensors_; }

  ModelFacts facts() const override {
    ModelFacts facts;
    const GgufValue* architecture = files_.first().find("general.architecture");
    const auto name = architecture ? architecture->as_string() : std::string_view();
    if (!name) return facts;
    const std::string prefix = std::string(*name) + ".attention.head_count";
    const int64_t all = heads(files_.first(), prefix), keys = heads(files_.first(), prefix + "_kv");
    if (all > 0 && keys > 0) facts.query_heads_per_key = all / keys;
    return facts;
  }

  bool can_read(size_t tensor) const override {
    const int32_t type = entries_[tensor].entry->type;
    return type == kF32 || block_format_of_ggml(type) != nullptr;
  }

  void read(size_t tensor, int64_t first_row, int64_t rows, float* out) const override {
    const int32_t type = entries_[tensor].entry->type;
    const GgufBlock block = *gguf_block(type);
    const int64_t columns = tensors_[tensor].columns(), count = rows * columns;
    const std::byte* from =
        stored(tensor).data() + first_row * (columns / block.elements) * block.bytes;
    const auto& conversions = kernels::conversion_kernels();
    if (type == kF32) {
      std::memcpy(out, from, size_t(count) * sizeof(float));
    } else if (type == kF16 || type == kBf16) {
      widen(type == kF16 ? conversions.f16_to_f32 : conversions.bf16_to_f32, from, count, out);
    } else {
      block_format_of_ggml(type)->decode(from, count / block.elements, out);
    }
  }

  bool is_mapped(size_t) const override { return true; }
  std::span<const std::byte> stored(size_t tensor) const override {
    return files_.bytes(entries_[tensor]);
  }

 private:
  // Tensors may lie at any address: the conversions want numbers of 16 bits where they belong.
  static void widen(void (*convert)(const uint16_t*, float*, int64_t), const std::byte* from,
                    int64_t count, float* out) {
    constexpr int64_t kPart = 1024;
    uint16_t part[kPart];
    for (int64_t at = 0; at < count; at += kPart) {
      const int64_t n = count - at < kPart ? count - at : kPart;
      std::memcpy(part, from + at * 2, size_t(n) * 2);
      convert(part, out + at, n);
    }
  }

  const GgufFiles& files_;
  std::vector<GgufFiles::Tensor> entries_;
  std::vector<NamedTensor> tensors_;
};

}  // namespace

int64_t NamedTensor::rows() const {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < extents.size(); ++i) rows *= extents[i];
  return rows;
}

Result<std::unique_ptr<TensorSource>> gguf_source(const GgufFiles& files) {
  return std::unique_ptr<TensorSource>(new GgufSourceTensors(files));
}

}  // namespace hone::compress
