// Types of values: tensors with an encoding, and sequences, optionals and maps around them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ir/dim.h"
#include "ir/dtype.h"
#include "ir/encoding.h"

namespace hone {

// Extents, outermost first; or not even the rank is known.
struct Shape {
  bool ranked = true;
  std::vector<Dim> dims;

  Shape() = default;
  Shape(const Shape&);
  Shape(Shape&&) noexcept = default;
  Shape& operator=(const Shape&);
  Shape& operator=(Shape&&) noexcept = default;
  ~Shape();
  Shape(std::vector<Dim> d) : dims(std::move(d)) {}  // NOLINT
  Shape(std::initializer_list<Dim> d);
  static Shape of(const std::vector<int64_t>& extents);
  static Shape unranked();
  // A shape of this rank with every extent unknown.
  static Shape unknown(size_t rank);
  size_t rank() const { return dims.size(); }
  // The extents if all are constants.
  std::optional<std::vector<int64_t>> fixed() const;
  bool is_fixed() const;
  bool operator==(const Shape&) const = default;
  std::string str() const;  // "[N,3,224,224]", "[*]"
};

struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
  Encoding encoding;  // how a constant or a state is stored; dense for all other values

  bool operator==(const TensorType&) const = default;
  std::string str() const;  // "f32[N,768]", "f32[8,4] affine(i8, axis=0)"
};

// Wrappers around a tensor type, at most: types are copied and compared wrapper by wrapper.
inline constexpr size_t kMaxTypeDepth = 8;

// A tensor type inside zero or more wrappers, outermost first.
struct Type {
  enum class Wrapper : uint8_t { sequence, optional, map };
  std::vector<Wrapper> wrappers;
  DType key = DType::i64;  // of the map, if one of the wrappers is a map
  TensorType tensor;

  Type() = default;
  Type(const Type&);
  Type(Type&&) noexcept = default;
  Type& operator=(const Type&);
  Type& operator=(Type&&) noexcept = default;
  ~Type();
  Type(TensorType t) : tensor(std::move(t)) {}  // NOLINT
  Type(DType dtype, Shape shape) : tensor{dtype, std::move(shape), {}} {}
  static Type sequence_of(Type element);
  static Type optional_of(Type element);
  static Type map_of(DType key, Type element);

  bool is_tensor() const { return wrappers.empty(); }
  bool is(Wrapper outer) const { return !wrappers.empty() && wrappers[0] == outer; }
  // The type inside the outermost wrapper.
  Type element() const;
  bool operator==(const Type&) const = default;
  std::string str() const;  // "f32[2]", "sequence(f32[N])", "map(string, f32[])"
};
using Types = std::vector<Type>;

// Number of elements as a polynomial; unknown when unranked.
Dim element_count(const Shape& shape);
// Bytes that a tensor of this type takes where it is stored, by its encoding; unknown for strings.
Dim stored_bytes(const TensorType& type);
// What the stored bytes are elements of: the dtype, what an affine encoding stores, bytes of
// blocks.
DType stored_dtype(const TensorType& type);
// Extents of the stored elements: of rows of blocks, their bytes. None where the shape is not
// fixed, rows are no whole blocks, or there are too many.
std::optional<std::vector<int64_t>> stored_extents(const TensorType& type);

// Below, encodings say how a value is stored, not what it is: refines and compatible pass over
// them, join keeps one that both have, meet takes the one that is not dense.

// Does every value of type `a` also have type `b`? Unknown dims and ranks in `b` accept anything.
bool refines(const Type& a, const Type& b);
// Could a value of one type also be of the other (no contradiction between known parts)?
bool compatible(const Type& a, const Type& b);
// The most precise type that both refine: differing dims become unknown. None when dtypes, wrappers
// contradict. Used where two branches meet.
std::optional<Type> join(const Type& a, const Type& b);
// The combination of what both say about one value; none on contradiction. Numbers win over
// symbols, and otherwise what `a` knows over what `b` does.
std::optional<Type> meet(const Type& a, const Type& b);

}  // namespace hone
