#include "kernels/rotary/rotary.h"

#include "base/multiversion.h"

namespace hone::kernels {
namespace {

HONE_MULTIVERSION
void rotate_halves(const float* x, const float* cosines, const float* sines, int64_t pairs,
                   float* y) {
  for (int64_t i = 0; i < pairs; ++i) {
    const float u = x[i], v = x[pairs + i];
    y[i] = cosines[i] * u - sines[i] * v;
    y[pairs + i] = sines[i] * u + cosines[i] * v;
  }
}

HONE_MULTIVERSION
void rotate_neighbours(const float* x, const float* cosines, const float* sines, int64_t pairs,
                       float* y) {
  for (int64_t i = 0; i < pairs; ++i) {
    const float u = x[2 * i], v = x[2 * i + 1];
    y[2 * i] = cosines[i] * u - sines[i] * v;
    y[2 * i + 1] = sines[i] * u + cosines[i] * v;
  }
}

}  // namespace

void rotate(const float* x, const float* cosines, const float* sines, int64_t pairs,
            bool interleaved, float* y) {
  return interleaved ? rotate_neighbours(x, cosines, sines, pairs, y)
                     : rotate_halves(x, cosines, sines, pairs, y);
}

}  // namespace hone::kernels
