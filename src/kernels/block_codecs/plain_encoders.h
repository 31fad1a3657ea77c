// The encoders that do what the reference of their format does, which ignores weights.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hone::kernels {

void plain_q4_0(const float* x, const float*, int64_t count, std::byte* blocks);
void plain_q4_1(const float* x, const float*, int64_t count, std::byte* blocks);
void plain_q5_0(const float* x, const float*, int64_t count, std::byte* blocks);
void plain_q5_1(const float* x, const float*, int64_t count, std::byte* blocks);
void plain_q8_0(const float* x, const float*, int64_t count, std::byte* blocks);
void plain_tq1_0(const float* x, const float*, int64_t count, std::byte* blocks);
void plain_tq2_0(const float* x, const float*, int64_t count, std::byte* blocks);
// Of three powers of two the one with the least error; takes weights.
void plain_mxfp4(const float* x, const float* importance, int64_t count, std::byte* blocks);

}  // namespace hone::kernels
