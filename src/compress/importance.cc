#include "compress/importance.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/mapped_file.h"
#include "base/text.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"

namespace hone::compress {
namespace {

constexpr std::string_view kVersionKey = "hone.importance", kTokensKey = "hone.tokens";
constexpr std::string_view kSums = ".in_sum2", kCounts = ".counts";

Result<std::vector<float>> floats(std::span<const std::byte> bytes, std::string_view name,
                                  Ledger& ledger) {
  std::vector<float> values;
  TRY(reserve_charged(ledger, values, bytes.size() / sizeof(float), "importance"));
  values.resize(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  const auto sound = [](float v) { return std::isfinite(v) && v >= 0; };
  if (!std::ranges::all_of(values, sound)) {
    return fail(ErrorId::bad_value,
                fmt::format("the importance of \"{}\" has values that are negative or not finite",
                            printable(name)));
  }
  return values;
}

Result<Importance> read_own(std::span<const std::byte> file, Ledger& ledger) {
  const Safetensors content = TRY(read_safetensors(file, ledger));
  const auto version = content.metadata.find(std::string(kVersionKey));
  if (version == content.metadata.end() || version->second != "1") {
    return fail(ErrorId::malformed,
                fmt::format("the safetensors file holds no importance: its metadata has no \"{}\" "
                            "of \"1\"",
                            kVersionKey));
  }
  Importance importance;
  if (const auto tokens = content.metadata.find(std::string(kTokensKey));
      tokens != content.metadata.end()) {
    const std::string& text = tokens->second;
    std::from_chars(text.data(), text.data() + text.size(), importance.tokens);
  }
  for (const SafetensorsTensor& tensor : content.tensors) {
    if (tensor.dtype != "F32") {
      return fail(ErrorId::malformed, fmt::format("the importance of \"{}\" is {}, not F32",
                                                  printable(tensor.name), tensor.dtype));
    }
    importance.tensors[tensor.name] =
        TRY(floats(file.subspan(content.data_offset + tensor.begin, tensor.end - tensor.begin),
                   tensor.name, ledger));
  }
  return importance;
}

// Sums of squares over counts, one count for each matrix.
Result<std::vector<float>> means_of(std::vector<float> sums, const std::vector<float>& counts,
                                    std::string_view name) {
  if (counts.empty() || sums.size() % counts.size() != 0) {
    return fail(ErrorId::malformed, fmt::format("\"{}\" has {} sums and {} counts", printable(name),
                                                sums.size(), counts.size()));
  }
  const size_t columns = sums.size() / counts.size();
  for (size_t i = 0; i < sums.size(); ++i) {
    const float count = counts[i / columns];
    sums[i] = count > 0 ? sums[i] / count : 1.0f;
  }
  return sums;
}

Result<Importance> read_matrix(std::span<const std::byte> file, Ledger& ledger) {
  const Gguf content = TRY(read_gguf(file, ledger));
  const GgufValue* type = content.find("general.type");
  if (type == nullptr || TRY(type->as_string()) != "imatrix") {
    return fail(ErrorId::malformed,
                "the GGUF file is no importance matrix: its \"general.type\" "
                "is not \"imatrix\"");
  }
  std::map<std::string_view, std::vector<float>> counts;
  for (const GgufTensor& tensor : content.tensors) {
    if (tensor.type != 0) {
      return fail(ErrorId::malformed, fmt::format("\"{}\" is not of F32", printable(tensor.name)));
    }
    if (!tensor.name.ends_with(kCounts)) continue;
    counts[tensor.name.substr(0, tensor.name.size() - kCounts.size())] =
        TRY(floats(file.subspan(tensor.offset, tensor.bytes), tensor.name, ledger));
  }
  Importance importance;
  for (const GgufTensor& tensor : content.tensors) {
    if (!tensor.name.ends_with(kSums)) continue;
    const auto name = tensor.name.substr(0, tensor.name.size() - kSums.size());
    auto sums = TRY(floats(file.subspan(tensor.offset, tensor.bytes), tensor.name, ledger));
    importance.tensors[std::string(name)] = TRY(means_of(std::move(sums), counts[name], name));
  }
  return importance;
}

}  // namespace

const std::vector<float>* Importance::find(std::string_view tensor) const {
  const auto found = tensors.find(tensor);
  return found == tensors.end() ? nullptr : &found->second;
}

void ImportanceSums::add(std::string_view tensor, const float* x, int64_t rows, int64_t columns,
                         int64_t matrix, int64_t matrices) {
  auto found = sums_.find(tensor);
  if (found == sums_.end()) found = sums_.emplace(tensor, Sums()).first;
  Sums& sums = found->second;
  sums.squares.resize(size_t(columns * matrices));
  sums.rows.resize(size_t(matrices));
  sums.rows[size_t(matrix)] += uint64_t(rows);
  double* to = sums.squares.data() + matrix * columns;
  for (int64_t r = 0; r < rows; ++r, x += columns) {
    for (int64_t j = 0; j < columns; ++j) to[j] += double(x[j]) * double(x[j]);
  }
}

void ImportanceSums::add_squares(std::string_view tensor, std::span<const float> squares,
                                 int64_t rows) {
  auto found = sums_.find(tensor);
  if (found == sums_.end()) found = sums_.emplace(tensor, Sums()).first;
  Sums& sums = found->second;
  sums.squares.resize(squares.size());
  sums.rows.resize(1);
  sums.rows[0] += uint64_t(rows);
  for (size_t i = 0; i < squares.size(); ++i) sums.squares[i] += double(squares[i]);
}

Importance ImportanceSums::means(uint64_t tokens) const {
  Importance importance;
  importance.tokens = tokens;
  for (const auto& [name, sums] : sums_) {
    const size_t columns = sums.squares.size() / sums.rows.size();
    const double all = std::accumulate(sums.squares.begin(), sums.squares.end(), 0.0);
    const auto rows = std::accumulate(sums.rows.begin(), sums.rows.end(), uint64_t{0});
    const double mean = rows > 0 ? all / double(rows) / double(columns) : 1;
    std::vector<float>& means = importance.tensors[name];
    for (size_t i = 0; i < sums.squares.size(); ++i) {
      const uint64_t count = sums.rows[i / columns];
      means.push_back(float(count > 0 ? sums.squares[i] / double(count) : mean));
    }
  }
  return importance;
}

bool is_importance(std::span<const std::byte> file) {
  if (file.size() < 9) return false;
  if (std::memcmp(file.data(), "GGUF", 4) == 0) return true;
  // Safetensors: the length of a header in JSON, which no text can begin with.
  uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  return header <= file.size() - 8 && file[8] == std::byte{'{'};
}

Result<Importance> read_importance(const std::string& path, const Limits& limits) {
  const MappedFile file = TRY(MappedFile::open(path));
  Ledger ledger(limits);
  const auto bytes = file.bytes();
  const bool gguf = bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0;
  return (gguf ? read_matrix(bytes, ledger) : read_own(bytes, ledger))
      .context(fmt::format("reading the importance '{}'", printable(path)));
}

Status write_importance(const std::string& path, const Importance& importance) {
  std::vector<SafetensorsSource> tensors;
  for (const auto& [name, values] : importance.tensors) {
    tensors.push_back({.name = name,
                       .dtype = "F32",
                       .shape = {int64_t(values.size())},
                       .size = values.size() * sizeof(float),
                       .data = std::as_bytes(std::span(values))});
  }
  return write_safetensors(path, tensors,
                           {{std::string(kVersionKey), "1"},
                            {std::string(kTokensKey), std::to_string(importance.tokens)}});
}

}  // namespace hone::compress
