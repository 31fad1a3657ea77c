// The numbers that the four bits of table formats stand for.
#pragma once

#include <array>
#include <cstdint>

namespace hone {

// IQ4_NL and IQ4_XS.
inline constexpr std::array<int8_t, 16> kIq4Values{-127, -104, -83, -65, -49, -35, -22, -10,
                                                   1,    13,   25,  38,  53,  69,  89,  113};
// f4e2m1 times two: MXFP4 and NVFP4.
inline constexpr std::array<int8_t, 16> kFp4Values{0, 1,  2,  3,  4,  6,  8,  12,
                                                   0, -1, -2, -3, -4, -6, -8, -12};
// NF4: quantiles of the normal distribution (Dettmers et al., "QLoRA", 2023, appendix E).
inline constexpr std::array<float, 16> kNf4Values{-1.0f,
                                                  -0.6961928009986877f,
                                                  -0.5250730514526367f,
                                                  -0.39491748809814453f,
                                                  -0.28444138169288635f,
                                                  -0.18477343022823334f,
                                                  -0.09105003625154495f,
                                                  0.0f,
                                                  0.07958029955625534f,
                                                  0.16093020141124725f,
                                                  0.24611230194568634f,
                                                  0.33791524171829224f,
                                                  0.44070982933044434f,
                                                  0.5626170039176941f,
                                                  0.7229568362236023f,
                                                  1.0f};

// Half of the number that a scale of MXFP4 (2^(bits - 127)) or NVFP4 (unsigned f8e4m3) stands for:
// kFp4Values are doubled.
float half_of_e8m0(uint8_t bits);
float half_of_ue4m3(uint8_t bits);

}  // namespace hone
