// Reversal of sequences of different lengths.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_rank(c, 1, 1));
  const Shape& x = c.shape(0);
  const int64_t batch = c.integer("batch_axis"), time = c.integer("time_axis");
  if (!((batch == 0 && time == 1) || (batch == 1 && time == 0)))
    return attribute_error(c, "batch_axis " + std::to_string(batch) + " and time_axis " +
                                  std::to_string(time) + " must be 0 and 1");
  if (x.ranked && x.rank() < 2) return shape_error(c, "x has shape " + x.str());
  if (x.ranked && c.shape(1).ranked && !same_extent(x.dims[size_t(batch)], c.shape(1).dims[0]))
    return shape_error(c, "sequence_lens " + c.shape(1).str() + " for " + x.str());
  return same_as_first(c);
}

Status reference(Call& c) {
  const Tensor &x = c.in(0), &lengths = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (x.count() == 0) return ok();
  const bool time_first = c.integer("time_axis") == 0;
  const int64_t times = x.shape()[time_first ? 0 : 1], batches = x.shape()[time_first ? 1 : 0];
  const int64_t inner = x.count() / times / batches;
  for (int64_t b = 0; b < batches; ++b) {
    const int64_t length = load_integer(lengths, b);
    if (length < 0 || length > times)
      return value_error(
          c, "a length of " + std::to_string(length) + " for " + std::to_string(times) + " steps");
    auto start = [&](int64_t t) { return (time_first ? t * batches + b : b * times + t) * inner; };
    for (int64_t t = 0; t < times; ++t) {
      const int64_t from = t < length ? length - 1 - t : t;
      for (int64_t i = 0; i < inner; ++i) copy_element(x, start(from) + i, y, start(t) + i);
    }
  }
  return ok();
}

}  // namespace

const OpDef& reverse_sequence_op() {
  static const OpDef def{
      .name = "reverse_sequence",
      .doc = "The first sequence_lens[b] steps of batch b in reverse, the others as they are.",
      .inputs = {{"x", kAny, 'T'}, {"sequence_lens", DType::i64}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"batch_axis", AttrKind::integer, false, int64_t{1}},
                {"time_axis", AttrKind::integer, false, int64_t{0}}},
      .infer = infer,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph reverse_time(x: f32[4,2,3]) -> (y) {
        y = reverse_sequence(x, i64[2]{4, 2})
      })",
                   R"(graph reverse_batch(x: f32[2,4]) -> (y) {
        y = reverse_sequence(x, i64[2]{1, 3}) <batch_axis=0, time_axis=1>
      })"},
  };
  return def;
}

}  // namespace hone
