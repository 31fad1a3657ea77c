#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace hone {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "hone: internal error: %s does not hold (%s:%d); please report this\n",
               condition, file, line);
  std::abort();
}

}  // namespace hone
