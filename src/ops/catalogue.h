// The operators that hone ships, as listed in ops.def.
#pragma once

#include "ir/op.h"

namespace hone {

const Catalogue& standard_catalogue();

}  // namespace hone
