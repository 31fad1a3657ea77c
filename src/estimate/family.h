// Families of kernels: what the time of a step depends on, as counts of its shapes.
//
// The time of a step is the sum of its counts, each times a coefficient that was fitted to
// measurements, plus the bytes that it touches by the level of memory where they lie, plus what a
// call costs. Counts are those of the kernels: tiles as they are cut, elements as they are padded.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "estimate/workload.h"

namespace hone::estimate {

// What counts depend on beside shapes.
struct Machine {
  int threads = 1;
  double l1_bytes = 32 << 10;  // of a core
  double l2_bytes = 1 << 20;   // of a core
  double l3_bytes = 32 << 20;  // of all
  int64_t tile_rows = 8;       // of the register tile of products of floats
  int64_t tile_columns = 32;   // and the width of packed panels
  int64_t vector = 16;         // floats
  int64_t byte_rows = 12;      // of the tile of products of bytes
  int64_t byte_columns = 32;
  int64_t block_rows = 6;  // of the tile of products with quantized blocks
};

inline constexpr size_t kMostCounts = 7;
inline constexpr size_t kPlace = 4, kPosition = kPlace + 1;

struct Work {
  std::array<double, kMostCounts> counts{};
  // Where a step lies among others of its family: logarithms of what matters most.
  std::array<double, kPlace> position{};
  // Equal pieces that threads share.
  double pieces = 1;
};

struct Family {
  std::string_view name, doc;
  std::array<std::string_view, kMostCounts> counts;  // their names; "" behind the last
  bool (*takes)(const Step& step);
  Work (*work)(const Step& step, const Infer& call, const Machine& machine);
};

// In the order in which they are asked; the last takes everything.
std::span<const Family* const> families();
const Family& family_of(const Step& step);
const Family* family_named(std::string_view name);

// The counts of a family; bytes read from the second level, the third, memory, bytes written to the
// second level and beyond it; whether other code has run since the kernel's own, so much that it
// has left what the core foresees of it, the second level, the third; whether several threads are
// called; 1.
inline constexpr size_t kTraffic = 5, kCold = 3;
inline constexpr size_t kFeatures = kMostCounts + kTraffic + kCold + 2;
using Features = std::array<double, kFeatures>;

// The share of bytes that a cache still holds after so many others.
double held(double distance, double capacity);

struct Described {
  const Family* family = nullptr;  // null: nothing to do
  Features features{};
  // That of the work, and the level of memory where bytes are, on average.
  std::array<double, kPosition> position{};
};
// For steps whose shapes are known.
Described describe(const Step& step, const Model& model, const Machine& machine);

}  // namespace hone::estimate
