// Writes graphs as text, call by call, with made-up weights: what synthetic programs are made of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "ir/model.h"

namespace hone::calibrate {

using Dims = std::vector<int64_t>;

class ProgramText {
 public:
  // An input of f32, and a constant: their names.
  std::string input(const Dims& shape);
  std::string weight(const Dims& shape);
  // Weights that are stored as bytes; `encoding` stands behind their shape.
  std::string stored(std::string_view dtype, const Dims& shape, int64_t bits,
                     std::string_view encoding = {}, std::string_view rest = {});
  // Weights in a block format: `block_bytes` for 32 of them.
  std::string blocks(std::string_view format, const Dims& shape, int64_t block_bytes);
  // NAME = TEXT; gives the name.
  std::string let(std::string_view text);
  // Several results: their names.
  std::vector<std::string> let(size_t results, std::string_view text);
  // Makes an output of one element of a result: so its memory is free again.
  void use(std::string_view name, size_t rank);
  void output(std::string_view name) { outputs_.emplace_back(name); }

  int64_t weight_bytes() const { return bytes_; }
  int64_t input_bytes() const { return input_bytes_; }
  bool empty() const { return outputs_.empty(); }
  // Weights are between -1 and 1, divided by the root of so many summands that sums stay small.
  Result<Model> model(const Limits& limits) const;

 private:
  std::string constant(std::string_view type, int64_t bytes, std::string_view rest);
  std::string inputs_, constants_, body_;
  std::vector<std::string> outputs_;
  int64_t names_ = 0, bytes_ = 0, input_bytes_ = 0;
  int inputs_count_ = 0, weights_ = 0;
};

}  // namespace hone::calibrate
