// What the CPU that runs this can do, as the files in cmake/kernels.cmake need it.
#pragma once

#include <cstdint>
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
bool has_avx2vnni();
inline bool has_avx512vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
// Asks the system for the tiles' registers, which a process does not have from the start.
bool has_amx();
#endif

// What the CPU offers, from the least on: VNNI are dot products of bytes, AMX products of tiles of
// them. A CPU may lack avx2vnni and have what stands behind it.
enum class InstructionSet : uint8_t { portable, avx2, avx2vnni, avx512, avx512vnni, amx };

std::string_view name(InstructionSet set);

// The one whose kernels are taken. The environment variable HONE_INSTRUCTION_SET can name a lesser
// one than the CPU has.
InstructionSet instruction_set();
// The one whose vectors of floats are taken: portable, avx2 or avx512.
InstructionSet vectors();

// Of the versions of one family of kernels, those with these vectors.
#if defined(__x86_64__)
template <class Kernels>
const Kernels& best_of(const Kernels& portable, const Kernels& avx2, const Kernels& avx512) {
  const InstructionSet set = vectors();
  return set == InstructionSet::avx512 ? avx512 : set == InstructionSet::avx2 ? avx2 : portable;
}
#endif

}  // namespace hone::kernels
