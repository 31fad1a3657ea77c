// What a model holds, told from its graph alone.
#pragma once

#include "hone/hone.h"
#include "ir/model.h"

namespace hone {

v1::Description describe_model(const Model& model);

}  // namespace hone
