// Conversions of element types: by value, and of the bits.
#include <algorithm>
#include <charconv>
#include <cstring>

#include "ir/small_float.h"
#include "ops/common.h"

namespace hone {
namespace {

constexpr DTypes kCastable = kNumbers | kMinifloats | kSubByteInts | DType::boolean | DType::string;

const std::vector<AttrDef> kRules{
    {"saturate", AttrKind::integer, false, int64_t{1},
     "whether float8 takes its largest value for what is out of range, else NaN or infinity"},
    {"round_mode", AttrKind::text, false, "up",
     "to float8e8m0: \"up\", \"down\" or \"nearest\" (ties up), of the magnitude"}};

Status check_rules(const Infer& c) {
  const std::string& mode = c.text("round_mode");
  if (mode != "up" && mode != "down" && mode != "nearest")
    return attribute_error(c, "round_mode must be \"up\", \"down\" or \"nearest\"");
  return ok();
}

// Powers of two 2^-127 … 2^127 with the exponent alone stored, 255 for NaN.
uint8_t to_e8m0(double x, const std::string& mode, bool saturate) {
  constexpr int kBias = 127, kNaN = 255;
  const double magnitude = std::fabs(x);
  if (std::isnan(magnitude)) return kNaN;
  if (std::isinf(magnitude)) return saturate ? 254 : kNaN;
  if (magnitude == 0) return saturate ? 0 : kNaN;
  int exponent;
  const double fraction = 2 * std::frexp(magnitude, &exponent);  // in [1, 2)
  const bool up = mode == "up" ? fraction > 1 : mode == "nearest" && fraction >= 1.5;
  const int code = exponent - 1 + up + kBias;
  if (code < 0 || code > 254) return saturate ? uint8_t(std::clamp(code, 0, 254)) : kNaN;
  return uint8_t(code);
}

std::string text_of(double x, bool single) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return x < 0 ? "-INF" : "INF";
  char buffer[64];
  const auto end = single ? std::to_chars(buffer, std::end(buffer), float(x))
                          : std::to_chars(buffer, std::end(buffer), x);
  return std::string(buffer, end.ptr);
}

std::string text_of(const Tensor& x, int64_t i) {
  const DType dtype = x.dtype();
  if (is_float(dtype)) return text_of(load_real(x, i), dtype != DType::f64);
  const int64_t n = load_integer(x, i);
  return is_unsigned(dtype) ? std::to_string(uint64_t(n)) : std::to_string(n);
}

template <class T>
std::optional<T> whole_number(std::string_view text) {
  T n{};
  const auto r = std::from_chars(text.data(), text.data() + text.size(), n);
  if (r.ec != std::errc{} || r.ptr != text.data() + text.size()) return std::nullopt;
  return n;
}

Status from_text(const Call& c, std::string_view text, Tensor& y, int64_t i) {
  const std::string_view given = text;
  while (!text.empty() && std::strchr(" \t\r\n", text.front())) text.remove_prefix(1);
  while (!text.empty() && std::strchr(" \t\r\n", text.back())) text.remove_suffix(1);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  if (y.dtype() == DType::u64) {
    if (const auto n = whole_number<uint64_t>(text)) {
      store_integer(y, i, int64_t(*n));
      return ok();
    }
  } else if (!is_float(y.dtype())) {
    if (const auto n = whole_number<int64_t>(text)) {
      store_integer(y, i, *n);
      return ok();
    }
  }
  if (y.dtype() == DType::f32) {  // rounded once
    if (const auto x = whole_number<float>(text)) {
      store_real(y, i, *x);
      return ok();
    }
  }
  const auto x = whole_number<double>(text);
  if (!x) return value_error(c, "'" + std::string(given.substr(0, 40)) + "' is not a number");
  store_real(y, i, *x);
  return ok();
}

// An unsigned integer of 64 bits as a float, rounded once.
void store_unsigned(Tensor& y, int64_t i, uint64_t n) {
  if (int64_t(n) >= 0) {
    store_integer(y, i, int64_t(n));
    return;
  }
  store_integer(y, i, int64_t(n >> 1 | (n & 1)));  // the last bit only breaks ties
  store_real(y, i, load_real(y, i) * 2);
}

Status convert(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const DType from = x.dtype(), to = y.dtype();
  const bool saturate = c.integer("saturate") != 0;
  const std::string& mode = c.text("round_mode");
  for (int64_t i = 0; i < x.count(); ++i) {
    if (from == to)
      copy_element(x, i, y, i);
    else if (from == DType::string)
      TRY(from_text(c, x.strings()[size_t(i)], y, i));
    else if (to == DType::string)
      y.mutable_strings()[size_t(i)] = text_of(x, i);
    else if (to == DType::f8e8m0)
      y.mutable_data()[i] = std::byte(to_e8m0(load_real(x, i), mode, saturate));
    else if (kFloat8s.has(to))
      y.mutable_data()[i] = std::byte(encode_small_float(to, load_real(x, i), saturate));
    else if (is_float(from) && !kSubByteInts.has(to))
      store_real(y, i, load_real(x, i));
    else if (from == DType::u64 && is_float(to))
      store_unsigned(y, i, uint64_t(load_integer(x, i)));
    else
      store_integer(y, i, load_integer(x, i));
  }
  return ok();
}

// Sizes stay what they are in the integer types that hold them.
std::optional<Known> propagate(const Infer& c, DType to) {
  const DType from = c.dtype(0);
  if (!c.known(0) || !(is_integer(from) || from == DType::boolean)) return std::nullopt;
  if (to == from || to == DType::i64) return *c.known(0);
  if (to != DType::i32 && to != DType::u64 && to != DType::boolean) return std::nullopt;
  Known out;
  for (const Dim& d : *c.known(0)) {
    const auto n = d.constant();
    if (to == DType::boolean)
      out.push_back(n ? Dim(*n != 0) : at_least(d, 1) ? Dim(1) : Dim::unknown());
    else if (n && (to == DType::i32 ? *n != int32_t(*n) : *n < 0))
      return std::nullopt;
    else
      out.push_back(d);
  }
  return out;
}

std::vector<AttrDef> with_rules(std::vector<AttrDef> attrs) {
  attrs.insert(attrs.end(), kRules.begin(), kRules.end());
  return attrs;
}

}  // namespace

const OpDef& cast_op() {
  static const OpDef def{
      .name = "cast",
      .doc =
          "The elements converted to another dtype: floats to the nearest, ties to even; to "
          "integers truncated; to narrower integers, and from floats to those below a byte, by "
          "the low bits; strings as decimal numbers.",
      .inputs = {{"x", kCastable}},
      .outputs = {{"y", kCastable}},
      .attrs = with_rules({{"to", AttrKind::dtype, true}}),
      .traits = Trait::elementwise,
      .infer = [](const Infer& c) -> Result<Types> {
        TRY(check_rules(c));
        const DType to = c.dtype_attr("to");
        if (!kCastable.has(to))
          return attribute_error(c, "cannot cast to " + std::string(name(to)));
        return Types{Type(to, c.shape(0))};
      },
      .propagate = [](const Infer& c, size_t) { return propagate(c, c.dtype_attr("to")); },
      .reference = convert,
      .examples = {R"(graph cast_to_integers(x: f32[2,3]) -> (y) { y = cast(x) <to=i8> })",
                   R"(graph cast_to_half(x: f32[2,3]) -> (y) { y = cast(x) <to=f16> })",
                   R"(graph cast_to_float8(x: f32[2,3]) -> (y) {
        y = cast(x) <to=f8e4m3fn, saturate=0>
      })"},
  };
  return def;
}

const OpDef& cast_like_op() {
  static const OpDef def{
      .name = "cast_like",
      .doc = "The elements of x converted to the dtype of `like`, by the rules of cast.",
      .inputs = {{"x", kCastable}, {"like", kCastable}},
      .outputs = {{"y", kCastable}},
      .attrs = kRules,
      .infer = [](const Infer& c) -> Result<Types> {
        TRY(check_rules(c));
        return Types{Type(c.dtype(1), c.shape(0))};
      },
      .propagate = [](const Infer& c, size_t) { return propagate(c, c.dtype(1)); },
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            cost.bytes_read = stored_bytes(c.tensor(0));
            return cost;
          },
      .reference = convert,
  };
  return def;
}

const OpDef& bit_cast_op() {
  static const OpDef def{
      .name = "bit_cast",
      .doc = "The bits of each element read as another dtype of the same width.",
      .inputs = {{"x"}},
      .outputs = {{"y"}},
      .attrs = {{"to", AttrKind::dtype, true}},
      .traits = Trait::elementwise | Trait::view,
      .infer = [](const Infer& c) -> Result<Types> {
        const DType from = c.dtype(0), to = c.dtype_attr("to");
        if (bits(from) != bits(to) || from == DType::string || to == DType::string)
          return attribute_error(c, "cannot read the bits of " + std::string(name(from)) + " as " +
                                        std::string(name(to)));
        return Types{Type(to, c.shape(0))};
      },
      .cost = movement_cost,
      .reference = [](Call& c) -> Status {
        const Tensor& x = c.in(0);
        Tensor& y = *TRY(c.out(0));
        std::copy_n(x.data(), x.byte_size(), y.mutable_data());
        return ok();
      },
      .examples = {R"(graph float_bits(x: f32[2,3]) -> (y) { y = bit_cast(x) <to=i32> })"},
  };
  return def;
}

}  // namespace hone
