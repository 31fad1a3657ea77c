// Logical operators on booleans.
#include "ops/common.h"

namespace hone {
namespace {

template <class F>
Status zip_logic(Call& c, F f) {
  const Tensor &a = c.in(0), &b = c.in(1);
  Tensor& y = *TRY(c.out(0));
  zip(a, b, y.shape(), [&](int64_t i, int64_t p, int64_t q) {
    store_integer(y, i, f(load_integer(a, p) != 0, load_integer(b, q) != 0));
  });
  return ok();
}

Dim both(const Dim& a, const Dim& b) {
  if (a.is(0) || b.is(0)) return 0;
  return a.is(1) && b.is(1) ? Dim(1) : Dim::unknown();
}
Dim either(const Dim& a, const Dim& b) {
  if (a.is(1) || b.is(1)) return 1;
  return a.is(0) && b.is(0) ? Dim(0) : Dim::unknown();
}
Dim differ(const Dim& a, const Dim& b) {
  if (!a.is_constant() || !b.is_constant()) return Dim::unknown();
  return a == b ? 0 : 1;
}

OpDef logical(std::string_view name, std::string_view doc,
              std::optional<Known> (*propagate)(const Infer&, size_t), Status (*reference)(Call&)) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"a", DType::boolean}, {"b", DType::boolean}},
          .outputs = {{"y", DType::boolean}},
          .traits = Trait::commutative | Trait::elementwise,
          .infer = broadcast_to_bool,
          .propagate = propagate,
          .reference = reference};
}

}  // namespace

const OpDef& and_op() {
  static const OpDef def = logical(
      "and", "True where a and b are, with NumPy broadcasting.",
      [](const Infer& c, size_t) { return propagate_binary(c, both); },
      [](Call& c) { return zip_logic(c, [](bool a, bool b) { return a && b; }); });
  return def;
}
const OpDef& or_op() {
  static const OpDef def = logical(
      "or", "True where a or b is, with NumPy broadcasting.",
      [](const Infer& c, size_t) { return propagate_binary(c, either); },
      [](Call& c) { return zip_logic(c, [](bool a, bool b) { return a || b; }); });
  return def;
}
const OpDef& xor_op() {
  static const OpDef def = logical(
      "xor", "True where just one of a and b is, with NumPy broadcasting.",
      [](const Infer& c, size_t) { return propagate_binary(c, differ); },
      [](Call& c) { return zip_logic(c, [](bool a, bool b) { return a != b; }); });
  return def;
}

const OpDef& not_op() {
  static const OpDef def{
      .name = "not",
      .doc = "True where x is false.",
      .inputs = {{"x", DType::boolean}},
      .outputs = {{"y", DType::boolean}},
      .traits = Trait::involution | Trait::elementwise,
      .infer = same_as_first,
      .propagate = [](const Infer& c, size_t) -> std::optional<Known> {
        if (!c.known(0)) return std::nullopt;
        Known out;
        for (const Dim& d : *c.known(0)) out.push_back(1 - d);
        return out;
      },
      .reference = [](Call& c) -> Status {
        const Tensor& x = c.in(0);
        Tensor& y = *TRY(c.out(0));
        for (int64_t i = 0; i < x.count(); ++i) store_integer(y, i, load_integer(x, i) == 0);
        return ok();
      },
  };
  return def;
}

}  // namespace hone
