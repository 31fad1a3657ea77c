// Opening a file beneath a folder without leaving the folder, and without links unless asked for.
#pragma once

#include <string>

namespace hone {

// A read-only descriptor of `relative` beneath the open folder, or -1 with errno set: EXDEV when
// the path is absolute or has a ".." component, ELOOP when any component is a link, EINVAL when it
// is empty or holds a NUL. Never blocks on a pipe and never becomes a terminal. The kernel does it
// in one step (openat2); where it cannot, the components are opened one by one.
int open_beneath(int folder, const std::string& relative);

// The same, but links are followed where the file they end at lies beneath the folder. One more
// kind is followed, that of the Hugging Face cache: where the folder lies in
// ROOT/snapshots/REVISION, a file that is a link straight to ROOT/blobs/NAME. Other links that
// leave the folder are EXDEV. A kernel before Linux 5.6 cannot confine links: there they stay
// refused.
int open_following(int folder, const std::string& relative);

// The second way of open_beneath alone; apart so that tests reach it on every kernel.
int open_beneath_stepwise(int folder, const std::string& relative);

}  // namespace hone
