// Reading a Dim back from the text that Dim::str() writes.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "ir/dim.h"

namespace hone {

// The expression at `at`, which is moved behind it; blanks before it are skipped. Grammar:
//   sum     = ["-"] product {("+" | "-") product}
//   product = primary {"*" primary}
//   primary = integer | "?" | identifier | quoted name | "(" sum ")" | function "(" sum "," sum ")"
// with the functions floor_div, ceil_div, mod, min and max. Fails with `syntax` or `over_depth`.
Result<Dim> parse_dim(std::string_view text, size_t& at);

}  // namespace hone
