// CHECK aborts on a broken invariant of our own. Data from users never reaches it.
#pragma once

namespace hone {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define CHECK(condition)                                    \
  do {                                                      \
    if (!(condition)) [[unlikely]]                          \
      ::hone::check_failed(#condition, __FILE__, __LINE__); \
  } while (0)
