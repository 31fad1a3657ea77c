// What the commands that open models have in common.
#pragma once

#include <string>

#include "cli/command.h"
#include "hone/hone.h"

namespace hone::cli {

// Opens with the limits of the configuration.
Result<v1::Model> open(const Arguments& arguments, const std::string& path, bool verify = false);

// An error of the API as one of ours.
Error from(const v1::Error& error);
template <class T>
Result<T> from(v1::Result<T> result) {
  if (!result) return from(result.error());
  return std::move(*result);
}

}  // namespace hone::cli
