// Parses the messages of an ONNX file, but for tensors and types (proto_tensor.cc).
#include "import/onnx/proto.h"

#include <fmt/format.h>

#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "formats/protobuf.h"

namespace hone::onnx {
namespace {

template <class T>
Status append(Ledger& ledger, std::vector<T>& items, T item, std::string_view what) {
  TRY(reserve_charged(ledger, items, 1, what));
  items.push_back(std::move(item));
  return ok();
}

std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// One of AttributeProto's message fields; protobuf would merge several, which nothing writes.
Status message_once(const WireField& field, std::string_view path, Bytes& out, uint64_t& offset) {
  if (out.data() != nullptr)
    return fail(ErrorId::malformed,
                fmt::format("{} at byte {}: the field is given twice", path, field.offset));
  out = TRY(wire_bytes(field, path));
  offset = field.offset;
  return ok();
}

Result<AttributeProto> parse_attribute(const WireField& field, Ledger& ledger) {
  constexpr std::string_view kPath = "attribute";
  using enum AttributeType;
  AttributeProto a;
  int64_t code = 0;
  AttributeType seen = undefined;
  const Limits& limits = ledger.limits();
  WireReader reader = TRY(WireReader::inside(field, kPath));
  while (const auto f = TRY(reader.next())) {
    switch (f->number) {
      case 1: a.name = TRY(wire_name(*f, "attribute.name", limits)); break;
      case 2:
        a.f = TRY(wire_float(*f, "attribute.f"));
        seen = real;
        break;
      case 3:
        a.i = TRY(wire_int64(*f, "attribute.i"));
        seen = integer;
        break;
      case 4:
        a.s = as_text(TRY(wire_bytes(*f, "attribute.s")));
        seen = text;
        break;
      case 5:
        TRY(message_once(*f, "attribute.t", a.t, a.t_offset));
        seen = tensor;
        break;
      case 6:
        TRY(message_once(*f, "attribute.g", a.g, a.g_offset));
        seen = graph;
        break;
      case 7:
        TRY(wire_append(*f, a.floats, ledger, "attribute.floats"));
        seen = reals;
        break;
      case 8:
        TRY(wire_append(*f, a.ints, ledger, "attribute.ints"));
        seen = integers;
        break;
      case 9:
        TRY(append(ledger, a.strings, as_text(TRY(wire_bytes(*f, "attribute.strings"))),
                   "attribute.strings"));
        seen = texts;
        break;
      case 10:
        TRY(append(ledger, a.tensors, TRY(wire_bytes(*f, "attribute.tensors")),
                   "attribute.tensors"));
        seen = tensors;
        break;
      case 11: seen = graphs; break;
      case 14:
        TRY(message_once(*f, "attribute.tp", a.tp, a.tp_offset));
        seen = AttributeType::type;
        break;
      case 15: seen = types; break;
      case 20: code = TRY(wire_int64(*f, "attribute.type")); break;
      case 21: a.ref_name = TRY(wire_name(*f, "attribute.ref_attr_name", limits)); break;
      case 22:
        TRY(message_once(*f, "attribute.sparse_tensor", a.sparse, a.sparse_offset));
        seen = sparse_tensor;
        break;
      case 23: seen = sparse_tensors; break;
      default: break;
    }
  }
  if (code < 0 || code > static_cast<int64_t>(types))
    return fail(ErrorId::malformed, fmt::format("attribute '{}' at byte {} has the unknown type {}",
                                                printable(a.name), field.offset, code));
  a.type = code == 0 ? seen : static_cast<AttributeType>(code);
  return a;
}

Status check_attribute_names(const NodeProto& node) {
  const auto& attributes = node.attributes;
  const auto twice = [&](std::string_view name) {
    return fail(
        ErrorId::duplicate_name,
        fmt::format("node '{}' ({}) at byte {} has two attributes '{}'", printable(node.name),
                    printable(node.op_type), node.offset, printable(name)));
  };
  if (attributes.size() <= 8) {
    for (size_t i = 1; i < attributes.size(); ++i)
      for (size_t k = 0; k < i; ++k)
        if (attributes[i].name == attributes[k].name) return twice(attributes[i].name);
    return ok();
  }
  std::unordered_set<std::string_view, SeededHash, std::equal_to<>> names;
  for (const AttributeProto& a : attributes)
    if (!names.insert(a.name).second) return twice(a.name);
  return ok();
}

Result<NodeProto> parse_node(const WireField& field, Ledger& ledger) {
  NodeProto node;
  node.offset = field.offset;
  const Limits& limits = ledger.limits();
  WireReader reader = TRY(WireReader::inside(field, "node"));
  while (const auto f = TRY(reader.next())) {
    switch (f->number) {
      case 1:
        TRY(append(ledger, node.inputs, TRY(wire_name(*f, "node.input", limits)), "node.input"));
        break;
      case 2:
        TRY(append(ledger, node.outputs, TRY(wire_name(*f, "node.output", limits)), "node.output"));
        break;
      case 3: node.name = TRY(wire_name(*f, "node.name", limits)); break;
      case 4: node.op_type = TRY(wire_name(*f, "node.op_type", limits)); break;
      case 5:
        TRY(append(ledger, node.attributes, TRY(parse_attribute(*f, ledger)), "node.attribute"));
        break;
      case 7: node.domain = TRY(wire_name(*f, "node.domain", limits)); break;
      case 8: node.overload = TRY(wire_name(*f, "node.overload", limits)); break;
      default: break;
    }
  }
  while (!node.inputs.empty() && node.inputs.back().empty()) node.inputs.pop_back();
  while (node.outputs.size() > 1 && node.outputs.back().empty()) node.outputs.pop_back();
  TRY(check_attribute_names(node));
  return node;
}

Result<ValueInfo> parse_value_info(const WireField& field, Ledger& ledger) {
  ValueInfo info;
  WireReader reader = TRY(WireReader::inside(field, "value_info"));
  while (const auto f = TRY(reader.next())) {
    if (f->number == 1) {
      info.name = TRY(wire_name(*f, "value_info.name", ledger.limits()));
    } else if (f->number == 2) {
      const Bytes type = TRY(wire_bytes(*f, "value_info.type"));
      info.type = TRY(parse_type(type, f->offset, ledger));
    }
  }
  return info;
}

Status parse_graph_into(GraphProto& graph, Bytes bytes, uint64_t origin, Ledger& ledger) {
  WireReader reader(bytes, origin, "graph");
  while (const auto f = TRY(reader.next())) {
    switch (f->number) {
      case 1: TRY(append(ledger, graph.nodes, TRY(parse_node(*f, ledger)), "graph.node")); break;
      case 2: graph.name = TRY(wire_name(*f, "graph.name", ledger.limits())); break;
      case 5: {
        const Bytes message = TRY(wire_bytes(*f, "graph.initializer"));
        TRY(append(ledger, graph.initializers, TRY(parse_tensor(message, f->offset, ledger)),
                   "graph.initializer"));
        break;
      }
      case 11:
        TRY(append(ledger, graph.inputs, TRY(parse_value_info(*f, ledger)), "graph.input"));
        break;
      case 12:
        TRY(append(ledger, graph.outputs, TRY(parse_value_info(*f, ledger)), "graph.output"));
        break;
      case 13:
        TRY(append(ledger, graph.value_info, TRY(parse_value_info(*f, ledger)),
                   "graph.value_info"));
        break;
      case 15: {
        const Bytes message = TRY(wire_bytes(*f, "graph.sparse_initializer"));
        TRY(append(ledger, graph.sparse_initializers,
                   TRY(parse_sparse_tensor(message, f->offset, ledger)),
                   "graph.sparse_initializer"));
        break;
      }
      default: break;
    }
  }
  return ok();
}

Result<OpsetImport> parse_opset(const WireField& field, Ledger& ledger) {
  OpsetImport import;
  WireReader reader = TRY(WireReader::inside(field, "opset_import"));
  while (const auto f = TRY(reader.next())) {
    if (f->number == 1)
      import.domain = TRY(wire_name(*f, "opset_import.domain", ledger.limits()));
    else if (f->number == 2)
      import.version = TRY(wire_int64(*f, "opset_import.version"));
  }
  return import;
}

using Entry = std::pair<std::string_view, std::string_view>;

Result<Entry> parse_entry(const WireField& field, Ledger& ledger) {
  Entry entry;
  WireReader reader = TRY(WireReader::inside(field, "metadata_props"));
  while (const auto f = TRY(reader.next())) {
    if (f->number == 1)
      entry.first = TRY(wire_name(*f, "metadata_props.key", ledger.limits()));
    else if (f->number == 2)
      entry.second = as_text(TRY(wire_bytes(*f, "metadata_props.value")));
  }
  return entry;
}

Result<FunctionProto> parse_function(const WireField& field, Ledger& ledger) {
  FunctionProto function;
  const Limits& limits = ledger.limits();
  WireReader reader = TRY(WireReader::inside(field, "function"));
  while (const auto f = TRY(reader.next())) {
    switch (f->number) {
      case 1: function.name = TRY(wire_name(*f, "function.name", limits)); break;
      case 4:
        TRY(append(ledger, function.inputs, TRY(wire_name(*f, "function.input", limits)),
                   "function.input"));
        break;
      case 5:
        TRY(append(ledger, function.outputs, TRY(wire_name(*f, "function.output", limits)),
                   "function.output"));
        break;
      case 6:
        TRY(append(ledger, function.attributes, TRY(wire_name(*f, "function.attribute", limits)),
                   "function.attribute"));
        break;
      case 7:
        TRY(append(ledger, function.nodes, TRY(parse_node(*f, ledger)), "function.node"));
        break;
      case 9:
        TRY(append(ledger, function.opsets, TRY(parse_opset(*f, ledger)), "function.opset_import"));
        break;
      case 10: function.domain = TRY(wire_name(*f, "function.domain", limits)); break;
      case 11:
        TRY(append(ledger, function.attribute_defaults, TRY(parse_attribute(*f, ledger)),
                   "function.attribute_proto"));
        break;
      case 13: function.overload = TRY(wire_name(*f, "function.overload", limits)); break;
      default: break;
    }
  }
  return function;
}

}  // namespace

const AttributeProto* NodeProto::find(std::string_view attribute) const {
  for (const AttributeProto& a : attributes)
    if (a.name == attribute) return &a;
  return nullptr;
}

Result<GraphProto> parse_graph(Bytes bytes, uint64_t origin, Ledger& ledger) {
  GraphProto graph;
  TRY(parse_graph_into(graph, bytes, origin, ledger));
  return graph;
}

Result<ModelProto> parse_model(Bytes bytes, Ledger& ledger) {
  ModelProto model;
  const Limits& limits = ledger.limits();
  WireReader reader(bytes, 0, "model");
  while (const auto f = TRY(reader.next())) {
    switch (f->number) {
      case 1: model.ir_version = TRY(wire_int64(*f, "model.ir_version")); break;
      case 2: model.producer_name = TRY(wire_name(*f, "model.producer_name", limits)); break;
      case 3: model.producer_version = TRY(wire_name(*f, "model.producer_version", limits)); break;
      case 4: model.domain = TRY(wire_name(*f, "model.domain", limits)); break;
      case 5: model.model_version = TRY(wire_int64(*f, "model.model_version")); break;
      case 6: model.doc = as_text(TRY(wire_bytes(*f, "model.doc_string"))); break;
      case 7:  // several are merged, as protobuf does
        TRY(parse_graph_into(model.graph, TRY(wire_bytes(*f, "model.graph")), f->offset, ledger));
        model.has_graph = true;
        break;
      case 8:
        TRY(append(ledger, model.opsets, TRY(parse_opset(*f, ledger)), "model.opset_import"));
        break;
      case 14:
        TRY(append(ledger, model.metadata, TRY(parse_entry(*f, ledger)), "model.metadata_props"));
        break;
      case 25:
        TRY(append(ledger, model.functions, TRY(parse_function(*f, ledger)), "model.functions"));
        break;
      default: break;
    }
  }
  return model;
}

}  // namespace hone::onnx
