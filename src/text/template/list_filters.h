// The filters that look at the elements of a list.
#pragma once

#include "text/template/evaluator.h"

namespace hone::jinja {

Builtin find_list_filter(std::string_view name);

}  // namespace hone::jinja
