// Attributes of operators: typed values checked against the operator's declaration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/type.h"

namespace hone {

struct GraphId {
  uint32_t index = UINT32_MAX;
  bool valid() const { return index != UINT32_MAX; }
  auto operator<=>(const GraphId&) const = default;
};

// `$name` in the body of an operator: the attribute of that name of the operator itself.
struct AttrVariable {
  std::string name;
  bool operator==(const AttrVariable&) const = default;
};

using Integers = std::vector<int64_t>;
using Reals = std::vector<float>;
using Texts = std::vector<std::string>;
// Reals are f32, as in ONNX, and print in their shortest exact form; a double is one that f32 does
// not hold, found in a model of f64.
using Attr = std::variant<int64_t, float, double, std::string, Integers, Reals, Texts, DType, Type,
                          GraphId, AttrVariable>;
// A real as f32 where that is exact, so that equal numbers are equal attributes.
Attr real_attr(double value);

enum class AttrKind : uint8_t { integer, real, text, integers, reals, texts, dtype, type, graph };
std::string_view name(AttrKind kind);
bool has_kind(const Attr& attr, AttrKind kind);

// What an operator declares. Without a default: `required` or absent when not given.
struct AttrDef {
  std::string_view name;
  AttrKind kind;
  bool required = false;
  std::optional<Attr> fallback = {};
  std::string_view doc = {};
};

// The attributes given to a node, in the order of the declaration; values equal to the default are
// left out, so that equal nodes have equal attributes.
struct NamedAttr {
  std::string_view name;  // points into the AttrDef
  Attr value;
  bool operator==(const NamedAttr&) const = default;
};
using Attrs = std::vector<NamedAttr>;

std::string print(
    const Attr& attr);  // graph ids print as "graph 3"; the printer of models knows names

}  // namespace hone
