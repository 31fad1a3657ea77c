// Reading and writing of safetensors headers; the rules are those of the reference implementation's
// `validate` and `serialize` (huggingface/safetensors, tensor.rs), with duplicate keys refused too.
#include "formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>

#include "base/atomic_file.h"
#include "base/checked.h"
#include "base/cursor.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "formats/json.h"

namespace hone {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr std::string_view kMetadata = "__metadata__";

struct Dtype {
  std::string_view name;
  uint64_t bits;
};
constexpr std::array kDtypes{
    Dtype{"BOOL", 8},    Dtype{"F4", 4},          Dtype{"F6_E2M3", 6},     Dtype{"F6_E3M2", 6},
    Dtype{"U8", 8},      Dtype{"I8", 8},          Dtype{"F8_E5M2", 8},     Dtype{"F8_E4M3", 8},
    Dtype{"F8_E8M0", 8}, Dtype{"F8_E4M3FNUZ", 8}, Dtype{"F8_E5M2FNUZ", 8}, Dtype{"I16", 16},
    Dtype{"U16", 16},    Dtype{"F16", 16},        Dtype{"BF16", 16},       Dtype{"I32", 32},
    Dtype{"U32", 32},    Dtype{"F32", 32},        Dtype{"C64", 64},        Dtype{"F64", 64},
    Dtype{"I64", 64},    Dtype{"U64", 64},
};

Error malformed(std::string message) { return fail(ErrorId::malformed, std::move(message)); }

// Bytes of a tensor; elements of less than a byte must fill whole bytes.
Result<uint64_t> byte_size(std::string_view name, std::string_view dtype,
                           std::span<const int64_t> shape) {
  const auto bits = safetensors_bits(dtype);
  if (!bits) {
    return malformed(fmt::format("tensor \"{}\" has the unknown dtype \"{}\"", printable(name),
                                 printable(dtype)));
  }
  const auto count = checked_product(shape);
  const auto total = count ? checked_mul(static_cast<uint64_t>(*count), *bits) : std::nullopt;
  if (!total) {
    return fail(ErrorId::overflow,
                fmt::format("the size of tensor \"{}\" does not fit in 64 bits", printable(name)));
  }
  if (*total % 8 != 0) {
    return malformed(
        fmt::format("tensor \"{}\" of dtype {} does not fill whole bytes", printable(name), dtype));
  }
  return *total / 8;
}

Result<SafetensorsTensor> read_entry(std::string_view name, const Json& entry, Ledger& ledger) {
  const Limits& limits = ledger.limits();
  if (name.size() > limits.name) {
    return fail(ErrorId::over_size, fmt::format("a tensor's name of {} bytes is above the limit "
                                                "`name` of {}",
                                                name.size(), limits.name));
  }
  SafetensorsTensor tensor;
  tensor.name = name;
  const Json dtype = TRY(entry.get("dtype"));
  tensor.dtype = TRY(dtype.as_string().context("reading \"dtype\""));
  const Json shape = TRY(entry.get("shape"));
  if (!shape.is_array()) return malformed("\"shape\" is not an array");
  if (shape.size() > limits.rank) {
    return fail(ErrorId::over_size,
                fmt::format("{} axes are above the limit `rank` of {}", shape.size(), limits.rank));
  }
  for (const Json extent : shape.elements()) {
    tensor.shape.push_back(TRY(extent.as_int64().context("reading \"shape\"")));
    if (tensor.shape.back() < 0) return malformed("an extent in \"shape\" is negative");
  }
  const Json offsets = TRY(entry.get("data_offsets"));
  if (!offsets.is_array() || offsets.size() != 2) {
    return malformed("\"data_offsets\" is not an array of two numbers");
  }
  auto at = offsets.elements().begin();
  tensor.begin = TRY((*at).as_uint64().context("reading \"data_offsets\""));
  tensor.end = TRY((*++at).as_uint64().context("reading \"data_offsets\""));
  const uint64_t size = TRY(byte_size(name, tensor.dtype, tensor.shape));
  if (tensor.end < tensor.begin || tensor.end - tensor.begin != size) {
    return malformed(fmt::format("the data runs from {} to {}, but {} [{}] takes {} bytes",
                                 tensor.begin, tensor.end, tensor.dtype,
                                 fmt::join(tensor.shape, ", "), size));
  }
  return tensor;
}

uint64_t alignment_of(uint64_t size) {
  return size == 0 ? kAlignment : std::min(kAlignment, size & (~size + 1));
}

Status check_source(const SafetensorsSource& source) {
  if (source.name == kMetadata || !is_utf8(source.name)) {
    return fail(ErrorId::bad_value,
                fmt::format("a safetensors tensor cannot be named \"{}\"", printable(source.name)));
  }
  const uint64_t size = TRY(byte_size(source.name, source.dtype, source.shape));
  const bool in_memory = !source.write;
  if (size != source.size || (in_memory && source.data.size() != size)) {
    return fail(ErrorId::internal,
                fmt::format("tensor \"{}\" takes {} bytes, {} were announced and {} given",
                            printable(source.name), size, source.size, source.data.size()));
  }
  return ok();
}

Result<std::string> make_header(std::span<const SafetensorsSource* const> tensors,
                                const std::map<std::string, std::string>& metadata) {
  std::string header;
  JsonWriter json(header, 0);
  json.begin_object();
  if (!metadata.empty()) {
    json.key(kMetadata);
    json.begin_object();
    for (const auto& [key, value] : metadata) {
      // The JSON writer would replace the bytes that are not UTF-8: not what was asked to be kept.
      if (!is_utf8(key) || !is_utf8(value)) {
        return fail(ErrorId::not_utf8,
                    fmt::format("the metadata \"{}\" is not UTF-8", printable(key)));
      }
      json.member(key, value);
    }
    json.end_object();
  }
  uint64_t offset = 0;
  for (const SafetensorsSource* tensor : tensors) {
    json.key(tensor->name);
    json.begin_object();
    json.member("dtype", tensor->dtype);
    json.key("shape");
    json.begin_array();
    for (const int64_t extent : tensor->shape) json.value(extent);
    json.end_array();
    json.key("data_offsets");
    json.begin_array();
    json.value(offset);
    const auto end = checked_add(offset, tensor->size);
    if (!end) return fail(ErrorId::overflow, "the tensors do not fit in 64 bits");
    json.value(offset = *end);
    json.end_array();
    json.end_object();
  }
  json.end_object();
  header.append((kAlignment - (header.size() + 8) % kAlignment) % kAlignment, ' ');
  if (header.size() > kMostSafetensorsHeader) {
    return fail(ErrorId::over_size, fmt::format("a safetensors header of {} bytes is above {}",
                                                header.size(), kMostSafetensorsHeader));
  }
  return header;
}

Status write_tensor(AtomicFile& file, const SafetensorsSource& tensor) {
  if (!tensor.write) return file.write(tensor.data);
  uint64_t left = tensor.size;
  TRY(tensor.write([&](std::span<const std::byte> piece) -> Status {
    if (piece.size() > left) {
      return fail(ErrorId::internal, fmt::format("tensor \"{}\" gives more than its {} bytes",
                                                 printable(tensor.name), tensor.size));
    }
    left -= piece.size();
    return file.write(piece);
  }));
  if (left == 0) return ok();
  return fail(ErrorId::internal, fmt::format("tensor \"{}\" gives {} bytes less than its {}",
                                             printable(tensor.name), left, tensor.size));
}

}  // namespace

std::optional<uint64_t> safetensors_bits(std::string_view dtype) {
  for (const Dtype& known : kDtypes) {
    if (known.name == dtype) return known.bits;
  }
  return std::nullopt;
}

Result<Safetensors> read_safetensors(std::span<const std::byte> file, Ledger& ledger) {
  Cursor cursor(file);
  const auto length = TRY(cursor.read<uint64_t>("the safetensors header's length"));
  if (length > kMostSafetensorsHeader) {
    return malformed(fmt::format("the safetensors header announces {} bytes, above {}", length,
                                 kMostSafetensorsHeader));
  }
  const uint64_t origin = cursor.offset();
  const std::string_view text = TRY(cursor.take_text(length, "the safetensors header"));
  if (!text.starts_with('{')) return malformed("the safetensors header does not begin with {");
  Safetensors content;
  content.data_offset = cursor.offset();
  const uint64_t data_size = cursor.remaining();
  const JsonDocument document = TRY(JsonDocument::parse(text, ledger, origin));
  const Json root = document.root();
  TRY(ledger.charge_tensors(root.size()));
  // Names, dtypes and shapes are copied: never more than the header's text and the entries.
  TRY(ledger.charge(text.size(), "safetensors names"));
  TRY(reserve_charged(ledger, content.tensors, root.size(), "safetensors tensors"));
  for (const auto [name, entry] : root.members()) {
    if (name != kMetadata) {
      content.tensors.push_back(
          TRY(read_entry(name, entry, ledger)
                  .context(fmt::format("reading the entry of tensor \"{}\"", printable(name)))));
      continue;
    }
    if (!entry.is_object()) return malformed("\"__metadata__\" is not an object");
    for (const auto [key, value] : entry.members()) {
      content.metadata.emplace(key, TRY(value.as_string().context(fmt::format(
                                        "reading \"__metadata__\" key \"{}\"", printable(key)))));
    }
  }
  std::sort(content.tensors.begin(), content.tensors.end(),
            [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  uint64_t expected = 0;
  for (const SafetensorsTensor& tensor : content.tensors) {
    if (tensor.begin != expected) {
      return malformed(
          fmt::format("the data of tensor \"{}\" begins at {}, but the data before it "
                      "ends at {}: {}",
                      printable(tensor.name), tensor.begin, expected,
                      tensor.begin < expected ? "they overlap" : "there is a hole"));
    }
    expected = tensor.end;
  }
  if (expected > data_size) {
    return fail(ErrorId::truncated, fmt::format("the tensors take {} bytes, but the file holds {}",
                                                expected, data_size));
  }
  if (expected < data_size) {
    return malformed(fmt::format("{} bytes follow the last tensor at byte {}", data_size - expected,
                                 content.data_offset + expected));
  }
  return content;
}

Result<StagedSafetensors> stage_safetensors(const std::string& path,
                                            std::span<const SafetensorsSource> tensors,
                                            const std::map<std::string, std::string>& metadata) {
  std::vector<const SafetensorsSource*> order;
  for (const SafetensorsSource& tensor : tensors) {
    TRY(check_source(tensor));
    order.push_back(&tensor);
  }
  const auto by_name = [](const auto* a, const auto* b) { return a->name < b->name; };
  std::sort(order.begin(), order.end(), by_name);
  const auto twice = std::adjacent_find(
      order.begin(), order.end(), [](const auto* a, const auto* b) { return a->name == b->name; });
  if (twice != order.end()) {
    return fail(ErrorId::duplicate_name,
                fmt::format("two tensors are named \"{}\"", printable((*twice)->name)));
  }
  std::sort(order.begin(), order.end(), [&](const auto* a, const auto* b) {
    const uint64_t left = alignment_of(a->size), right = alignment_of(b->size);
    return left != right ? left > right : by_name(a, b);
  });
  const std::string header = TRY(make_header(order, metadata));
  StagedSafetensors staged{TRY(AtomicFile::create(path)), std::vector<uint64_t>(tensors.size())};
  AtomicFile& file = staged.file;
  const uint64_t length = header.size();
  TRY(file.write(std::as_bytes(std::span(&length, 1))));
  TRY(file.write(header));
  for (const SafetensorsSource* tensor : order) {
    staged.offsets[size_t(tensor - tensors.data())] = file.size();
    TRY(write_tensor(file, *tensor));
  }
  TRY(file.settle());
  return staged;
}

Status write_safetensors(const std::string& path, std::span<const SafetensorsSource> tensors,
                         const std::map<std::string, std::string>& metadata) {
  return TRY(stage_safetensors(path, tensors, metadata)).file.commit();
}

}  // namespace hone
