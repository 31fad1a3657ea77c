// What the commands that open models have in common.
#pragma once

#include <string>
#include <vector>

#include "api/open.h"
#include "cli/command.h"
#include "hone/hone.h"

namespace hone::cli {

// What the configuration allows while a model is read.
OpenOptions open_options(const Arguments& arguments);

// Opens a model through the API with these options.
Result<v1::Model> open(const std::string& path, const OpenOptions& options);

// How the configuration says that kernels are chosen; `automatic` is what "auto" means. Measured
// with as many threads as the process may use, so that --threads changes no result.
v1::CompileOptions compile_options(const Config& config, std::string_view automatic);

// What the values of --bind say of a model with these symbols. Fails with `usage`.
Result<v1::Bindings> bindings_of(const std::vector<std::string>& texts,
                                 const std::vector<std::string>& symbols);

// As the member "choices".
void write_choices(JsonWriter& json, const std::vector<v1::Choice>& choices);

// An error of the API as one of ours.
Error from(const v1::Error& error);
template <class T>
Result<T> from(v1::Result<T> result) {
  if (!result) return from(result.error());
  return std::move(*result);
}

}  // namespace hone::cli
