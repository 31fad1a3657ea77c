// Rows are converted slab by slab: a slab is read, encoded, decoded again and compared by all
// threads, then written.
#include "compress/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/pages.h"
#include "base/text.h"
#include "formats/gguf_files.h"
#include "formats/gguf_writer.h"
#include "ir/blocks/block_format.h"
#include "kernels/block_codecs/block_encoders.h"
#include "kernels/conversions/conversions.h"

namespace hone::compress {
namespace {

constexpr int64_t kSlab = int64_t{4} << 20;    // elements
constexpr int64_t kPiece = int64_t{32} << 10;  // elements that one thread takes at a time

struct Sums {
  double square_error = 0, squares = 0, decoded_squares = 0, products = 0, most = 0;

  void add(const float* x, const float* y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      const double a = x[i], b = y[i], miss = a - b;
      square_error += miss * miss;
      squares += a * a;
      decoded_squares += b * b;
      products += a * b;
      most = std::max(most, std::fabs(miss));
    }
  }
  void add(const Sums& other) {
    square_error += other.square_error;
    squares += other.squares;
    decoded_squares += other.decoded_squares;
    products += other.products;
    most = std::max(most, other.most);
  }
  TensorErrors errors(int64_t count) const {
    TensorErrors e;
    if (count == 0) return e;
    e.rms = std::sqrt(square_error / double(count));
    e.most = most;
    e.relative = squares > 0 ? std::sqrt(square_error / squares) : 0;
    const double norms = std::sqrt(squares) * std::sqrt(decoded_squares);
    e.cosine = norms > 0 ? products / norms : square_error > 0 ? 0 : 1;
    return e;
  }
};

// Rows to a format and back.
class Codec {
 public:
  explicit Codec(const Format& format)
      : format_(format),
        encoder_(kernels::block_encoder(format.name)),
        decoder_(block_format(format.name)) {}

  int64_t row_bytes(int64_t columns) const { return columns / format_.elements * format_.bytes; }

  void encode(const float* x, const float* importance, int64_t columns, std::byte* out) const {
    const auto& conversions = kernels::conversion_kernels();
    auto* halves = reinterpret_cast<uint16_t*>(out);
    if (encoder_ != nullptr) {
      encoder_->encode(x, importance, columns / format_.elements, out);
    } else if (format_.name == "f32") {
      std::memcpy(out, x, size_t(columns) * sizeof(float));
    } else {
      (format_.name == "f16" ? conversions.f32_to_f16 : conversions.f32_to_bf16)(x, halves,
                                                                                 columns);
    }
  }

  void decode(const std::byte* from, int64_t columns, float* y) const {
    const auto& conversions = kernels::conversion_kernels();
    const auto* halves = reinterpret_cast<const uint16_t*>(from);
    if (encoder_ != nullptr) {
      decoder_->decode(from, columns / format_.elements, y);
    } else if (format_.name == "f32") {
      std::memcpy(y, from, size_t(columns) * sizeof(float));
    } else {
      (format_.name == "f16" ? conversions.f16_to_f32 : conversions.bf16_to_f32)(halves, y,
                                                                                 columns);
    }
  }

 private:
  Format format_;
  const kernels::BlockEncoder* encoder_;  // null for floats
  const BlockFormat* decoder_;
};

class Converter {
 public:
  Converter(const TensorSource& source, size_t tensor, const Format& format,
            const std::vector<float>* importance)
      : source_(source),
        tensor_(source.tensors()[tensor]),
        index_(tensor),
        codec_(format),
        importance_(importance),
        row_bytes_(codec_.row_bytes(tensor_.columns())) {}

  Result<TensorErrors> run(ThreadPool& pool, const ByteSink& sink) {
    const int64_t columns = tensor_.columns(), rows = tensor_.rows();
    if (rows == 0 || columns == 0) return TensorErrors();
    const int64_t slab = std::max<int64_t>(1, kSlab / columns);
    const int64_t piece = std::max<int64_t>(1, kPiece / columns);
    Sums all;
    std::vector<std::byte> out(size_t(std::min(slab, rows) * row_bytes_));
    for (int64_t first = 0; first < rows; first += slab) {
      const int64_t n = std::min(slab, rows - first);
      std::vector<Sums> sums(size_t((n + piece - 1) / piece));
      pool.parallel_for(n, piece, [&](int64_t begin, int64_t end) {
        sums[size_t(begin / piece)] = rows_of(first, begin, end, out.data());
      });
      for (const Sums& s : sums) all.add(s);
      if (!std::isfinite(all.squares)) {
        return fail(ErrorId::bad_value,
                    fmt::format("tensor \"{}\" has elements that are not finite, which blocks "
                                "cannot hold",
                                printable(tensor_.name)));
      }
      TRY(sink({out.data(), size_t(n * row_bytes_)}));
      if (source_.is_mapped(index_)) release(first, n);
    }
    return all.errors(rows * columns);
  }

 private:
  Sums rows_of(int64_t first, int64_t begin, int64_t end, std::byte* out) const {
    const int64_t columns = tensor_.columns();
    std::vector<float> x(static_cast<size_t>(columns)), y(static_cast<size_t>(columns));
    Sums sums;
    for (int64_t r = begin; r < end; ++r) {
      std::byte* to = out + r * row_bytes_;
      source_.read(index_, first + r, 1, x.data());
      codec_.encode(x.data(), weights_of(first + r), columns, to);
      codec_.decode(to, columns, y.data());
      sums.add(x.data(), y.data(), columns);
    }
    return sums;
  }

  // Of the matrix that the row is of.
  const float* weights_of(int64_t row) const {
    if (importance_ == nullptr) return nullptr;
    const int64_t columns = tensor_.columns();
    const int64_t matrices = int64_t(importance_->size()) / columns;
    return importance_->data() + row / (tensor_.rows() / matrices) * columns;
  }

  void release(int64_t first, int64_t rows) const {
    const auto stored = source_.stored(index_);
    const size_t row = stored.size() / size_t(tensor_.rows());
    release_pages(stored.subspan(size_t(first) * row, size_t(rows) * row));
  }

  const TensorSource& source_;
  const NamedTensor& tensor_;
  size_t index_;
  Codec codec_;
  const std::vector<float>* importance_;
  int64_t row_bytes_;
};

// The columns of each matrix of the tensor, all alike or one for each.
Result<const std::vector<float>*> importance_of(const Importance* importance,
                                                const NamedTensor& tensor, const Format& format) {
  const auto* found = importance && format.is_blocks() ? importance->find(tensor.name) : nullptr;
  if (found == nullptr) return static_cast<const std::vector<float>*>(nullptr);
  const auto size = int64_t(found->size());
  const int64_t matrices =
      tensor.columns() > 0 && size % tensor.columns() == 0 ? size / tensor.columns() : 0;
  if (matrices == 0 || tensor.rows() % matrices != 0) {
    return fail(ErrorId::shape_mismatch,
                fmt::format("the importance of \"{}\" has {} values, but its rows have {} elements",
                            printable(tensor.name), size, tensor.columns()));
  }
  return found;
}

TensorReport report_of(const NamedTensor& tensor, const PlannedTensor& planned) {
  TensorReport r;
  r.name = tensor.name;
  r.extents = tensor.extents;
  r.from = tensor.stored;
  r.to = planned.format ? std::string(planned.format->name) : tensor.stored;
  r.fallback_from = planned.fallback_from;
  r.bytes_before = tensor.bytes;
  r.bytes_after = planned.bytes;
  return r;
}

// Does writing `output`, or the parts that it becomes, put a file in the place of this one?
bool replaces(const std::string& input, const std::string& output, bool split) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::equivalent(input, output, error)) return true;
  // How many parts there will be is known only when they are written.
  const fs::path from = input, to = output;
  const auto part = gguf_part_name(from.filename().string());
  if (!split || !part || part->stem != to.stem().string()) return false;
  const auto folder = [](const fs::path& p) { return p.has_parent_path() ? p.parent_path() : "."; };
  return fs::equivalent(folder(from), folder(to), error);
}

Status check_output(const GgufFiles& files, const std::string& output, bool split) {
  for (const auto& part : files.parts()) TRY(keep_input(part.file->path(), output, split));
  return ok();
}

void describe_mix(std::string_view mix, GgufMetadata& metadata) {
  const auto info = mix_named(mix);
  if (info && (*info)->file_type >= 0) {
    metadata.set("general.file_type", static_cast<uint32_t>((*info)->file_type));
  } else {
    metadata.remove("general.file_type");
  }
  metadata.set("general.quantization_version", uint32_t{2});
}

}  // namespace

Status keep_input(const std::string& input, const std::string& output, bool split) {
  if (!replaces(input, output, split)) return ok();
  Error error = fail(ErrorId::usage,
                     fmt::format("the output would replace '{}', which is read", printable(input)));
  error.hint = "give the output another name, or another folder";
  return error;
}

int64_t TensorReport::elements() const {
  int64_t n = 1;
  for (const int64_t extent : extents) n *= extent;
  return n;
}

double TensorReport::bits_per_weight() const {
  return elements() == 0 ? 0 : 8.0 * double(bytes_after) / double(elements());
}

double QuantizeReport::bits_per_weight() const {
  return elements == 0 ? 0 : 8.0 * double(bytes_after) / double(elements);
}

Result<TensorErrors> convert(const TensorSource& source, size_t tensor, const Format& format,
                             const std::vector<float>* importance, ThreadPool& pool,
                             const ByteSink& sink) {
  return Converter(source, tensor, format, importance)
      .run(pool, sink)
      .context(fmt::format("converting tensor \"{}\" to {}",
                           printable(source.tensors()[tensor].name), format.name));
}

Result<PlannedReport> plan_report(const TensorSource& source, const QuantizeOptions& options) {
  PlannedReport all;
  PlanOptions plan_options = options.plan;
  plan_options.has_importance = options.importance != nullptr;
  all.tensors = TRY(plan(source, plan_options));
  const std::vector<NamedTensor>& tensors = source.tensors();
  all.weights.resize(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    TensorReport r = report_of(tensors[i], all.tensors[i]);
    if (all.tensors[i].format) {
      all.weights[i] = TRY(importance_of(options.importance, tensors[i], *all.tensors[i].format));
    }
    r.weighted = all.weights[i] != nullptr;
    all.report.bytes_before += r.bytes_before;
    all.report.bytes_after += r.bytes_after;
    all.report.elements += r.elements();
    all.report.tensors.push_back(std::move(r));
  }
  return all;
}

Status check_formats(const std::vector<PlannedTensor>& planned,
                     const std::vector<NamedTensor>& tensors) {
  for (size_t i = 0; i < planned.size(); ++i) {
    if (!planned[i].format || planned[i].format->ggml_type >= 0) continue;
    return fail(ErrorId::unsupported_feature,
                fmt::format("GGUF files cannot hold tensor \"{}\" in {}, a format of hone's own",
                            printable(tensors[i].name), planned[i].format->name));
  }
  return ok();
}

Result<QuantizeReport> write_quantized(const TensorSource& source, PlannedReport all,
                                       GgufMetadata& metadata, uint64_t alignment,
                                       const std::string& output, const QuantizeOptions& options,
                                       ThreadPool& pool) {
  const std::vector<PlannedTensor>& planned = all.tensors;
  const std::vector<NamedTensor>& tensors = source.tensors();
  QuantizeReport& report = all.report;
  std::vector<GgufSource> sources;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto write = [&, i](const ByteSink& sink) -> Status {
      if (options.progress) options.progress(tensors[i].name, i, tensors.size());
      if (!planned[i].format) return source.copy(i, sink);
      report.tensors[i].errors =
          TRY(convert(source, i, *planned[i].format, all.weights[i], pool, sink));
      return ok();
    };
    sources.push_back(
        {.name = tensors[i].name,
         .extents = tensors[i].extents,
         .type = planned[i].format ? planned[i].format->ggml_type : tensors[i].ggml_type,
         .write = write});
  }
  describe_mix(options.plan.mix, metadata);
  report.files = TRY(write_gguf(output, metadata, sources,
                                {.alignment = alignment, .split_bytes = options.split_bytes})
                         .context(fmt::format("writing '{}'", printable(output))));
  return std::move(report);
}

Result<QuantizeReport> quantize_gguf(const std::string& input, const std::string& output,
                                     const QuantizeOptions& options, const Limits& limits,
                                     ThreadPool& pool) {
  Ledger ledger(limits);
  const GgufFiles files =
      TRY(GgufFiles::open(input, ledger).context(fmt::format("reading '{}'", printable(input))));
  const auto source = TRY(gguf_source(files));
  PlannedReport all = TRY(plan_report(*source, options));
  TRY(check_formats(all.tensors, source->tensors()));
  if (options.dry_run) return std::move(all.report);
  TRY(check_output(files, output, options.split_bytes != 0));
  GgufMetadata metadata;
  metadata.copy(files.first());
  return write_quantized(*source, std::move(all), metadata, files.first().alignment, output,
                         options, pool);
}

}  // namespace hone::compress
