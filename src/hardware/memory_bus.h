// What the text "DDR5-4800 x8" of a device's memory says of its bus.
#pragma once

#include <optional>
#include <string_view>

namespace hone {

struct MemoryBus {
  std::string_view type;    // of memory_types.def
  double rate = 0;          // transfers per second on a line; where not given, the highest standard
  double highest_rate = 0;  // of the type
  bool rate_is_given = false;
  double bits = 0;  // lines in all; 0 where not given

  // Bytes per second at most.
  std::optional<double> bandwidth() const;
};

// "DDR4-3200 x8" has eight channels of 64 bits, "LPDDR5-6400 x256b" a bus of 256 bits, "HBM3 x5"
// five stacks; what stands behind a comma is not looked at. None for other texts.
std::optional<MemoryBus> parse_memory_bus(std::string_view text);
// Whether a text that does not parse was meant to: it names a kind of DDR or HBM.
bool looks_like_memory_bus(std::string_view text);

}  // namespace hone
