// What the user allows while a model is read, for all importers.
#pragma once

#include <cstdint>

#include "base/limits.h"
#include "base/mapped_file.h"
#include "ir/dtype.h"

namespace hone {

// What to do about files of weights that are not there.
enum class MissingWeights : uint8_t {
  refuse,
  leave_out,  // constants name their file, but cannot be read
};

// How language models compute; part of the graph that is built.
struct LanguageOptions {
  DType cache = DType::f16;  // of keys and values: f32, f16, bf16, i8
  // Products with weights in blocks of few bits take their rows in blocks of i8, as
  // quantize_blocks makes them; else in real numbers.
  bool byte_rows = true;
};

struct ImportOptions {
  Limits limits = {};
  Links links = Links::refuse;  // in the names of files of weights
  MissingWeights missing = MissingWeights::refuse;
  LanguageOptions language = {};
};

}  // namespace hone
