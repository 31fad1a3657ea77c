// Random calls of the operators that language models are lowered to.
#include "packed_blocks.h"

namespace hone::testing {
namespace {

ValueId bytes(RandomCall& c, const Extents& shape, DType dtype) {
  return dtype == DType::u8 ? c.integers(shape, 0, 255, dtype)
                            : c.integers(shape, -128, 127, dtype);
}

bool block_gather(RandomCall& c, std::string_view op) {
  const int64_t depth = c.random.between(1, 200);
  PackedBlocks p = packed_blocks(c, depth);
  p.attrs.emplace_back("depth", depth);
  const ValueId at =
      c.integers(c.shape(0, 2), -p.columns, p.columns - (c.random.chance(0.95) ? 1 : 0));
  return c.emit(op, {at, p.codes, p.scale, p.minimum, p.fine}, std::move(p.attrs));
}

DType cached(RandomCall& c) {
  constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16, DType::i8};
  return kTypes[c.random.between(0, 3)];
}

bool paged_append(RandomCall& c, std::string_view op) {
  const int64_t pages = c.random.between(1, 4), heads = c.random.between(1, 3),
                page = c.random.between(1, 9), size = c.random.between(1, 20),
                rows = c.random.between(0, 6);
  const bool transposed = c.random.chance(0.5);
  const DType dtype = cached(c);
  const Extents shape{pages, heads, transposed ? size : page, transposed ? page : size};
  const bool whole = dtype == DType::i8;
  const ValueId cache = whole ? bytes(c, shape, dtype) : c.input(shape, dtype, true);
  const Extents given{rows, heads * size};
  const ValueId row = whole ? bytes(c, given, dtype) : c.input(given);
  const ValueId slots = c.integers({rows}, 0, pages * page - (c.random.chance(0.95) ? 1 : 0));
  return c.emit(op, {cache, row, slots}, {{"transposed", int64_t(transposed)}});
}

// Sequences that are there: rows, lengths, pages.
bool paged_attention(RandomCall& c, std::string_view op) {
  const int64_t kv_heads = c.random.between(1, 3), group = c.random.between(1, 4),
                depth = c.random.between(1, c.random.chance(0.2) ? 80 : 20),
                size = c.random.between(1, 40), page = c.random.between(1, 20),
                pages = c.random.between(1, 5), table = c.random.between(1, pages),
                sequences = c.random.between(0, 3);
  Integers starts{0}, lengths, of_pages;
  for (int64_t s = 0; s < sequences; ++s) {
    lengths.push_back(c.random.between(0, table * page));
    starts.push_back(starts.back() + c.random.between(0, lengths.back()));
    for (int64_t p = 0; p < table; ++p) of_pages.push_back(c.random.between(0, pages - 1));
  }
  const int64_t rows = starts.back() + c.random.between(0, 2);
  const auto list = [&](const Integers& elements, const Extents& shape) {
    const ValueId v = c.integers(shape, 0, 0);
    for (size_t i = 0; i < elements.size(); ++i)
      store_integer(c.data.back().tensor, int64_t(i), elements[i]);
    return v;
  };
  const DType dtype = cached(c);
  const auto cache = [&](const Extents& shape) {
    return dtype == DType::i8 ? bytes(c, shape, dtype) : c.input(shape, dtype, true);
  };
  std::vector<ValueId> in{c.input({rows, kv_heads * group * depth}, DType::f32, true)};
  in.push_back(cache({pages, kv_heads, depth, page}));
  in.push_back(cache({pages, kv_heads, page, size}));
  in.push_back(list(starts, {sequences + 1}));
  in.push_back(list(lengths, {sequences}));
  in.push_back(list(of_pages, {sequences, table}));
  for (int i = 0; i < 2 && dtype == DType::i8; ++i) {
    in.push_back(c.input({pages * page, kv_heads}, DType::f32, true));
    for (float& x : c.data.back().tensor.as<float>()) x /= 128;
  }
  Builder::Given attrs{{"heads", kv_heads * group}};
  if (c.random.chance(0.3)) attrs.emplace_back("window", c.random.between(1, 20));
  if (c.random.chance(0.3)) attrs.emplace_back("softcap", float(c.random.between(1, 30)));
  if (c.random.chance(0.3)) attrs.emplace_back("scale", 0.3f);
  return c.emit(op, std::move(in), std::move(attrs));
}

bool quantized_rms(RandomCall& c, std::string_view op) {
  Extents x = c.shape(1, 3);
  if (c.random.chance(0.5)) x.back() = c.random.between(30, 300);
  const ValueId rows = c.input(x, DType::f32, true), scale = c.input({x.back()}, DType::f32, true);
  return c.emit(op, {rows, scale}, {{"block", c.random.between(1, 40)}}, 2);
}

bool quantized_swiglu(RandomCall& c, std::string_view op) {
  Extents x = c.shape(1, 3);
  if (c.random.chance(0.5)) x.back() = c.random.between(30, 300);
  const ValueId a = c.input(x, DType::f32, true), b = c.input(x, DType::f32, true);
  return c.emit(op, {a, b}, {{"block", c.random.between(1, 40)}}, 2);
}

bool rotary_angles(RandomCall& c, std::string_view op) {
  const ValueId positions = c.integers({c.extent()}, 0, 200'000);
  const ValueId turns = c.input({c.random.between(0, 40)}, DType::f64);
  return c.emit(op, {positions, turns}, {{"scale", 0.75f}}, 2);
}

bool rotary_embedding(RandomCall& c, std::string_view op) {
  const int64_t batch = c.random.between(1, 3), steps = c.random.between(1, 9),
                heads = c.random.between(1, 4), head = c.random.between(2, 20);
  const int64_t part =
      c.random.chance(0.5) && head % 2 == 0 ? 0 : 2 * c.random.between(1, head / 2);
  const int64_t pairs = (part ? part : head) / 2;
  const bool packed = c.random.chance(0.5), by_position = c.random.chance(0.5);
  const ValueId x =
      c.input(packed ? Extents{batch, steps, heads * head} : Extents{batch, heads, steps, head});
  const Extents table = by_position ? Extents{12, pairs} : Extents{batch, steps, pairs};
  std::vector<ValueId> in{x, c.input(table)};
  in.push_back(c.input(table));
  if (by_position) in.push_back(c.integers({batch, steps}, 0, c.random.chance(0.9) ? 11 : 12));
  return c.emit(op, std::move(in),
                {{"interleaved", c.random.between(0, 1)},
                 {"num_heads", heads},
                 {"rotary_embedding_dim", part}});
}

bool swiglu(RandomCall& c, std::string_view op) {
  const Extents x = c.random.chance(0.1) ? Extents{c.random.between(300, 700), 64} : c.shape(0, 4);
  const ValueId a = c.input(x), b = c.input(x);
  return c.emit(op, {a, b});
}

}  // namespace

std::vector<Subject> language_subjects() {
  return {{"block_gather", block_gather},         {"paged_append", paged_append},
          {"paged_attention", paged_attention},   {"quantized_rms_normalization", quantized_rms},
          {"quantized_swiglu", quantized_swiglu}, {"rotary_angles", rotary_angles},
          {"rotary_embedding", rotary_embedding}, {"swiglu", swiglu}};
}

}  // namespace hone::testing
