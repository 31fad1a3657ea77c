// The extents of a tensor, and the number of its elements.
#include <algorithm>

#include "ops/movement.h"

namespace hone {
namespace {

// [start, end) of the extents that are asked for.
std::pair<int64_t, int64_t> range(const Infer& c, int64_t rank) {
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t start = clamp(c.integer("start"));
  const int64_t end = c.given("end") ? clamp(c.integer("end")) : rank;
  return {start, std::max(start, end)};
}

Cost cost(const Infer&, const Types& out) {
  Cost cost;
  cost.bytes_written = stored_bytes(out[0].tensor);
  return cost;
}

}  // namespace

const OpDef& shape_op() {
  static const OpDef def{
      .name = "shape",
      .doc =
          "The extents [start, end) of x as i64[n]; negative bounds count from the end, both are "
          "clamped.",
      .inputs = {{"x"}},
      .outputs = {{"shape", DType::i64}},
      .attrs = {{"start", AttrKind::integer, false, int64_t{0}}, {"end", AttrKind::integer}},
      .infer = [](const Infer& c) -> Result<Types> {
        const auto rank = rank_of(c, 0);
        if (!rank) return fixed_type(DType::i64, {Dim::unknown()});
        const auto [start, end] = range(c, *rank);
        return fixed_type(DType::i64, {end - start});
      },
      .propagate = [](const Infer& c, size_t) -> std::optional<Known> {
        const auto rank = rank_of(c, 0);
        if (!rank) return std::nullopt;
        const auto [start, end] = range(c, *rank);
        const auto first = c.shape(0).dims.begin();
        return Known(first + start, first + end);
      },
      .cost = cost,
      .reference = [](Call& c) -> Status {
        Tensor& y = *TRY(c.out(0));
        const Extents& extents = c.in(0).shape();
        const auto [start, end] = range(c, int64_t(extents.size()));
        std::copy(extents.begin() + start, extents.begin() + end, y.as<int64_t>().begin());
        return ok();
      },
  };
  return def;
}

const OpDef& size_op() {
  static const OpDef def{
      .name = "size",
      .doc = "The number of elements of x as an i64 scalar.",
      .inputs = {{"x"}},
      .outputs = {{"size", DType::i64}},
      .infer = [](const Infer&) { return fixed_type(DType::i64, {}); },
      .propagate = [](const Infer& c, size_t) -> std::optional<Known> {
        return Known{element_count(c.shape(0))};
      },
      .cost = cost,
      .reference = [](Call& c) -> Status {
        Tensor& y = *TRY(c.out(0));
        y.as<int64_t>()[0] = c.in(0).count();
        return ok();
      },
  };
  return def;
}

}  // namespace hone
