// Synthetic programs to calibrate with: operators of made-up sizes, chosen by a counter-based
// random generator. It knows no model: what is calibrated on these has seen none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "calibrate/program_text.h"

namespace hone::calibrate {

struct SyntheticProgram {
  std::string name;
  ProgramText text;
  size_t shapes = 0;  // operators of different sizes
};

// About `shapes` operators. They are dealt out over programs of different size: one whose weights
// stay in the second-level cache, some that do not, one that reads from memory.
std::vector<SyntheticProgram> operator_programs(uint64_t seed, size_t shapes);

// Whole networks of random depth, width and kind, for the error of sums.
std::vector<SyntheticProgram> network_programs(uint64_t seed, size_t count);

// Layers of language models with weights in blocks: half of them read a prompt, half go on by one
// token.
std::vector<SyntheticProgram> language_programs(uint64_t seed, size_t count);

}  // namespace hone::calibrate
