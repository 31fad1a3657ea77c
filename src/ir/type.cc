// Printing types, and the order between types that say more and types that say less.
#include "ir/type.h"

#include <algorithm>
#include <utility>

namespace hone {

Shape::Shape(const Shape&) = default;
Shape& Shape::operator=(const Shape&) = default;
Shape::~Shape() = default;
Shape::Shape(std::initializer_list<Dim> d) : dims(d) {}

Type::Type(const Type&) = default;
Type& Type::operator=(const Type&) = default;
Type::~Type() = default;
namespace {

bool refines(const Shape& a, const Shape& b) {
  if (!b.ranked) return true;
  if (!a.ranked || a.rank() != b.rank()) return false;
  for (size_t i = 0; i < b.rank(); ++i)
    if (!b.dims[i].is_unknown() && a.dims[i] != b.dims[i]) return false;
  return true;
}

// N and N + 1 contradict each other as 3 and 4 do.
bool compatible(const Dim& a, const Dim& b) {
  const auto difference = (a - b).constant();
  return !difference || *difference == 0;
}

bool compatible(const Shape& a, const Shape& b) {
  if (!a.ranked || !b.ranked) return true;
  if (a.rank() != b.rank()) return false;
  for (size_t i = 0; i < a.rank(); ++i)
    if (!compatible(a.dims[i], b.dims[i])) return false;
  return true;
}

bool has_map(const Type& t) {
  return std::ranges::find(t.wrappers, Type::Wrapper::map) != t.wrappers.end();
}

// Everything but shape and encoding.
bool same_kind(const Type& a, const Type& b) {
  return a.wrappers == b.wrappers && a.tensor.dtype == b.tensor.dtype &&
         (!has_map(a) || a.key == b.key);
}

Type wrap(Type::Wrapper wrapper, Type element) {
  element.wrappers.insert(element.wrappers.begin(), wrapper);
  return element;
}

}  // namespace

Shape Shape::of(const std::vector<int64_t>& extents) {
  return Shape(std::vector<Dim>(extents.begin(), extents.end()));
}

Shape Shape::unranked() {
  Shape shape;
  shape.ranked = false;
  return shape;
}

Shape Shape::unknown(size_t rank) { return Shape(std::vector<Dim>(rank, Dim::unknown())); }

bool Shape::is_fixed() const {
  return ranked && std::ranges::all_of(dims, [](const Dim& d) { return d.is_constant(); });
}

std::optional<std::vector<int64_t>> Shape::fixed() const {
  if (!is_fixed()) return std::nullopt;
  std::vector<int64_t> extents;
  for (const Dim& d : dims) extents.push_back(*d.constant());
  return extents;
}

std::string Shape::str() const {
  if (!ranked) return "[*]";
  std::string out = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) out += ',';
    out += dims[i].str();
  }
  return out + ']';
}

std::string TensorType::str() const {
  std::string out(name(dtype));
  out += shape.str();
  if (!encoding.is_dense()) out += ' ' + encoding.str();
  return out;
}

Type Type::sequence_of(Type element) { return wrap(Wrapper::sequence, std::move(element)); }
Type Type::optional_of(Type element) { return wrap(Wrapper::optional, std::move(element)); }
Type Type::map_of(DType key, Type element) {
  element.key = key;
  return wrap(Wrapper::map, std::move(element));
}

Type Type::element() const {
  Type inner = *this;
  if (!inner.wrappers.empty()) inner.wrappers.erase(inner.wrappers.begin());
  if (!has_map(inner)) inner.key = DType::i64;  // equal types have equal members
  return inner;
}

std::string Type::str() const {
  std::string out;
  for (Wrapper wrapper : wrappers) {
    switch (wrapper) {
      case Wrapper::sequence: out += "sequence("; break;
      case Wrapper::optional: out += "optional("; break;
      case Wrapper::map:
        out += "map(";
        out += name(key);
        out += ", ";
        break;
    }
  }
  return out + tensor.str() + std::string(wrappers.size(), ')');
}

Dim element_count(const Shape& shape) {
  if (!shape.ranked) return Dim::unknown();
  // A zero makes the count zero even where the product of the others is not known.
  if (std::ranges::any_of(shape.dims, [](const Dim& d) { return d.is(0); })) return 0;
  Dim count = 1;
  for (const Dim& d : shape.dims) count = count * d;
  return count;
}

DType stored_dtype(const TensorType& type) {
  switch (type.encoding.kind) {
    case Encoding::Kind::dense: break;
    case Encoding::Kind::affine: return type.encoding.storage;
    case Encoding::Kind::blocks: return DType::u8;
  }
  return type.dtype;
}

std::optional<std::vector<int64_t>> stored_extents(const TensorType& type) {
  auto extents = type.shape.fixed();
  if (!extents || type.encoding.kind != Encoding::Kind::blocks) return extents;
  const BlockFormat& format = *type.encoding.format;
  if (extents->empty() || extents->back() % format.elements != 0) return std::nullopt;
  int64_t& row = extents->back();
  if (__builtin_mul_overflow(row / format.elements, format.bytes, &row)) return std::nullopt;
  return extents;
}

Dim stored_bytes(const TensorType& type) {
  if (type.encoding.kind == Encoding::Kind::blocks)
    return ceil_div(element_count(type.shape), Dim(type.encoding.format->elements)) *
           Dim(type.encoding.format->bytes);
  const int width = bits(stored_dtype(type));
  if (width == 0) return Dim::unknown();
  const Dim count = element_count(type.shape);
  return width >= 8 ? count * (width / 8) : ceil_div(count, 8 / width);
}

bool refines(const Type& a, const Type& b) {
  return same_kind(a, b) && refines(a.tensor.shape, b.tensor.shape);
}

bool compatible(const Type& a, const Type& b) {
  return same_kind(a, b) && compatible(a.tensor.shape, b.tensor.shape);
}

std::optional<Type> join(const Type& a, const Type& b) {
  if (!same_kind(a, b)) return std::nullopt;
  Type out = a;
  if (a.tensor.encoding != b.tensor.encoding) out.tensor.encoding = {};
  const Shape &x = a.tensor.shape, &y = b.tensor.shape;
  if (!x.ranked || !y.ranked || x.rank() != y.rank()) {
    out.tensor.shape = Shape::unranked();
    return out;
  }
  for (size_t i = 0; i < x.rank(); ++i)
    if (x.dims[i] != y.dims[i]) out.tensor.shape.dims[i] = Dim::unknown();
  return out;
}

std::optional<Type> meet(const Type& a, const Type& b) {
  if (!compatible(a, b)) return std::nullopt;
  Type out = a;
  if (out.tensor.encoding.is_dense()) out.tensor.encoding = b.tensor.encoding;
  const Shape& other = b.tensor.shape;
  Shape& shape = out.tensor.shape;
  if (!other.ranked) return out;
  if (!shape.ranked) {
    shape = other;
    return out;
  }
  // A number says more than a symbol, whichever side it is on.
  for (size_t i = 0; i < shape.rank(); ++i)
    if (shape.dims[i].is_unknown() || (!shape.dims[i].is_constant() && other.dims[i].is_constant()))
      shape.dims[i] = other.dims[i];
  return out;
}

}  // namespace hone
