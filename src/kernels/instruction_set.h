// What the CPU that runs this can do, as the files in cmake/kernels.cmake need it.
#pragma once

#include <string_view>

namespace hone::kernels {

#if defined(__x86_64__)
inline bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}
inline bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

// The one whose kernels are taken: "portable", "avx2" or "avx512". The environment variable
// HONE_INSTRUCTION_SET can name a lesser one than the CPU has.
std::string_view instruction_set();

// Of the versions of one family of kernels, those of that name.
#if defined(__x86_64__)
template <class Kernels>
const Kernels& best_of(const Kernels& portable, const Kernels& avx2, const Kernels& avx512) {
  const std::string_view name = instruction_set();
  return name == "avx512" ? avx512 : name == "avx2" ? avx2 : portable;
}
#endif

}  // namespace hone::kernels
