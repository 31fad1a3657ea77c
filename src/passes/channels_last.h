// Transposes between [N, C, in...] and [N, in..., C].
#pragma once

#include "ir/rewriter.h"

namespace hone {

Integers last_permutation(size_t rank);   // 0, 2 … rank - 1, 1
Integers first_permutation(size_t rank);  // 0, rank - 1, 1 … rank - 2

// v with its channels last, or first: what it is the transpose of, or a new transpose.
Result<ValueId> to_channels_last(Rewriter& rewriter, ValueId v);
Result<ValueId> to_channels_first(Rewriter& rewriter, ValueId v);

// The value with channels last, or first, that v is the transpose of; invalid where it is none.
ValueId channels_last_of(const Graph& graph, ValueId v);
ValueId channels_first_of(const Graph& graph, ValueId v);

}  // namespace hone
