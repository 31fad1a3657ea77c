#include "kernels/instruction_set.h"

#include <cstdlib>

#include "base/log.h"

namespace hone::kernels {
namespace {

std::string_view best() {
#if defined(__x86_64__)
  return has_avx512() ? "avx512" : has_avx2() ? "avx2" : "portable";
#else
  return "portable";
#endif
}

std::string_view chosen() {
  constexpr std::string_view kLesserFirst[] = {"portable", "avx2", "avx512"};
  const char* wanted = std::getenv("HONE_INSTRUCTION_SET");
  if (!wanted || !*wanted) return best();
  for (const std::string_view name : kLesserFirst) {
    if (name == wanted) return name;
    if (name == best()) break;
  }
  LOG(warn, "HONE_INSTRUCTION_SET names none that this CPU has", {{"taken", std::string(best())}});
  return best();
}

}  // namespace

std::string_view instruction_set() {
  static const std::string_view name = chosen();
  return name;
}

}  // namespace hone::kernels
