#include "kernels/instruction_set.h"

#include <cstdlib>
#include <iterator>

#include "base/log.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace hone::kernels {

#if defined(__x86_64__)
namespace {

struct Leaf {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  Leaf(unsigned leaf, unsigned subleaf) {
    __get_cpuid_count(leaf, subleaf, &eax, &ebx, &ecx, &edx);
  }
};

}  // namespace

bool has_avx2vnni() {
  constexpr unsigned kAvxVnni = 1U << 4;
  return has_avx2() && (Leaf(7, 1).eax & kAvxVnni) != 0;
}

bool has_amx() {
#if defined(__linux__)
  constexpr unsigned kTiles = 1U << 24, kBytes = 1U << 25;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  if (!has_avx512vnni()) return false;
  const unsigned features = Leaf(7, 0).edx;
  if ((features & kTiles) == 0 || (features & kBytes) == 0) return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
#endif

namespace {

constexpr std::string_view kNames[] = {"portable", "avx2",       "avx2vnni",
                                       "avx512",   "avx512vnni", "amx"};

bool has(InstructionSet set) {
  switch (set) {
    case InstructionSet::portable: return true;
#if defined(__x86_64__)
    case InstructionSet::avx2: return has_avx2();
    case InstructionSet::avx2vnni: return has_avx2vnni();
    case InstructionSet::avx512: return has_avx512();
    case InstructionSet::avx512vnni: return has_avx512vnni();
    case InstructionSet::amx: return has_amx();
#endif
    default: return false;
  }
}

InstructionSet best() {
  for (size_t i = std::size(kNames); i-- > 1;)
    if (has(static_cast<InstructionSet>(i))) return static_cast<InstructionSet>(i);
  return InstructionSet::portable;
}

InstructionSet chosen() {
  const InstructionSet most = best();
  const char* wanted = std::getenv("HONE_INSTRUCTION_SET");
  if (!wanted || !*wanted) return most;
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == wanted && has(static_cast<InstructionSet>(i)))
      return static_cast<InstructionSet>(i);
  LOG(warn, "HONE_INSTRUCTION_SET names none that this CPU has",
      {{"taken", std::string(name(most))}});
  return most;
}

}  // namespace

std::string_view name(InstructionSet set) { return kNames[static_cast<size_t>(set)]; }

InstructionSet instruction_set() {
  static const InstructionSet set = chosen();
  return set;
}

InstructionSet vectors() {
  const InstructionSet set = instruction_set();
  return set >= InstructionSet::avx512 ? InstructionSet::avx512
         : set >= InstructionSet::avx2 ? InstructionSet::avx2
                                       : InstructionSet::portable;
}

}  // namespace hone::kernels
