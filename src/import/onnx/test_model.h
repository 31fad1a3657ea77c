// Small ONNX files for tests, written field by field.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/protobuf.h"
#include "import/onnx/onnx.h"
#include "import/onnx/translate.h"
#include "ops/catalogue.h"

namespace hone::onnx::test {

using Names = std::vector<std::string>;
using Extent = std::variant<int, const char*>;
constexpr int kFloat = 1, kBool = 9, kInt64 = 7;

inline WireWriter text_attribute(std::string_view name, std::string_view value) {
  WireWriter a;
  a.text(1, name);
  a.text(4, value);
  a.varint(20, 3);
  return a;
}
inline WireWriter int_attribute(std::string_view name, int64_t value) {
  WireWriter a;
  a.text(1, name);
  a.int64(3, value);
  a.varint(20, 2);
  return a;
}
inline WireWriter float_attribute(std::string_view name, float value) {
  WireWriter a;
  a.text(1, name);
  a.float32(2, value);
  a.varint(20, 1);
  return a;
}
// Of floats or integers.
template <class T>
WireWriter list_attribute(std::string_view name, const std::vector<T>& values) {
  WireWriter a;
  a.text(1, name);
  for (const T value : values) {
    if constexpr (std::is_same_v<T, float>)
      a.float32(7, value);
    else
      a.int64(8, value);
  }
  a.varint(20, std::is_same_v<T, float> ? 6 : 7);
  return a;
}
inline WireWriter message_attribute(std::string_view name, uint32_t field, uint64_t type,
                                    const WireWriter& value) {
  WireWriter a;
  a.text(1, name);
  a.message(field, value);
  a.varint(20, type);
  return a;
}
inline WireWriter graph_attribute(std::string_view name, const WireWriter& graph) {
  return message_attribute(name, 6, 5, graph);
}
inline WireWriter tensor_attribute(std::string_view name, const WireWriter& tensor) {
  return message_attribute(name, 5, 4, tensor);
}
inline WireWriter ref_attribute(std::string_view name, std::string_view of, uint64_t type) {
  WireWriter a;
  a.text(1, name);
  a.varint(20, type);
  a.text(21, of);
  return a;
}

// A value without a type.
inline WireWriter untyped(std::string_view name) {
  WireWriter v;
  v.text(1, name);
  return v;
}

inline WireWriter node(std::string_view op, const Names& inputs, const Names& outputs,
                       const std::vector<WireWriter>& attributes = {}, std::string_view domain = {},
                       std::string_view name = {}) {
  WireWriter n;
  for (const auto& input : inputs) n.text(1, input);
  for (const auto& output : outputs) n.text(2, output);
  if (!name.empty()) n.text(3, name);
  n.text(4, op);
  for (const auto& a : attributes) n.message(5, a);
  if (!domain.empty()) n.text(7, domain);
  return n;
}

template <class T>
std::string raw(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// Without data.
inline WireWriter tensor_head(std::string_view name, int dtype, const std::vector<int64_t>& dims) {
  WireWriter t;
  for (const int64_t d : dims) t.int64(1, d);
  t.varint(2, static_cast<uint64_t>(dtype));
  t.text(8, name);
  return t;
}
inline WireWriter tensor(std::string_view name, int dtype, const std::vector<int64_t>& dims,
                         std::string_view data) {
  WireWriter t = tensor_head(name, dtype, dims);
  t.text(9, data);
  return t;
}
inline WireWriter external(std::string_view name, int dtype, const std::vector<int64_t>& dims,
                           const std::vector<std::pair<std::string, std::string>>& entries) {
  WireWriter t = tensor_head(name, dtype, dims);
  for (const auto& [key, value] : entries) {
    WireWriter e;
    e.text(1, key);
    e.text(2, value);
    t.message(13, e);
  }
  t.varint(14, 1);
  return t;
}

inline WireWriter tensor_type(int dtype, const std::vector<Extent>& dims) {
  WireWriter shape;
  for (const Extent& d : dims) {
    WireWriter dim;
    if (const int* value = std::get_if<int>(&d))
      dim.int64(1, *value);
    else
      dim.text(2, std::get<const char*>(d));
    shape.message(1, dim);
  }
  WireWriter t;
  t.varint(1, static_cast<uint64_t>(dtype));
  t.message(2, shape);
  WireWriter type;
  type.message(1, t);
  return type;
}
inline WireWriter value(std::string_view name, const WireWriter& type) {
  WireWriter v;
  v.text(1, name);
  v.message(2, type);
  return v;
}
inline WireWriter value(std::string_view name, int dtype, const std::vector<Extent>& dims) {
  return value(name, tensor_type(dtype, dims));
}

struct GraphParts {
  std::vector<WireWriter> nodes, inputs, outputs, initializers, value_info, sparse;
};
inline WireWriter graph(const GraphParts& parts, std::string_view name = "g") {
  WireWriter g;
  for (const auto& n : parts.nodes) g.message(1, n);
  g.text(2, name);
  for (const auto& t : parts.initializers) g.message(5, t);
  for (const auto& v : parts.inputs) g.message(11, v);
  for (const auto& v : parts.outputs) g.message(12, v);
  for (const auto& v : parts.value_info) g.message(13, v);
  for (const auto& t : parts.sparse) g.message(15, t);
  return g;
}

inline WireWriter opset(std::string_view domain, int64_t version) {
  WireWriter o;
  o.text(1, domain);
  o.int64(2, version);
  return o;
}

inline WireWriter function(std::string_view domain, std::string_view name, const Names& inputs,
                           const Names& outputs, const std::vector<WireWriter>& nodes,
                           const Names& attributes = {},
                           const std::vector<WireWriter>& defaults = {}, int64_t version = 17) {
  WireWriter f;
  f.text(1, name);
  for (const auto& input : inputs) f.text(4, input);
  for (const auto& output : outputs) f.text(5, output);
  for (const auto& a : attributes) f.text(6, a);
  for (const auto& n : nodes) f.message(7, n);
  f.message(9, opset("", version));
  f.message(9, opset("local", 1));
  f.message(9, opset("com.microsoft", 1));
  f.text(10, domain);
  for (const auto& a : defaults) f.message(11, a);
  return f;
}

inline std::string model(const WireWriter& g, const std::vector<WireWriter>& functions = {},
                         const std::vector<WireWriter>& opsets = {opset("", 17),
                                                                  opset("local", 1)}) {
  WireWriter m;
  m.varint(1, 8);
  m.text(2, "test");
  m.message(7, g);
  for (const auto& o : opsets) m.message(8, o);
  for (const auto& f : functions) m.message(25, f);
  return m.take();
}

inline std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}
inline Result<Model> load(std::string_view file, const Limits& limits = {}) {
  return import_bytes(bytes_of(file), standard_catalogue(), limits);
}

// y = x + w
inline GraphParts add_parts() {
  return {.nodes = {node("Add", {"x", "w"}, {"y"}, {}, {}, "sum")},
          .inputs = {value("x", kFloat, {2})},
          .outputs = {value("y", kFloat, {2})},
          .initializers = {tensor("w", kFloat, {2}, raw<float>({1, 2}))}};
}

inline bool has_translations(std::initializer_list<std::string_view> ops) {
  for (const auto op : ops)
    if (!find_translation("", op, 17)) return false;
  return true;
}

}  // namespace hone::onnx::test

#define NEEDS(...)                                        \
  if (!hone::onnx::test::has_translations({__VA_ARGS__})) \
  GTEST_SKIP() << "operators of this test have no translation in this build"
