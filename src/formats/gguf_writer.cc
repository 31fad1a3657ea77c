// Headers are made in memory; tensors go to the file as they come.
#include "formats/gguf_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <set>

#include "base/atomic_file.h"
#include "base/checked.h"
#include "base/text.h"

namespace hone {
namespace {

using Kind = GgufValue::Kind;

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void append_text(std::string& out, std::string_view text) {
  append(out, uint64_t{text.size()});
  out += text;
}

void append_pair(std::string& out, const std::string& key, const GgufValue& value) {
  append_text(out, key);
  append(out, static_cast<uint32_t>(value.kind));
  if (value.kind == Kind::string) append(out, uint64_t{value.bytes.size()});
  if (value.kind == Kind::array) {
    append(out, static_cast<uint32_t>(value.element));
    append(out, value.count);
  }
  out.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
}

struct Planned {
  const GgufSource* source;
  uint64_t bytes, offset;
};
struct Part {
  std::vector<Planned> tensors;
  uint64_t bytes = 0;  // each tensor padded
};

uint64_t padded(uint64_t size, uint64_t alignment) {
  return (size + alignment - 1) / alignment * alignment;
}

Result<uint64_t> size_of(const GgufSource& source) {
  const auto block = gguf_block(source.type);
  const auto count = checked_product(source.extents);
  const int64_t row = source.extents.empty() ? 1 : source.extents.back();
  if (!block || !count || row % block->elements != 0 || source.extents.size() > 4) {
    return fail(ErrorId::internal, fmt::format("tensor \"{}\" of type {} cannot be in a GGUF file",
                                               printable(source.name), source.type));
  }
  const auto bytes = checked_mul(*count / block->elements, block->bytes);
  if (!bytes || *bytes > INT64_MAX / 2) {
    return fail(ErrorId::overflow,
                fmt::format("tensor \"{}\" is too large", printable(source.name)));
  }
  return static_cast<uint64_t>(*bytes);
}

Result<std::vector<Part>> plan_parts(std::span<const GgufSource> tensors,
                                     const GgufOptions& options) {
  std::vector<Part> parts(1);
  std::set<std::string_view> names;
  for (const GgufSource& source : tensors) {
    if (source.name.empty() || source.name.size() > 63 || !is_utf8(source.name)) {
      return fail(ErrorId::bad_value,
                  fmt::format("a GGUF tensor cannot be named \"{}\": names have 1 to 63 bytes",
                              printable(source.name)));
    }
    if (!names.insert(source.name).second) {
      return fail(ErrorId::duplicate_name,
                  fmt::format("two tensors are named \"{}\"", printable(source.name)));
    }
    const uint64_t bytes = TRY(size_of(source));
    const bool full =
        options.split_bytes != 0 && !parts.back().tensors.empty() &&
        bytes > options.split_bytes - std::min(options.split_bytes, parts.back().bytes);
    if (full) parts.emplace_back();
    Part& part = parts.back();
    part.tensors.push_back({&source, bytes, part.bytes});
    part.bytes += padded(bytes, options.alignment);
  }
  return parts;
}

std::string header_of(const GgufMetadata& metadata, const Part& part, uint64_t alignment) {
  std::string out = "GGUF";
  append(out, uint32_t{3});
  append(out, uint64_t{part.tensors.size()});
  append(out, uint64_t{metadata.pairs().size()});
  for (const auto& [key, value] : metadata.pairs()) append_pair(out, key, value);
  for (const Planned& tensor : part.tensors) {
    append_text(out, tensor.source->name);
    const auto& extents = tensor.source->extents;
    append(out, static_cast<uint32_t>(extents.size()));
    for (size_t i = extents.size(); i-- > 0;) append(out, static_cast<uint64_t>(extents[i]));
    append(out, tensor.source->type);
    append(out, tensor.offset);
  }
  out.append(padded(out.size(), alignment) - out.size(), '\0');
  return out;
}

Status write_tensor(AtomicFile& file, const Planned& tensor) {
  uint64_t left = tensor.bytes;
  TRY(tensor.source->write([&](std::span<const std::byte> piece) -> Status {
    if (piece.size() > left) {
      return fail(ErrorId::internal, fmt::format("tensor \"{}\" gives more than its {} bytes",
                                                 printable(tensor.source->name), tensor.bytes));
    }
    left -= piece.size();
    return file.write(piece);
  }));
  if (left == 0) return ok();
  return fail(ErrorId::internal, fmt::format("tensor \"{}\" gives {} bytes less than its {}",
                                             printable(tensor.source->name), left, tensor.bytes));
}

Status write_part(AtomicFile& file, const GgufMetadata& metadata, const Part& part,
                  uint64_t alignment) {
  TRY(file.write(header_of(metadata, part, alignment)));
  for (const Planned& tensor : part.tensors) {
    TRY(write_tensor(file, tensor));
    TRY(file.write(std::string(padded(tensor.bytes, alignment) - tensor.bytes, '\0')));
  }
  return file.settle();
}

// What a part says of itself; the first one says it beside all else.
void set_split(GgufMetadata& metadata, size_t number, size_t count, size_t tensors) {
  metadata.set("split.no", static_cast<uint16_t>(number));
  metadata.set("split.count", static_cast<uint16_t>(count));
  metadata.set("split.tensors.count", static_cast<int32_t>(tensors));
}

}  // namespace

void GgufMetadata::copy(const Gguf& file) {
  for (const auto& [key, value] : file.metadata) {
    remove(key);
    pairs_.emplace_back(key, value);
  }
}

void GgufMetadata::keep(std::string_view key, GgufValue value, std::string bytes) {
  const std::string& kept = bytes_.emplace_back(std::move(bytes));
  value.bytes = std::as_bytes(std::span(kept));
  const auto known = std::ranges::find(pairs_, key, &std::pair<std::string, GgufValue>::first);
  if (known != pairs_.end()) {
    known->second = value;
  } else {
    pairs_.emplace_back(key, value);
  }
}

void GgufMetadata::set(std::string_view key, std::string_view text) {
  GgufValue value;
  value.kind = Kind::string;
  keep(key, value, std::string(text));
}

void GgufMetadata::set(std::string_view key, std::span<const std::string> texts) {
  GgufValue value;
  value.kind = Kind::array;
  value.element = Kind::string;
  value.count = texts.size();
  std::string bytes;
  for (const std::string& text : texts) append_text(bytes, text);
  keep(key, value, std::move(bytes));
}

namespace {

template <class T>
std::string bytes_of(std::span<const T> numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()};
}

GgufValue array_of(Kind element, uint64_t count) {
  GgufValue value;
  value.kind = Kind::array;
  value.element = element;
  value.count = count;
  return value;
}

}  // namespace

void GgufMetadata::set(std::string_view key, std::span<const float> numbers) {
  keep(key, array_of(Kind::f32, numbers.size()), bytes_of(numbers));
}

void GgufMetadata::set(std::string_view key, std::span<const int32_t> numbers) {
  keep(key, array_of(Kind::i32, numbers.size()), bytes_of(numbers));
}

void GgufMetadata::add(const GgufMetadata& other) {
  for (const auto& [key, value] : other.pairs_)
    keep(key, value, {reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()});
}

void GgufMetadata::remove(std::string_view key) {
  std::erase_if(pairs_, [&](const auto& pair) { return pair.first == key; });
}

std::string GgufPartName::str() const {
  return fmt::format("{}-{:05}-of-{:05}.gguf", stem, number, count);
}

std::optional<GgufPartName> gguf_part_name(std::string_view name) {
  constexpr std::string_view kForm = "-00001-of-00001.gguf";
  if (name.size() <= kForm.size()) return std::nullopt;
  const std::string_view tail = name.substr(name.size() - kForm.size());
  GgufPartName part;
  part.stem = name.substr(0, name.size() - kForm.size());
  const auto number = [&](size_t at, uint32_t& out) {
    const char* end = tail.data() + at + 5;
    return std::from_chars(tail.data() + at, end, out).ptr == end;
  };
  if (!number(1, part.number) || !number(10, part.count) || part.number == 0 ||
      part.number > part.count || part.str() != name) {
    return std::nullopt;
  }
  return part;
}

Result<std::vector<std::string>> write_gguf(const std::string& path, const GgufMetadata& metadata,
                                            std::span<const GgufSource> tensors,
                                            const GgufOptions& options) {
  if (!std::has_single_bit(options.alignment)) {
    return fail(ErrorId::internal, fmt::format("{} is no alignment", options.alignment));
  }
  const std::vector<Part> parts = TRY(plan_parts(tensors, options));
  if (parts.size() > UINT16_MAX) {
    return fail(ErrorId::bad_value, fmt::format("{} files are too many", parts.size()));
  }
  GgufMetadata first;
  for (const auto& [key, value] : metadata.pairs()) first.add(key, value);
  first.remove("split.no");
  first.remove("split.count");
  first.remove("split.tensors.count");
  first.remove("general.alignment");
  if (options.alignment != 32) {
    first.set("general.alignment", static_cast<uint32_t>(options.alignment));
  }
  const bool split = parts.size() > 1;
  const std::string stem = path.ends_with(".gguf") ? path.substr(0, path.size() - 5) : path;
  std::vector<AtomicFile> files;
  std::vector<std::string> names;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto count = static_cast<uint32_t>(parts.size());
    names.push_back(split ? GgufPartName{stem, static_cast<uint32_t>(i + 1), count}.str() : path);
    GgufMetadata other;
    GgufMetadata& own = i == 0 ? first : other;
    if (i > 0 && options.alignment != 32) {
      own.set("general.alignment", static_cast<uint32_t>(options.alignment));
    }
    if (split) set_split(own, i, parts.size(), tensors.size());
    files.push_back(TRY(AtomicFile::create(names.back())));
    TRY(write_part(files.back(), own, parts[i], options.alignment));
  }
  for (AtomicFile& file : files) TRY(file.commit());
  return names;
}

}  // namespace hone
