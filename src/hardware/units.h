// Units of the figures of devices: read as users write them, kept in SI base units.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone {

enum class Dimension : uint8_t {
#define DIMENSION(id, what, base, example) id,
#include "hardware/dimensions.def"
#undef DIMENSION
};

struct DimensionInfo {
  std::string_view what;     // "bytes per second"
  std::string_view base;     // "B/s"; empty for plain numbers
  std::string_view example;  // "GB/s"
};
const DimensionInfo& info(Dimension dimension);

// What a value in this unit is multiplied by to be in the base unit of the dimension. The message
// of a refusal says which units are expected.
Result<double> unit_factor(std::string_view unit, Dimension dimension);
// The same for a unit of any dimension.
std::optional<double> unit_factor(std::string_view unit);

// "204.8 GB/s", "48 KiB", "23.6 pJ": up to four significant digits, with a prefix. Sizes in binary
// units, all else in decimal ones.
std::string human_quantity(double value, Dimension dimension);

}  // namespace hone
