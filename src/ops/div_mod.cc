// Division and remainder with broadcasting.
#include <limits>

#include "ops/common.h"

namespace hone {
namespace {

// Truncated, unlike floor_div, so only where the two agree.
Dim divide(const Dim& a, const Dim& b) {
  if (b.is(0)) return Dim::unknown();
  const auto x = a.constant(), y = b.constant();
  if (x && y) {
    if (*y == -1) return 0 - a;
    return *x / *y;
  }
  if (at_least(a, 0) && at_least(b, 1)) return floor_div(a, b);
  return Dim::exact_quotient(a, b).value_or(Dim::unknown());
}

Dim remainder(const Dim& a, const Dim& b) { return at_least(b, 1) ? mod(a, b) : Dim::unknown(); }

Result<Types> infer_mod(const Infer& c) {
  if (c.integer("fmod") != 0 && c.integer("fmod") != 1)
    return attribute_error(c, "fmod must be 0 or 1");
  if (c.integer("fmod") == 0 && is_float(c.dtype(0)))
    return attribute_error(c, "floats need fmod=1");
  return broadcast_all(c);
}

Status reference_div(Call& c) {
  bool by_zero = false, too_large = false;
  const DType dtype = c.dtype(0);
  const int64_t smallest = std::numeric_limits<int64_t>::min() >> (64 - bits(dtype));
  TRY(zip_number(
      c, [](double a, double b) { return a / b; },
      [&](int64_t a, int64_t b) -> int64_t {
        by_zero |= b == 0;
        too_large |= b == -1 && a == smallest;
        return by_zero || too_large ? 0 : a / b;
      },
      [&](uint64_t a, uint64_t b) -> uint64_t {
        by_zero |= b == 0;
        return by_zero ? 0 : a / b;
      }));
  if (by_zero) return value_error(c, "an integer is divided by 0");
  if (too_large)
    return value_error(
        c, std::to_string(smallest) + " / -1 does not fit in " + std::string(name(dtype)));
  return ok();
}

Status reference_mod(Call& c) {
  bool by_zero = false;
  const bool truncated = c.integer("fmod") != 0;
  TRY(zip_number(
      c, [](double a, double b) { return std::fmod(a, b); },
      [&](int64_t a, int64_t b) -> int64_t {
        by_zero |= b == 0;
        if (by_zero || b == -1) return 0;
        return truncated ? a % b : floor_mod(a, b);
      },
      [&](uint64_t a, uint64_t b) -> uint64_t {
        by_zero |= b == 0;
        return by_zero ? 0 : a % b;
      }));
  if (by_zero) return value_error(c, "the remainder of an integer by 0");
  return ok();
}

}  // namespace

const OpDef& div_op() {
  static const OpDef def{
      .name = "div",
      .doc =
          "a / b with NumPy broadcasting. Integer quotients are truncated toward 0; those by 0 "
          "and the smallest by -1 are errors.",
      .inputs = {{"a", kNumbers, 'T'}, {"b", kNumbers, 'T'}},
      .outputs = {{"quotient", kNumbers, 'T'}},
      .traits = Trait::elementwise,
      .infer = broadcast_all,
      .propagate = [](const Infer& c, size_t) { return propagate_binary(c, divide); },
      .reference = reference_div,
  };
  return def;
}

const OpDef& mod_op() {
  static const OpDef def{
      .name = "mod",
      .doc =
          "Remainder of a / b with NumPy broadcasting. fmod=0: integers, sign of b, as Python's "
          "%; fmod=1: sign of a, as C's fmod.",
      .inputs = {{"a", kNumbers, 'T'}, {"b", kNumbers, 'T'}},
      .outputs = {{"remainder", kNumbers, 'T'}},
      .attrs = {{"fmod", AttrKind::integer, false, int64_t{0}}},
      .traits = Trait::elementwise,
      .infer = infer_mod,
      .propagate = [](const Infer& c, size_t) -> std::optional<Known> {
        if (c.integer("fmod") != 0) return std::nullopt;
        return propagate_binary(c, remainder);
      },
      .reference = reference_mod,
      .examples = {R"(graph mod_floats(x: f32[2,3], y: f32[3]) -> (z) { z = mod(x, y) <fmod=1> })",
                   R"(graph mod_integers(x: i32[2,3]) -> (z) { z = mod(x, i32[3]{3, -4, 5}) })"},
  };
  return def;
}

}  // namespace hone
