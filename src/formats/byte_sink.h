// Where the bytes of a tensor go while a file is written, piece by piece.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/result.h"

namespace hone {

// Takes the next bytes of a tensor.
using ByteSink = std::function<Status(std::span<const std::byte>)>;

}  // namespace hone
