// The cold path of the cursor: the message of a read beyond the end.
#include "base/cursor.h"

#include <fmt/format.h>

namespace hone {

Error Cursor::short_read(uint64_t n, std::string_view what) const {
  return fail(ErrorId::truncated, fmt::format("{} at byte {} needs {} bytes, but {} are left", what,
                                              offset(), n, remaining()));
}

}  // namespace hone
