// NumPy's .npy array files (format 1.0, 2.0 and 3.0), without any notion of our own types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace hone {

struct NpyArray {
  std::string descr;  // as in the file, "<f4": byte order, kind, size in bytes (characters for U)
  char order = '<';   // '<', '>', or '|' where it does not matter
  char kind = 'f';    // one of b i u f c S U V
  uint64_t item_size = 0;  // bytes
  bool fortran_order = false;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;  // all elements, at any alignment
  uint64_t data_offset = 0;         // in the file
};

// Refuses pickled objects, records, dates, and bytes before or behind the array. `data` points into
// `file`.
Result<NpyArray> read_npy(std::span<const std::byte> file, Ledger& ledger);

// Elements of a "<U", ">U" or "|S" array in the order of the file, as UTF-8 and without the padding
// NULs at the end of each.
Result<std::vector<std::string>> npy_strings(const NpyArray& array, Ledger& ledger);

// Header of format 1.0 for a C-ordered little-endian array, a multiple of 64 bytes long (2.0 when
// it does not fit). The data follows it.
std::string npy_header(std::string_view descr, std::span<const int64_t> shape);
// Header and data; data.size() must be what descr and shape say.
Status write_npy(const std::string& path, std::string_view descr, std::span<const int64_t> shape,
                 std::span<const std::byte> data);
// As "<U" of the longest text. The texts must be UTF-8, and not end in a NUL, which is lost.
Status write_npy_strings(const std::string& path, std::span<const std::string> texts,
                         std::span<const int64_t> shape);

}  // namespace hone
