// Rotary position embedding and the angles that it takes.
#include "kernels/rotary/rotary.h"

#include <cmath>
#include <cstring>

#include "backends/cpu/cpu.h"
#include "ops/common.h"

namespace hone::cpu {
namespace {

enum Input : size_t { kX, kCosines, kSines, kPositions };

struct Rotation {
  int64_t steps, heads, head, pairs;
  bool packed, interleaved;
};

Rotation rotation_of(const Call& c) {
  const Extents& shape = c.in(kX).shape();
  const bool packed = shape.size() == 3;
  Rotation r{};
  r.packed = packed;
  r.steps = packed ? shape[1] : shape[2];
  r.heads = packed ? c.integer("num_heads") : shape[1];
  r.head = packed ? shape[2] / r.heads : shape[3];
  const int64_t part = c.integer("rotary_embedding_dim");
  r.pairs = (part ? part : r.head) / 2;
  r.interleaved = c.integer("interleaved") != 0;
  return r;
}

// The row of the tables for each row of heads: [batch, steps].
Result<std::vector<int64_t>> places_of(const Call& c, int64_t batch, int64_t steps) {
  std::vector<int64_t> places(size_t(batch * steps));
  for (size_t i = 0; i < places.size(); ++i) places[i] = int64_t(i);
  if (!c.has(kPositions)) return places;
  for (size_t i = 0; i < places.size(); ++i) {
    places[i] = c.in(kPositions).as<int64_t>()[i];
    if (places[i] < 0 || places[i] >= c.in(kCosines).shape()[0])
      return value_error(c, "position " + std::to_string(places[i]) + " is outside a cache of " +
                                std::to_string(c.in(kCosines).shape()[0]));
  }
  return places;
}

Status run(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(kX);
  Tensor& y = *TRY(c.out(0));
  if (x.count() == 0) return ok();
  const Rotation r = rotation_of(c);
  const std::vector<int64_t> places = TRY(places_of(c, x.shape()[0], r.steps));
  const float *cosines = c.in(kCosines).as<float>().data(),
              *sines = c.in(kSines).as<float>().data();
  const float* from = x.as<float>().data();
  float* to = y.as<float>().data();
  pool.parallel_for(
      x.count() / r.head, std::max<int64_t>(1, kGrain / r.head), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t b = i / (r.heads * r.steps);
          const int64_t t = r.packed ? i / r.heads % r.steps : i % r.steps;
          const int64_t at = places[size_t(b * r.steps + t)] * r.pairs;
          const int64_t head = i * r.head, turned = 2 * r.pairs;
          kernels::rotate(from + head, cosines + at, sines + at, r.pairs, r.interleaved, to + head);
          if (from != to)
            std::memcpy(to + head + turned, from + head + turned,
                        size_t(r.head - turned) * sizeof(float));
        }
      });
  return ok();
}

Status run_angles(Call& c, ThreadPool&) { return c.op().reference(c); }

Support accepts(const Graph& graph, const Node& node) {
  for (size_t i : {kX, kCosines, kSines})
    if (graph[node.inputs[i]].type.tensor.dtype != DType::f32) return no("only f32");
  return yes();
}
Support accepts_angles(const Graph&, const Node&) { return yes(); }

}  // namespace

const CpuKernel rotary_angles_kernel{"rotary_angles", accepts_angles, run_angles};
const CpuKernel rotary_embedding_kernel{"rotary_embedding", accepts, run,
                                        CpuKernel::InPlace::first};

}  // namespace hone::cpu
