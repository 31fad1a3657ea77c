// The messages of an ONNX file as spans into its bytes (onnx.in.proto; field numbers are facts).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace hone::onnx {

using Bytes = std::span<const std::byte>;

// TensorProto, not decoded. Offsets are in the model file.
struct TensorProto {
  uint64_t offset = 0;  // of the message
  std::string_view name;
  std::vector<int64_t> dims;
  int64_t data_type = 0;
  Bytes raw_data;
  uint64_t raw_offset = 0;
  bool has_raw = false;
  // Typed fields, still encoded: packed runs and single values in order of appearance.
  std::vector<Bytes> float_data, int32_data, int64_data, double_data, uint64_data;
  std::vector<std::string_view> string_data;
  bool segmented = false;  // TensorProto.segment, which nothing writes
  bool external = false;
  std::string_view location;
  int64_t external_offset = 0, external_length = -1;  // -1: not given
};

// `values` has one axis; `indices` are linear, or one row of coordinates for each value.
struct SparseTensorProto {
  TensorProto values, indices;
  std::vector<int64_t> dims;
};

// TypeProto, nested kinds outermost first.
struct TypeProto {
  enum class Kind : uint8_t { none, tensor, sequence, optional, map, sparse_tensor, opaque };
  std::vector<Kind> wrappers;  // sequence, optional, map
  int64_t map_key = 0;
  Kind kind = Kind::none;  // of the innermost
  int64_t element = 0;     // TensorProto.DataType
  bool has_shape = false;
  struct Dimension {
    bool has_value = false;
    int64_t value = 0;
    std::string_view symbol;
  };
  std::vector<Dimension> shape;
};

struct ValueInfo {
  std::string_view name;
  TypeProto type;
};

// AttributeProto.AttributeType.
enum class AttributeType : uint8_t {
  undefined,
  real,
  integer,
  text,
  tensor,
  graph,
  reals,
  integers,
  texts,
  tensors,
  graphs,
  sparse_tensor,
  sparse_tensors,
  type,
  types
};

struct AttributeProto {
  std::string_view name, ref_name;  // ref_attr_name: an attribute of the function
  // Where old files leave it out: by the field that holds the value.
  AttributeType type = AttributeType::undefined;
  float f = 0;
  int64_t i = 0;
  std::string_view s;
  Bytes t, g, tp, sparse;  // encoded messages, parsed on demand
  uint64_t t_offset = 0, g_offset = 0, tp_offset = 0, sparse_offset = 0;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> strings;
  std::vector<Bytes> tensors;
};

// Trailing missing ("") inputs and outputs are dropped, but for a first output.
struct NodeProto {
  uint64_t offset = 0;  // of the message
  std::string_view op_type, domain, name, overload;
  std::vector<std::string_view> inputs, outputs;
  std::vector<AttributeProto> attributes;
  const AttributeProto* find(std::string_view attribute) const;
};

struct GraphProto {
  std::string_view name;
  std::vector<NodeProto> nodes;
  std::vector<TensorProto> initializers;
  std::vector<SparseTensorProto> sparse_initializers;
  std::vector<ValueInfo> inputs, outputs, value_info;
};

struct OpsetImport {
  std::string_view domain;
  int64_t version = 0;
};

struct FunctionProto {
  std::string_view name, domain, overload;
  std::vector<std::string_view> inputs, outputs, attributes;
  std::vector<AttributeProto> attribute_defaults;
  std::vector<NodeProto> nodes;
  std::vector<OpsetImport> opsets;
};

struct ModelProto {
  int64_t ir_version = 0;
  std::string_view producer_name, producer_version, domain, doc;
  int64_t model_version = 0;
  GraphProto graph;
  bool has_graph = false;
  std::vector<OpsetImport> opsets;
  std::vector<std::pair<std::string_view, std::string_view>> metadata;
  std::vector<FunctionProto> functions;
};

// All parse functions: `origin` is the offset of bytes[0] in the file, for messages and spans.
Result<ModelProto> parse_model(Bytes bytes, Ledger& ledger);
Result<GraphProto> parse_graph(Bytes bytes, uint64_t origin, Ledger& ledger);
Result<TensorProto> parse_tensor(Bytes bytes, uint64_t origin, Ledger& ledger);
Result<TypeProto> parse_type(Bytes bytes, uint64_t origin, Ledger& ledger);
Result<SparseTensorProto> parse_sparse_tensor(Bytes bytes, uint64_t origin, Ledger& ledger);

}  // namespace hone::onnx
