#include "ops/catalogue.h"

namespace hone {

#define OP(name) const OpDef& name##_op();
#include "ops/ops.def"
#undef OP

const Catalogue& standard_catalogue() {
  static const Catalogue catalogue({
#define OP(name) &name##_op(),
#include "ops/ops.def"
#undef OP
  });
  return catalogue;
}

}  // namespace hone
