// Cutting along an axis.
#include "ops/movement.h"

namespace hone {
namespace {

// The extents of the parts along the axis of extent `whole`.
Result<std::vector<Dim>> parts(const Infer& c, const Dim& whole) {
  const auto count = int64_t(c.outputs());
  std::vector<Dim> sizes;
  if (!c.has(1)) {
    const Dim chunk = ceil_div(whole, count);
    const Dim last = whole - chunk * Dim(count - 1);
    if (auto n = last.constant(); n && *n < 0)
      return shape_error(
          c, "cannot cut " + whole.str() + " elements into " + std::to_string(count) + " parts");
    for (int64_t i = 0; i < count; ++i) sizes.push_back(i + 1 < count ? chunk : last);
    return sizes;
  }
  if (auto n = list_length(c, 1); n && *n != count)
    return shape_error(c, std::to_string(*n) + " parts for " + std::to_string(count) + " outputs");
  const Known* known = c.known(1);
  if (!known) return std::vector<Dim>(size_t(count), Dim::unknown());
  Dim total = 0;
  for (const Dim& d : *known) {
    if (auto n = d.constant(); n && *n < 0)
      return shape_error(c, "a part of " + std::to_string(*n) + " elements");
    total = total + d;
  }
  if (total.is_constant() && whole.is_constant() && total != whole)
    return shape_error(c, "parts of " + total.str() + " elements in all for " + whole.str());
  return *known;
}

Result<Types> infer(const Infer& c) {
  TRY(expect_list(c, 1));
  if (c.outputs() == 0) return shape_error(c, "there are no outputs");
  if (c.given("num_outputs")) {
    if (c.has(1)) return attribute_error(c, "num_outputs and `split` cannot both be given");
    if (c.integer("num_outputs") != int64_t(c.outputs()))
      return attribute_error(c, "num_outputs is " + std::to_string(c.integer("num_outputs")) +
                                    ", there are " + std::to_string(c.outputs()) + " outputs");
  }
  const auto rank = rank_of(c, 0);
  if (!rank) return Types(c.outputs(), Type(c.dtype(0), Shape::unranked()));
  const int64_t axis = TRY(normal_axis(c.integer("axis"), *rank));
  Types types;
  for (const Dim& extent : TRY(parts(c, c.shape(0).dims[size_t(axis)]))) {
    Shape shape = c.shape(0);
    shape.dims[size_t(axis)] = extent;
    types.emplace_back(c.dtype(0), std::move(shape));
  }
  return types;
}

std::optional<Known> propagate(const Infer& c, size_t slot) {
  const Known* known = c.known(0);
  if (!known || rank_of(c, 0) != 1) return std::nullopt;
  const auto sizes = parts(c, Dim(int64_t(known->size())));
  if (!sizes) return std::nullopt;
  int64_t start = 0;
  for (size_t i = 0; i <= slot; ++i) {
    const auto n = (*sizes)[i].constant();
    if (!n || *n > int64_t(known->size()) - start) return std::nullopt;
    if (i == slot) return Known(known->begin() + start, known->begin() + start + *n);
    start += *n;
  }
  return std::nullopt;
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
  const auto [outer, extent, inner] = split_at(x.shape(), axis);
  int64_t start = 0;
  for (size_t i = 0; i < c.outputs(); ++i) {
    Tensor& y = *TRY(c.out(i));
    if (y.count() == 0) continue;
    const int64_t run = y.shape()[size_t(axis)] * inner;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t k = 0; k < run; ++k)
        copy_element(x, o * extent * inner + start + k, y, o * run + k);
    start += run;
  }
  return ok();
}

}  // namespace

const OpDef& split_op() {
  static const OpDef def{
      .name = "split",
      .doc =
          "x cut along `axis` into parts of the given extents; without `split` into equal parts, "
          "the last one smaller where they do not come out even.",
      .inputs = {{"x", kAny, 'T'}, {"split", DType::i64, 0, Port::Presence::optional}},
      .outputs = {{"parts", kAny, 'T', Port::Presence::variadic}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{0}}, {"num_outputs", AttrKind::integer}},
      .infer = infer,
      .propagate = propagate,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph split_sizes(x: f32[2,6]) -> (a, b) {
        a, b = split(x, i64[2]{2, 4}) <axis=1>
      })",
                   R"(graph split_uneven(x: f32[7,2]) -> (a, b, d) {
        a, b, d = split(x, _) <num_outputs=3>
      })"},
  };
  return def;
}

}  // namespace hone
