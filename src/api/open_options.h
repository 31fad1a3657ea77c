// Options of the public API as those of the modules.
#pragma once

#include "api/open.h"
#include "hone/hone.h"

namespace hone::v1 {

hone::Result<hone::OpenOptions> open_options_of(const OpenOptions& options);

}  // namespace hone::v1
