// Where a user's own files lie, by the XDG base directories.
#pragma once

#include <string>
#include <string_view>

namespace hone {

// $XDG_DATA_HOME/hone/NAME, by default ~/.local/share/hone/NAME. A variable that is not an absolute
// path counts as none; "" where both do.
std::string user_data_folder(std::string_view name);

}  // namespace hone
