// Opening a file beneath a folder without ever following a link or leaving the folder.
#pragma once

#include <string>

namespace hone {

// A read-only descriptor of `relative` beneath the open folder, or -1 with errno set: EXDEV when
// the path is absolute or has a ".." component, ELOOP when any component is a link, EINVAL when it
// is empty or holds a NUL. Never blocks on a pipe and never becomes a terminal. The kernel does it
// in one step (openat2); where it cannot, the components are opened one by one.
int open_beneath(int folder, const std::string& relative);

// The second way alone; apart so that tests reach it on every kernel.
int open_beneath_stepwise(int folder, const std::string& relative);

}  // namespace hone
