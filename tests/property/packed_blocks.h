// Random weights packed as block_linear and block_gather take them.
#pragma once

#include "random_call.h"

namespace hone::testing {

struct PackedBlocks {
  Builder::Given attrs;
  ValueId codes, scale, minimum, fine;  // invalid: none
  int64_t columns = 0;
  int64_t scale_rows = 0;  // of a block, or a run
  bool in_runs = false;
};
PackedBlocks packed_blocks(RandomCall& c, int64_t depth);

}  // namespace hone::testing
