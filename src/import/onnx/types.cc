// Element types, shapes with symbols, and the wrappers around them.
#include "import/onnx/types.h"

#include <fmt/format.h>

namespace hone::onnx {

Status Symbols::declare(std::string_view name) {
  if (knows(name)) return ok();
  TRY(ledger_.charge(2 * (name.size() + sizeof(Symbol)), "symbols"));
  names_.emplace(name);
  // add_symbol() would search all that there are.
  model_.symbols.push_back({std::string(name), BindingTime::call});
  return ok();
}

bool is_given(const TypeProto& proto) {
  return proto.kind != TypeProto::Kind::none || !proto.wrappers.empty();
}

namespace {

Result<Dim> to_dim(const TypeProto::Dimension& dim, Symbols& symbols, bool declares) {
  if (dim.has_value) return dim.value < 0 ? Dim::unknown() : Dim(dim.value);
  if (dim.symbol.empty()) return Dim::unknown();
  if (declares) TRY(symbols.declare(dim.symbol));
  return symbols.knows(dim.symbol) ? Dim::symbol(std::string(dim.symbol)) : Dim::unknown();
}

Result<DType> to_dtype(int64_t number, std::string_view what) {
  if (const auto dtype = dtype_of_onnx(number)) return *dtype;
  return fail(ErrorId::type_mismatch, fmt::format("{} {} is unknown", what, number));
}

}  // namespace

Result<Type> to_type(const TypeProto& proto, Symbols& symbols, bool declares) {
  using Kind = TypeProto::Kind;
  if (proto.kind == Kind::none)
    return fail(ErrorId::unsupported_feature, "the type leaves out what it holds");
  if (proto.kind != Kind::tensor)
    return fail(ErrorId::unsupported_feature,
                proto.kind == Kind::opaque ? "opaque types are not supported"
                                           : "values of sparse tensor type are not supported");
  const DType dtype = TRY(to_dtype(proto.element, "element type"));
  Type type(dtype, proto.has_shape ? Shape() : Shape::unranked());
  for (const auto& dim : proto.shape)
    type.tensor.shape.dims.push_back(TRY(to_dim(dim, symbols, declares)));
  bool has_map = false;
  for (const Kind wrapper : proto.wrappers) {
    if (wrapper != Kind::map) {
      type.wrappers.push_back(wrapper == Kind::sequence ? Type::Wrapper::sequence
                                                        : Type::Wrapper::optional);
      continue;
    }
    if (has_map) return fail(ErrorId::unsupported_feature, "maps inside of maps are not supported");
    has_map = true;
    type.key = TRY(to_dtype(proto.map_key, "map key type"));
    if (type.key != DType::string && !is_integer(type.key))
      return fail(ErrorId::type_mismatch, fmt::format("a map cannot have {} keys", name(type.key)));
    type.wrappers.push_back(Type::Wrapper::map);
  }
  if (type.wrappers.size() > kMaxTypeDepth)
    return fail(ErrorId::over_depth, "types are nested too deep");
  return type;
}

}  // namespace hone::onnx
