// The safetensors container: a JSON header that names tensors, then their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"
#include "base/limits.h"
#include "base/result.h"
#include "formats/byte_sink.h"

namespace hone {

// Bytes of a header, at most; part of the format.
inline constexpr uint64_t kMostSafetensorsHeader = 100'000'000;

struct SafetensorsTensor {
  std::string name;
  std::string dtype;  // as in the file, "F32"
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes, from the start of the data
};

struct Safetensors {
  std::vector<SafetensorsTensor> tensors;       // in the order of their data
  std::map<std::string, std::string> metadata;  // "__metadata__"
  uint64_t data_offset = 0;                     // of the data in the file
};

// Bits of one element; none for a dtype that the format does not have.
std::optional<uint64_t> safetensors_bits(std::string_view dtype);

// Checks every rule of the format: known dtypes, unique names, sizes that equal dtype and shape,
// data without holes or overlaps from the end of the header to the end of the file. Reads the
// header only.
Result<Safetensors> read_safetensors(std::span<const std::byte> file, Ledger& ledger);

struct SafetensorsSource {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  uint64_t size = 0;  // bytes; must be what dtype and shape say
  std::span<const std::byte> data = {};
  // Where there is no `data` in memory: gives exactly `size` bytes to the sink.
  std::function<Status(const ByteSink&)> write = {};
};

// Data starts at a multiple of 64; tensors whose size is a multiple of 64 come
// first and so start at one too, then those of 32, and so on: every tensor is aligned for its
// elements without holes. Ties go by name, so equal content gives equal bytes.
struct StagedSafetensors {
  AtomicFile file;                // all written, not in its place yet
  std::vector<uint64_t> offsets;  // in the file, of the bytes of each tensor as given
};
Result<StagedSafetensors> stage_safetensors(const std::string& path,
                                            std::span<const SafetensorsSource> tensors,
                                            const std::map<std::string, std::string>& metadata);
Status write_safetensors(const std::string& path, std::span<const SafetensorsSource> tensors,
                         const std::map<std::string, std::string>& metadata);

}  // namespace hone
