#include "cli/bus_error.h"

#include <unistd.h>

#include <csignal>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

Error bus_error() {
  Error error =
      fail(ErrorId::io, "a file was truncated while it was in use, or its disk does not answer");
  error.hint = "run again once nothing writes to the model's files; replace files by renaming";
  return error;
}

// Made before the handler is there, because a handler must not allocate. Without a time, which it
// could not tell either.
template <bool kJson>
const std::string& text() {
  static const std::string made = error_text(bus_error(), kJson, {}, "");
  return made;
}

template <bool kJson>
void on_bus_error(int) {
  std::string_view left = text<kJson>();
  while (!left.empty()) {
    const ssize_t wrote = write(STDERR_FILENO, left.data(), left.size());
    if (wrote <= 0) break;
    left.remove_prefix(static_cast<size_t>(wrote));
  }
  _exit(3);
}

}  // namespace

void catch_bus_errors(bool json) {
  text<false>();
  text<true>();
  struct sigaction action{};
  action.sa_handler = json ? on_bus_error<true> : on_bus_error<false>;
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace hone::cli
