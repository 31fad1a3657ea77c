// The points of space that the IQ1, IQ2 and IQ3 formats choose from: eight elements (IQ1, IQ2) of 2
// bits or four (IQ3) of 3 bits each, the first in the lowest bits. What the bits stand for is
// below.
#pragma once

#include <array>
#include <cstdint>

namespace hone {

extern const std::array<uint16_t, 256> kIq2XxsGrid;
extern const std::array<uint16_t, 512> kIq2XsGrid;
extern const std::array<uint16_t, 1024> kIq2SGrid;
extern const std::array<uint16_t, 256> kIq3XxsGrid;
extern const std::array<uint16_t, 512> kIq3SGrid;
extern const std::array<uint16_t, 2048> kIq1Grid;  // IQ1_S and IQ1_M

inline constexpr std::array<float, 4> kIq2Values{8, 25, 43, 0};  // there is no fourth
inline constexpr std::array<float, 4> kIq1Values{-1, 0, 1, 0};   // nor here
inline constexpr std::array<float, 8> kIq3XxsValues{4, 12, 20, 28, 36, 44, 52, 62};
inline constexpr std::array<float, 8> kIq3SValues{1, 3, 5, 7, 9, 11, 13, 15};

}  // namespace hone
