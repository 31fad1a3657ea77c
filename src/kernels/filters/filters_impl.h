// Packs filters with the vectors of the including file's instruction set: squares of as many
// filters as a vector has elements are transposed in registers.
#pragma once

#include "kernels/filters/filters.h"
#include "kernels/vector.h"
#include "kernels/vector_square.h"

namespace hone::kernels {
namespace {

constexpr int64_t kLanes = Vector::kWidth;

// Consecutive elements of filters, and where the rows of the panel lie that they belong to. So many
// that whole cache lines of each filter are read, and so few that the rows stay in the first-level
// cache until the last filter is there.
struct Block {
  static constexpr int64_t kMost = 32;
  int64_t first = 0, count = 0;
  int64_t row[kMost];
};

// A vector from memory of any alignment.
inline Vector load_at(const std::byte* data, int64_t element) {
  Vector out;
  std::memcpy(&out.v, data + element * int64_t(sizeof(float)), sizeof out.v);
  return out;
}

// The first `count` elements of one.
inline Vector load_at(const std::byte* data, int64_t element, int64_t count) {
  float lanes[kLanes] = {};
  std::memcpy(lanes, data + element * int64_t(sizeof(float)), size_t(count) * sizeof(float));
  return Vector::load(lanes);
}

class Packing {
 public:
  Packing(const FilterPanel& panel, float* out)
      : p_(panel), out_(out), length_(panel.channels * panel.positions) {}

  bool run() {
    Block block;
    int64_t channel = 0, position = 0;
    for (; block.first < length_; block.first += block.count) {
      block.count = length_ - block.first < Block::kMost ? length_ - block.first : Block::kMost;
      for (int64_t i = 0; i < block.count; ++i) {
        block.row[i] = (position * p_.channels + channel) * p_.width;
        if (++position == p_.positions) position = 0, ++channel;
      }
      pack(block);
    }
    return finite();
  }

 private:
  void pack(const Block& block) {
    int64_t j = 0;
    for (; j + kLanes <= p_.used; j += kLanes) {
      const Vector factor = Vector::load(p_.factors + j);
      int64_t i = 0;
      for (; i + kLanes <= block.count; i += kLanes) square(block, i, j, factor);
      edge(block, i, block.count, j, j + kLanes);
    }
    edge(block, 0, block.count, j, p_.used);
  }

  // Elements i … of filters j …, kLanes of each.
  void square(const Block& block, int64_t i, int64_t j, Vector factor) {
    Vector v[kLanes];
#pragma GCC unroll 16
    for (int64_t k = 0; k < kLanes; ++k)
      v[k] = load_at(p_.data, (j + k) * length_ + block.first + i);
    transpose(v);
#pragma GCC unroll 16
    for (int64_t k = 0; k < kLanes; ++k) {
      const Vector scaled = v[k] * factor;
      scaled.store(out_ + block.row[i + k] + j);
      nothing_ = nothing_ + (scaled - scaled);
    }
  }

#if defined(__AVX512F__)
  void edge(const Block& block, int64_t first, int64_t last, int64_t filter, int64_t filters) {
    for (int64_t j = filter; j < filters; j += kLanes) {
      const int64_t down = filters - j < kLanes ? filters - j : kLanes;
      const Vector factor = Vector::load(p_.factors + j, down);
      for (int64_t i = first; i < last; i += kLanes) {
        const int64_t across = last - i < kLanes ? last - i : kLanes;
        Vector v[kLanes];
#pragma GCC unroll 16
        for (int64_t k = 0; k < kLanes; ++k)
          v[k] = k < down ? load_at(p_.data, (j + k) * length_ + block.first + i, across)
                          : Vector::zero();
        transpose(v);
#pragma GCC unroll 16
        for (int64_t k = 0; k < kLanes; ++k) {
          if (k >= across) continue;
          const Vector scaled = v[k] * factor;
          scaled.store(out_ + block.row[i + k] + j, down);
          nothing_ = nothing_ + (scaled - scaled);
        }
      }
    }
  }
#else
  void edge(const Block& block, int64_t first, int64_t last, int64_t filter, int64_t filters) {
    for (int64_t j = filter; j < filters; ++j)
      for (int64_t i = first; i < last; ++i) {
        float x;
        std::memcpy(&x, p_.data + (j * length_ + block.first + i) * int64_t(sizeof x), sizeof x);
        x *= p_.factors[j];
        out_[block.row[i] + j] = x;
        rest_ += x - x;
      }
  }
#endif

  // Infinity less infinity is no number.
  bool finite() const {
    float lanes[kLanes], sum = rest_;
    nothing_.store(lanes);
    for (int64_t k = 0; k < kLanes; ++k) sum += lanes[k];
    return sum == 0;
  }

  const FilterPanel& p_;
  float* out_;
  int64_t length_;
  Vector nothing_ = Vector::zero();
  float rest_ = 0;
};

bool pack(const FilterPanel& panel, float* out) { return Packing(panel, out).run(); }

constexpr FilterKernels kFilters{pack};

}  // namespace
}  // namespace hone::kernels
