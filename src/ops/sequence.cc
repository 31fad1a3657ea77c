// Sequences: made, read, edited, split from tensors and joined to them.
#include <algorithm>

#include "ops/movement.h"

namespace hone {
namespace {

constexpr Port kSequence{"sequence", kAny, 0, Port::Presence::required, Port::Holds::sequence};
constexpr Port kPosition{"position", kIndices, 0, Port::Presence::optional};

Status expect_position(const Infer& c, size_t i) {
  if (!c.has(i)) return ok();
  if (auto n = element_count(c.shape(i)).constant(); n && *n != 1)
    return shape_error(c, "the position must be one integer, has shape " + c.shape(i).str());
  return ok();
}

// The position given by input i, or the last one; `extent` positions are allowed.
Result<size_t> position(const Call& c, size_t i, size_t length, size_t extent) {
  if (extent == 0) return value_error(c, "the sequence is empty");
  if (!c.has(i)) return extent - 1;
  const int64_t n = load_integer(c.in(i), 0);
  const auto size = int64_t(length);
  if (n < -size || n >= int64_t(extent))
    return value_error(c, "position " + std::to_string(n) + " in a sequence of " +
                              std::to_string(size) + " elements");
  return size_t(n < 0 ? n + size : n);
}

Datum empty_sequence(Type element) {
  Datum d;
  d.kind = Datum::Kind::sequence;
  d.empty_type = std::move(element);
  return d;
}

Type dense(Type type) {
  type.tensor.encoding = {};
  return type;
}

Result<Types> infer_construct(const Infer& c) {
  if (c.inputs() == 0) return shape_error(c, "there are no elements");
  std::optional<Type> element;
  for (size_t i = 0; i < c.inputs(); ++i) {
    if (!c.has(i)) return shape_error(c, "element " + std::to_string(i) + " is missing");
    element = element ? join(*element, c.type(i)) : c.type(i);
    if (!element) return type_error(c, "element " + std::to_string(i) + " is " + c.type(i).str());
  }
  return Types{Type::sequence_of(dense(*element))};
}

Result<Types> infer_insert(const Infer& c) {
  TRY(expect_position(c, 2));
  const auto element = join(c.type(0).element(), c.type(1));
  if (!element) return type_error(c, c.type(1).str() + " does not go into " + c.type(0).str());
  return Types{Type::sequence_of(dense(*element))};
}

Status insert(Call& c) {
  Datum sequence = c.datum(0);
  const size_t n = sequence.items.size();
  const size_t at = TRY(position(c, 2, n, n + 1));
  sequence.items.insert(sequence.items.begin() + int64_t(at), c.datum(1));
  c.set(0, std::move(sequence));
  return ok();
}

Status erase(Call& c) {
  Datum sequence = c.datum(0);
  const size_t n = sequence.items.size();
  sequence.empty_type = c.type(0).element();
  sequence.items.erase(sequence.items.begin() + int64_t(TRY(position(c, 1, n, n))));
  c.set(0, std::move(sequence));
  return ok();
}

// One extent that all parts have (a scalar `split`), or the extents one by one.
Result<Types> infer_split(const Infer& c) {
  Shape shape = c.shape(0);
  if (c.has(1) && c.shape(1).ranked && c.shape(1).rank() > 1)
    return shape_error(c, "split must be a scalar or a vector, has shape " + c.shape(1).str());
  if (!shape.ranked) return Types{Type::sequence_of(Type(c.dtype(0), shape))};
  const auto axis = size_t(TRY(normal_axis(c.integer("axis"), int64_t(shape.rank()))));
  if (c.has(1))
    shape.dims[axis] = Dim::unknown();
  else if (c.integer("keepdims") != 0)
    shape.dims[axis] = 1;
  else
    shape.dims.erase(shape.dims.begin() + int64_t(axis));
  return Types{Type::sequence_of(Type(c.dtype(0), std::move(shape)))};
}

Result<Integers> part_sizes(const Call& c, int64_t extent) {
  if (!c.has(1)) {
    if (uint64_t(extent) > c.memory_limit.bytes() / kTensorOverhead)
      return fail(ErrorId::over_memory,
                  std::to_string(extent) + " parts need more memory than may be used");
    return Integers(size_t(extent), 1);
  }
  Integers sizes = integers(c.in(1));
  int64_t sum = 0;
  for (int64_t s : sizes) {
    if (s < 0) return value_error(c, "a part of " + std::to_string(s) + " elements");
    const auto total = checked_add(sum, s);
    if (!total) return value_error(c, "the parts are too large");
    sum = *total;
  }
  if (c.in(1).rank() == 0) {
    const int64_t each = sizes[0];
    if (each == 0) return value_error(c, "parts of no elements");
    sizes.assign(size_t(extent / each), each);
    if (extent % each != 0) sizes.push_back(extent % each);
    return sizes;
  }
  if (sum != extent)
    return value_error(
        c, "parts of " + std::to_string(sum) + " elements in all for " + std::to_string(extent));
  return sizes;
}

Status split(Call& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
  const auto [outer, extent, inner] = split_at(x.shape(), axis);
  const bool drop = !c.has(1) && c.integer("keepdims") == 0;
  Datum out = empty_sequence(c.out_type(0).element());
  int64_t start = 0;
  for (int64_t size : TRY(part_sizes(c, extent))) {
    Extents shape = x.shape();
    shape[size_t(axis)] = size;
    Tensor part = TRY(Tensor::make(x.dtype(), shape, c.memory_limit));
    const int64_t run = size * inner;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t k = 0; k < run; ++k)
        copy_element(x, (o * extent + start) * inner + k, part, o * run + k);
    start += size;
    shape.erase(shape.begin() + axis);
    out.items.emplace_back(drop ? part.reshaped(shape) : std::move(part));
  }
  c.set(0, std::move(out));
  return ok();
}

Result<Types> infer_join(const Infer& c) {
  const Type element = c.type(0).element();
  if (!element.is_tensor()) return type_error(c, "cannot join the elements of " + c.type(0).str());
  Shape shape = element.tensor.shape;
  if (!shape.ranked) return Types{Type(element.tensor.dtype, shape)};
  const bool stack = c.integer("new_axis") != 0;
  const auto rank = int64_t(shape.rank()) + (stack ? 1 : 0);
  const int64_t axis = TRY(normal_axis(c.integer("axis"), rank));
  if (stack)
    shape.dims.insert(shape.dims.begin() + axis, Dim::unknown());
  else
    shape.dims[size_t(axis)] = Dim::unknown();
  return Types{Type(element.tensor.dtype, std::move(shape))};
}

Status join_elements(Call& c) {
  const auto& items = c.datum(0).items;
  if (items.empty()) return value_error(c, "the sequence is empty");
  const bool stack = c.integer("new_axis") != 0;
  Extents shape = items[0].tensor.shape();
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(shape.size()) + (stack ? 1 : 0)));
  std::vector<Tensor> parts;
  for (const Datum& item : items) {
    Extents own = item.tensor.shape();
    if (stack && own.size() + 1 > size_t(axis)) own.insert(own.begin() + axis, 1);
    parts.push_back(stack ? item.tensor.reshaped(own) : item.tensor);
  }
  shape = parts[0].shape();
  int64_t total = 0;
  for (const Tensor& part : parts) {
    Extents own = part.shape();
    if (own.size() != shape.size())
      return shape_error(c, "cannot join " + parts[0].type().str() + " and " + part.type().str());
    const auto sum = checked_add(total, own[size_t(axis)]);
    if (!sum) return fail(ErrorId::overflow, "the joined axis is too long");
    total = *sum;
    own[size_t(axis)] = shape[size_t(axis)];
    if (own != shape || part.dtype() != c.out_type(0).tensor.dtype)
      return shape_error(c, "cannot join " + parts[0].type().str() + " and " + part.type().str());
  }
  shape[size_t(axis)] = total;
  Tensor& y = *TRY(c.out(0, shape));
  const auto [outer, extent, inner] = split_at(shape, axis);
  int64_t start = 0;
  for (const Tensor& part : parts) {
    const int64_t run = part.shape()[size_t(axis)] * inner;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t k = 0; k < run; ++k)
        copy_element(part, o * run + k, y, o * extent * inner + start + k);
    start += run;
  }
  return ok();
}

}  // namespace

const OpDef& sequence_construct_op() {
  static const OpDef def{
      .name = "sequence_construct",
      .doc = "A sequence of the inputs, which have one dtype.",
      .inputs = {{"elements", kAny, 'T', Port::Presence::variadic, Port::Holds::any}},
      .outputs = {kSequence},
      .infer = infer_construct,
      .reference = [](Call& c) -> Status {
        Datum out = empty_sequence(c.out_type(0).element());
        for (size_t i = 0; i < c.inputs(); ++i) out.items.push_back(c.datum(i));
        c.set(0, std::move(out));
        return ok();
      },
  };
  return def;
}

const OpDef& sequence_empty_op() {
  static const OpDef def{
      .name = "sequence_empty",
      .doc = "A sequence without elements, for tensors of one dtype.",
      .inputs = {},
      .outputs = {kSequence},
      .attrs = {{"dtype", AttrKind::dtype, false, DType::f32}},
      .infer = [](const Infer& c) -> Result<Types> {
        return Types{Type::sequence_of(Type(c.dtype_attr("dtype"), Shape::unranked()))};
      },
      .reference = [](Call& c) -> Status {
        c.set(0, empty_sequence(c.out_type(0).element()));
        return ok();
      },
  };
  return def;
}

const OpDef& sequence_length_op() {
  static const OpDef def{
      .name = "sequence_length",
      .doc = "The number of elements (i64 scalar).",
      .inputs = {kSequence},
      .outputs = {{"length", DType::i64}},
      .infer = [](const Infer&) -> Result<Types> { return Types{Type(DType::i64, Shape{})}; },
      .reference = [](Call& c) -> Status {
        store_integer(*TRY(c.out(0)), 0, int64_t(c.datum(0).items.size()));
        return ok();
      },
  };
  return def;
}

const OpDef& sequence_at_op() {
  static const OpDef def{
      .name = "sequence_at",
      .doc = "The element at a position; negative positions count from the end.",
      .inputs = {kSequence, {"position", kIndices}},
      .outputs = {{"element", kAny, 0, Port::Presence::required, Port::Holds::any}},
      .infer = [](const Infer& c) -> Result<Types> {
        TRY(expect_position(c, 1));
        return Types{c.type(0).element()};
      },
      .cost = movement_cost,
      .reference = [](Call& c) -> Status {
        const auto& items = c.datum(0).items;
        return hand_on(c, 0, items[TRY(position(c, 1, items.size(), items.size()))]);
      },
      .examples = {R"(graph last(x: sequence(f32[2])) -> (y) { y = sequence_at(x, i64{-1}) })"},
  };
  return def;
}

const OpDef& sequence_insert_op() {
  static const OpDef def{
      .name = "sequence_insert",
      .doc = "The sequence with one more element, before the given position or at the end.",
      .inputs = {kSequence,
                 {"element", kAny, 0, Port::Presence::required, Port::Holds::any},
                 kPosition},
      .outputs = {kSequence},
      .infer = infer_insert,
      .reference = insert,
  };
  return def;
}

const OpDef& sequence_erase_op() {
  static const OpDef def{
      .name = "sequence_erase",
      .doc = "The sequence without the element at the given position, or without the last one.",
      .inputs = {kSequence, kPosition},
      .outputs = {kSequence},
      .infer = [](const Infer& c) -> Result<Types> {
        TRY(expect_position(c, 1));
        return Types{c.type(0)};
      },
      .reference = erase,
  };
  return def;
}

const OpDef& split_to_sequence_op() {
  static const OpDef def{
      .name = "split_to_sequence",
      .doc =
          "x cut along `axis` into a sequence: parts of `split` elements (scalar), of the given "
          "extents (vector), or single elements, whose axis is dropped with keepdims=0.",
      .inputs = {{"x", kAny}, {"split", kIndices, 0, Port::Presence::optional}},
      .outputs = {kSequence},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{0}},
                {"keepdims", AttrKind::integer, false, int64_t{1}}},
      .infer = infer_split,
      .reference = split,
      .examples = {R"(graph split_parts(x: f32[5,2]) -> (y) {
        y = concat_from_sequence(split_to_sequence(x, i64{2})) <axis=0>
      })"},
  };
  return def;
}

const OpDef& concat_from_sequence_op() {
  static const OpDef def{
      .name = "concat_from_sequence",
      .doc = "The elements of a sequence joined along `axis`, which is a new one with new_axis=1.",
      .inputs = {kSequence},
      .outputs = {{"y", kAny}},
      .attrs = {{"axis", AttrKind::integer, true},
                {"new_axis", AttrKind::integer, false, int64_t{0}}},
      .infer = infer_join,
      .reference = join_elements,
      .examples = {R"(graph join_new_axis(a: f32[2,3], b: f32[2,3]) -> (y) {
        y = concat_from_sequence(sequence_construct(a, b)) <axis=1, new_axis=1>
      })"},
  };
  return def;
}

}  // namespace hone
