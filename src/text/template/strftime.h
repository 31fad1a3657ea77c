// Dates as text, in English whatever the locale.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::jinja {

// The directives of strftime() that do not depend on the locale or the time zone.
Result<std::string> format_time(std::string_view format, const std::tm& time);

}  // namespace hone::jinja
