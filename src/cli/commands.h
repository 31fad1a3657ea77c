// The commands, one function for each line of commands.def.
#pragma once

#include "cli/command.h"

namespace hone::cli {

#define COMMAND(function, name) const Command& function##_command();
#include "cli/commands.def"
#undef COMMAND

}  // namespace hone::cli
