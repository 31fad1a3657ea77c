// The value itself.
#include "ops/common.h"

namespace hone {

const OpDef& identity_op() {
  static const OpDef def{
      .name = "identity",
      .doc = "x itself: a tensor, sequence, optional or map.",
      .inputs = {{"x", kAny, 0, Port::Presence::required, Port::Holds::any}},
      .outputs = {{"y", kAny, 0, Port::Presence::required, Port::Holds::any}},
      .traits = Trait::view,
      .infer = [](const Infer& c) -> Result<Types> {
        if (c.type(0).is_tensor()) return same_as_first(c);
        return Types{c.type(0)};
      },
      .propagate = propagate_first,
      .cost = movement_cost,
      .reference = [](Call& c) -> Status { return hand_on(c, 0, c.datum(0)); },
  };
  return def;
}

}  // namespace hone
