// docs/support.md: what of the conformance suite passes, by suite, operator and backend.
#pragma once

#include <string>

#include "runner.h"

namespace hone::conformance {

std::string support_page(const Report& report);

}  // namespace hone::conformance
