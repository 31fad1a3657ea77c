// Bitwise operators and shifts of integers.
#include "ops/common.h"

namespace hone {
namespace {

OpDef bitwise(std::string_view name, std::string_view doc, Status (*reference)(Call&)) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"a", kInts, 'T'}, {"b", kInts, 'T'}},
          .outputs = {{"y", kInts, 'T'}},
          .traits = Trait::commutative | Trait::elementwise,
          .infer = broadcast_all,
          .reference = reference};
}

template <class F>
Status zip_bits(Call& c, F f) {
  const Tensor &a = c.in(0), &b = c.in(1);
  Tensor& y = *TRY(c.out(0));
  zip(a, b, y.shape(), [&](int64_t i, int64_t p, int64_t q) {
    store_integer(y, i, f(load_integer(a, p), load_integer(b, q)));
  });
  return ok();
}

Result<Types> infer_shift(const Infer& c) {
  if (c.text("direction") != "LEFT" && c.text("direction") != "RIGHT")
    return attribute_error(c, "direction must be \"LEFT\" or \"RIGHT\"");
  return broadcast_all(c);
}

Status shift(Call& c) {
  const bool left = c.text("direction") == "LEFT";
  const uint64_t width = uint64_t(bits(c.dtype(0)));
  return zip_bits(c, [=](int64_t a, int64_t b) -> int64_t {
    if (uint64_t(b) >= width) return 0;
    return int64_t(left ? uint64_t(a) << b : uint64_t(a) >> b);
  });
}

}  // namespace

const OpDef& bit_shift_op() {
  static const OpDef def{
      .name = "bit_shift",
      .doc =
          "a shifted by b bits to the LEFT or RIGHT, with NumPy broadcasting; 0 when nothing of "
          "a is left.",
      .inputs = {{"a", kUnsigned, 'T'}, {"b", kUnsigned, 'T'}},
      .outputs = {{"y", kUnsigned, 'T'}},
      .attrs = {{"direction", AttrKind::text, true, {}, "\"LEFT\" or \"RIGHT\""}},
      .traits = Trait::elementwise,
      .infer = infer_shift,
      .reference = shift,
      .examples = {R"(graph shift_left(a: u8[2,3], b: u8[3]) -> (y) {
        y = bit_shift(a, b) <direction="LEFT">
      })",
                   R"(graph shift_right(a: u32[2,3], b: u32[3]) -> (y) {
        y = bit_shift(a, b) <direction="RIGHT">
      })"},
  };
  return def;
}

const OpDef& bitwise_and_op() {
  static const OpDef def =
      bitwise("bitwise_and", "a & b of integers, with NumPy broadcasting.",
              [](Call& c) { return zip_bits(c, [](int64_t a, int64_t b) { return a & b; }); });
  return def;
}
const OpDef& bitwise_or_op() {
  static const OpDef def =
      bitwise("bitwise_or", "a | b of integers, with NumPy broadcasting.",
              [](Call& c) { return zip_bits(c, [](int64_t a, int64_t b) { return a | b; }); });
  return def;
}
const OpDef& bitwise_xor_op() {
  static const OpDef def =
      bitwise("bitwise_xor", "a ^ b of integers, with NumPy broadcasting.",
              [](Call& c) { return zip_bits(c, [](int64_t a, int64_t b) { return a ^ b; }); });
  return def;
}

const OpDef& bitwise_not_op() {
  static const OpDef def{
      .name = "bitwise_not",
      .doc = "All bits of each integer inverted.",
      .inputs = {{"x", kInts, 'T'}},
      .outputs = {{"y", kInts, 'T'}},
      .traits = Trait::involution | Trait::elementwise,
      .infer = same_as_first,
      .reference = [](Call& c) -> Status {
        const Tensor& x = c.in(0);
        Tensor& y = *TRY(c.out(0));
        for (int64_t i = 0; i < x.count(); ++i) store_integer(y, i, ~load_integer(x, i));
        return ok();
      },
  };
  return def;
}

}  // namespace hone
