// Names of tensors in checkpoints, brought to those of an architecture's table.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "import/arch/decoder.h"

namespace hone::hf {

// Without what stands before the names of the table: "model.", "transformer." and the like, as the
// class that saved the model has it.
std::string_view without_prefix(std::string_view name);

// Buffers that the code of a model makes again by itself; some versions saved them.
bool is_buffer(std::string_view name);

// The parts of a list that is separated by spaces.
std::vector<std::string_view> words_of(std::string_view list);

class Names {
 public:
  explicit Names(std::span<const arch::TensorName> table);
  // "model.layers.3.mlp.up_proj.weight" gives "blk.3.ffn_up.weight"; none where the table has no
  // such name.
  std::optional<std::string> ours(std::string_view theirs) const;
  // The other way; `ours` itself where the table has no such name.
  std::string theirs(std::string_view ours) const;

 private:
  std::span<const arch::TensorName> table_;            // {} stands for the number of a layer
  std::map<std::string_view, std::string_view> ours_;  // by their names, without prefixes
};

}  // namespace hone::hf
