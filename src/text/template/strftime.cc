#include "text/template/strftime.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hone::jinja {
namespace {

constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
constexpr std::string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};

}  // namespace

Result<std::string> format_time(std::string_view format, const std::tm& time) {
  if (time.tm_mon < 0 || time.tm_mon > 11 || time.tm_wday < 0 || time.tm_wday > 6) {
    return fail(ErrorId::internal, "the time is no date");
  }
  const std::string_view month = kMonths[time.tm_mon], day = kDays[time.tm_wday];
  const int hour = (time.tm_hour + 11) % 12 + 1;
  std::string made;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      made += format[i];
      continue;
    }
    ++i;
    const bool plain = format[i] == '-' && i + 1 < format.size();  // without leading zeros
    if (plain) ++i;
    const auto two = [plain](int n) { return plain ? std::to_string(n) : fmt::format("{:02}", n); };
    switch (format[i]) {
      case 'Y': made += std::to_string(time.tm_year + 1900); break;
      case 'y': made += two(time.tm_year % 100); break;
      case 'm': made += two(time.tm_mon + 1); break;
      case 'B': made += month; break;
      case 'b':
      case 'h': made += month.substr(0, 3); break;
      case 'd': made += two(time.tm_mday); break;
      case 'e':
        made += plain ? std::to_string(time.tm_mday) : fmt::format("{:2}", time.tm_mday);
        break;
      case 'A': made += day; break;
      case 'a': made += day.substr(0, 3); break;
      case 'w': made += std::to_string(time.tm_wday); break;
      case 'u': made += std::to_string((time.tm_wday + 6) % 7 + 1); break;
      case 'j':
        made += plain ? std::to_string(time.tm_yday + 1) : fmt::format("{:03}", time.tm_yday + 1);
        break;
      case 'H': made += two(time.tm_hour); break;
      case 'I': made += two(hour); break;
      case 'M': made += two(time.tm_min); break;
      case 'S': made += two(time.tm_sec); break;
      case 'p': made += time.tm_hour < 12 ? "AM" : "PM"; break;
      case 'F':
        made += fmt::format("{}-{:02}-{:02}", time.tm_year + 1900, time.tm_mon + 1, time.tm_mday);
        break;
      case 'D':
        made += fmt::format("{:02}/{:02}/{:02}", time.tm_mon + 1, time.tm_mday, time.tm_year % 100);
        break;
      case 'T':
        made += fmt::format("{:02}:{:02}:{:02}", time.tm_hour, time.tm_min, time.tm_sec);
        break;
      case 'R': made += fmt::format("{:02}:{:02}", time.tm_hour, time.tm_min); break;
      case 'n': made += '\n'; break;
      case 't': made += '\t'; break;
      case '%': made += '%'; break;
      default:
        return fail(ErrorId::bad_template,
                    fmt::format("strftime_now does not know %{}", printable(format.substr(i, 1))));
    }
  }
  return made;
}

}  // namespace hone::jinja
