// How much each input of a model's products matters: mean squares of activations, by which the
// errors of weights count.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace hone::compress {

// Of each tensor of weights, the mean square of what every column of it (every element of a row) is
// multiplied with. A tensor of several matrices, as of experts, has the columns of each in turn.
struct Importance {
  std::map<std::string, std::vector<float>, std::less<>> tensors;
  uint64_t tokens = 0;  // from how many; 0: not known

  const std::vector<float>* find(std::string_view tensor) const;
};

// Adds up squares while a model runs.
class ImportanceSums {
 public:
  // `rows` inputs of a product with this tensor, `columns` elements each; `matrix` of `matrices`.
  void add(std::string_view tensor, const float* x, int64_t rows, int64_t columns,
           int64_t matrix = 0, int64_t matrices = 1);
  // The same, summed over the rows.
  void add_squares(std::string_view tensor, std::span<const float> squares, int64_t rows);
  // What was never multiplied counts as the mean of its tensor.
  Importance means(uint64_t tokens) const;

 private:
  struct Sums {
    std::vector<double> squares;
    std::vector<uint64_t> rows;  // of each matrix
  };
  std::map<std::string, Sums, std::less<>> sums_;
};

// A file of write_importance, or the GGUF that llama.cpp calls an importance matrix. Values are
// finite and not negative.
// `is_importance`: is it one of these, by how it begins?
bool is_importance(std::span<const std::byte> file);
Result<Importance> read_importance(const std::string& path, const Limits& limits);
// Safetensors: a tensor of f32 for each one of weights, under its name; the metadata
// "hone.importance" is "1", "hone.tokens" the number of tokens.
Status write_importance(const std::string& path, const Importance& importance);

}  // namespace hone::compress
