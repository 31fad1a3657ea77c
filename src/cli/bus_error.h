// What happens when a mapped file shrinks while it is in use: a message and exit 3, not a signal.
#pragma once

namespace hone::cli {

// From here on, reading a page whose bytes are gone ends the process with `io.failed`, told as
// print_error would. Call it once the form of the log is known. Catches SIGBUS for the process.
void catch_bus_errors(bool json);

}  // namespace hone::cli
