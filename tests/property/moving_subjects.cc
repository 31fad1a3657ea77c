// Calls of kernels that move elements.
#include "property/random_call.h"

namespace hone::testing {

std::vector<Subject> moving_subjects() { return {}; }

}  // namespace hone::testing
