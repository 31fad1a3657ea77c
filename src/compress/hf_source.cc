// The tensors of a decoder's checkpoint, turned into those of a GGUF file as they are read.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "compress/tensor_source.h"
#include "import/gguf/settings.h"
#include "kernels/conversions/conversions.h"

namespace hone::compress {
namespace {

// Bytes of one element, and its name in GGUF.
struct Kind {
  std::string_view dtype, stored;
  int32_t ggml_type;
  int64_t bytes;
};
constexpr Kind kKinds[] = {{"F32", "f32", 0, 4}, {"F16", "f16", 1, 2}, {"BF16", "bf16", 30, 2}};

class HfTensors : public TensorSource {
 public:
  explicit HfTensors(const hf::DecoderFiles& files)
      : files_(files), config_(files.settings.config) {}

  Status add_all() {
    for (const hf::DecoderFiles::Named& named : files_.tensors) TRY(add(named));
    for (gguf::RopeTensor& tensor : gguf::rope_tensors(config_)) {
      Entry entry;
      entry.made = std::move(tensor.factors);
      entry.kind = &kKinds[0];
      const auto size = int64_t(entry.made.size());
      tensors_.push_back({tensor.name, {size}, "f32", uint64_t(size) * 4, 0});
      entries_.push_back(std::move(entry));
    }
    return ok();
  }

  const std::vector<NamedTensor>& tensors() const override { return tensors_; }
  bool can_read(size_t) const override { return true; }
  bool is_mapped(size_t tensor) const override {
    return entries_[tensor].made.empty() && !entries_[tensor].transposed;
  }
  ModelFacts facts() const override {
    return {.query_heads_per_key = config_.heads[0] / config_.kv_heads[0]};
  }

  std::span<const std::byte> stored(size_t tensor) const override {
    const Entry& e = entries_[tensor];
    return e.made.empty() ? e.bytes : std::as_bytes(std::span(e.made));
  }

  void read(size_t tensor, int64_t first_row, int64_t rows, float* out) const override {
    const Entry& e = entries_[tensor];
    const int64_t columns = tensors_[tensor].columns();
    if (!e.made.empty()) {
      std::memcpy(out, e.made.data() + first_row * columns, size_t(rows * columns) * 4);
      return;
    }
    std::vector<std::byte> row(size_t(columns * e.kind->bytes));
    for (int64_t r = 0; r < rows; ++r, out += columns) {
      take_row(tensor, first_row + r, row.data());
      widen(*e.kind, row.data(), columns, out);
      if (e.offset != 0)
        for (int64_t i = 0; i < columns; ++i) out[i] += e.offset;
    }
  }

  Status copy(size_t tensor, const ByteSink& sink) const override {
    const Entry& e = entries_[tensor];
    const NamedTensor& t = tensors_[tensor];
    if (!e.made.empty()) return sink(stored(tensor));
    if (e.widened) {
      std::vector<float> all(size_t(t.elements()));
      read(tensor, 0, t.rows(), all.data());
      return sink(std::as_bytes(std::span(all)));
    }
    if (!e.transposed && e.permuted == 0) return sink(e.bytes);
    std::vector<std::byte> row(size_t(t.columns() * e.kind->bytes));
    for (int64_t r = 0; r < t.rows(); ++r) {
      take_row(tensor, r, row.data());
      TRY(sink(row));
    }
    return ok();
  }

 private:
  struct Entry {
    std::span<const std::byte> bytes;  // in the file
    const Kind* kind = nullptr;        // in the file
    std::vector<float> made;           // of what no file holds
    bool widened = false;              // numbers of other kinds are given as f32
    bool transposed = false;
    int64_t permuted = 0;  // heads whose turned halves become neighbours
    float offset = 0;
  };

  Status add(const hf::DecoderFiles::Named& named) {
    const hf::StoredTensor& stored = files_.checkpoint.tensors[named.tensor];
    const auto* kind = std::ranges::find(kKinds, stored.dtype, &Kind::dtype);
    if (kind == std::end(kKinds))
      return fail(ErrorId::unsupported_feature,
                  fmt::format("the tensor '{}' is of dtype {}; weights have to be F32, F16 or BF16",
                              printable(stored.name), printable(stored.dtype)));
    Entry entry;
    entry.kind = kind;
    entry.bytes = files_.checkpoint.sources[stored.source()].bytes().subspan(stored.span.offset,
                                                                             stored.span.length);
    const std::string_view name = named.name;
    const bool matrix = stored.shape.size() == 2, norm = name.ends_with("_norm.weight");
    entry.widened = !matrix || name == "position_embd.weight";
    entry.transposed = matrix && config_.transposed && name.starts_with("blk.");
    entry.permuted = heads_to_permute(name);
    entry.offset = norm ? float(config_.norm_offset) : 0;
    std::vector<int64_t> extents = stored.shape;
    if (entry.transposed) std::swap(extents[0], extents[1]);
    const Kind& given = entry.widened ? kKinds[0] : *kind;
    NamedTensor tensor{named.name, std::move(extents), std::string(given.stored), 0,
                       given.ggml_type};
    tensor.bytes = uint64_t(tensor.elements() * given.bytes);
    tensors_.push_back(std::move(tensor));
    entries_.push_back(std::move(entry));
    return ok();
  }

  // Checkpoints turn the halves of a head, some architectures neighbours in GGUF files.
  int64_t heads_to_permute(std::string_view name) const {
    const arch::Decoder& d = *config_.decoder;
    if (d.rope != arch::Rope::neighbours || config_.rope != arch::Rope::halves) return 0;
    if (name.ends_with(".attn_q.weight") || name.ends_with(".attn_q.bias")) return config_.heads[0];
    if (name.ends_with(".attn_k.weight") || name.ends_with(".attn_k.bias"))
      return config_.kv_heads[0];
    return 0;
  }

  // The row, or element of a vector, that becomes this one.
  int64_t source_of(int64_t row) const {
    const int64_t head = row / config_.head, at = row % config_.head;
    if (at >= config_.rotated) return row;
    return head * config_.head + at / 2 + at % 2 * (config_.rotated / 2);
  }

  // A row as the file has its elements.
  void take_row(size_t tensor, int64_t row, std::byte* to) const {
    const Entry& e = entries_[tensor];
    const NamedTensor& t = tensors_[tensor];
    const auto size = size_t(e.kind->bytes);
    const auto columns = size_t(t.columns());
    const bool vector = t.extents.size() < 2;
    if (e.transposed || (vector && e.permuted != 0)) {
      const auto step = size_t(e.transposed ? t.rows() : 1);
      for (size_t i = 0; i < columns; ++i) {
        const size_t from = e.transposed ? i * step + size_t(row) : size_t(source_of(int64_t(i)));
        std::memcpy(to + i * size, e.bytes.data() + from * size, size);
      }
      return;
    }
    const auto from = size_t(e.permuted != 0 ? source_of(row) : row);
    std::memcpy(to, e.bytes.data() + from * columns * size, columns * size);
  }

  static void widen(const Kind& kind, const std::byte* from, int64_t count, float* out) {
    const auto& conversions = kernels::conversion_kernels();
    const auto* halves = reinterpret_cast<const uint16_t*>(from);
    if (kind.bytes == 4)
      std::memcpy(out, from, size_t(count) * sizeof(float));
    else
      (kind.dtype == "F16" ? conversions.f16_to_f32 : conversions.bf16_to_f32)(halves, out, count);
  }

  const hf::DecoderFiles& files_;
  const arch::DecoderConfig& config_;
  std::vector<NamedTensor> tensors_;
  std::vector<Entry> entries_;
};

}  // namespace

Result<std::unique_ptr<TensorSource>> hf_source(const hf::DecoderFiles& files) {
  auto source = std::make_unique<HfTensors>(files);
  TRY(source->add_all());
  return std::unique_ptr<TensorSource>(std::move(source));
}

}  // namespace hone::compress
