// Kinds and printing of attributes.
#include "ir/attr.h"

#include <cmath>

#include "base/text.h"

namespace hone {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

template <class T, class F>
std::string list(const std::vector<T>& items, F&& text) {
  std::string out = "[";
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ", ";
    out += text(items[i]);
  }
  return out + ']';
}

}  // namespace

std::string_view name(AttrKind kind) {
  switch (kind) {
    case AttrKind::integer: return "integer";
    case AttrKind::real: return "real";
    case AttrKind::text: return "text";
    case AttrKind::integers: return "integers";
    case AttrKind::reals: return "reals";
    case AttrKind::texts: return "texts";
    case AttrKind::dtype: return "dtype";
    case AttrKind::type: return "type";
    case AttrKind::graph: return "graph";
  }
  return "";
}

bool has_kind(const Attr& attr, AttrKind kind) {
  switch (kind) {
    case AttrKind::integer: return std::holds_alternative<int64_t>(attr);
    case AttrKind::real:
      return std::holds_alternative<float>(attr) || std::holds_alternative<double>(attr);
    case AttrKind::text: return std::holds_alternative<std::string>(attr);
    case AttrKind::integers: return std::holds_alternative<Integers>(attr);
    case AttrKind::reals: return std::holds_alternative<Reals>(attr);
    case AttrKind::texts: return std::holds_alternative<Texts>(attr);
    case AttrKind::dtype: return std::holds_alternative<DType>(attr);
    case AttrKind::type: return std::holds_alternative<Type>(attr);
    case AttrKind::graph: return std::holds_alternative<GraphId>(attr);
  }
  return false;
}

Attr real_attr(double value) {
  const auto narrow = static_cast<float>(value);
  if (static_cast<double>(narrow) == value || std::isnan(value)) return narrow;
  return value;
}

std::string print(const Attr& attr) {
  const auto integer = [](int64_t value) { return std::to_string(value); };
  const auto real = [](float value) { return exact(value); };
  const auto text = [](const std::string& value) { return quote(value); };
  return std::visit(Overloaded{
                        integer,
                        real,
                        [](double value) { return "f64{" + exact(value) + '}'; },
                        text,
                        [&](const Integers& values) { return list(values, integer); },
                        [&](const Reals& values) { return list(values, real); },
                        [&](const Texts& values) { return list(values, text); },
                        [](DType dtype) { return std::string(name(dtype)); },
                        [](const Type& type) { return type.str(); },
                        [](GraphId graph) { return "graph " + std::to_string(graph.index); },
                        [](const AttrVariable& variable) { return '$' + variable.name; },
                    },
                    attr);
}

}  // namespace hone
