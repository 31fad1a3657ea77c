// Parses TensorProto, SparseTensorProto and TypeProto.
#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "formats/protobuf.h"
#include "import/onnx/proto.h"

namespace hone::onnx {
namespace {

// A non-negative decimal number, all of the text.
Result<int64_t> parse_decimal(std::string_view text, std::string_view what, uint64_t offset) {
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 0)
    return fail(ErrorId::malformed,
                fmt::format("external_data.{} at byte {}: '{}' is no non-negative 64-bit number",
                            what, offset, printable(text)));
  return value;
}

// What has been given of external_data, to refuse repeated keys.
struct ExternalSeen {
  bool location = false, offset = false, length = false;
};

Status parse_external(const WireField& field, TensorProto& tensor, ExternalSeen& seen,
                      Ledger& ledger) {
  std::string_view key, value;
  WireReader reader = TRY(WireReader::inside(field, "external_data"));
  while (const auto f = TRY(reader.next())) {
    if (f->number == 1)
      key = TRY(wire_name(*f, "external_data.key", ledger.limits()));
    else if (f->number == 2)
      value = TRY(wire_name(*f, "external_data.value", ledger.limits()));
  }
  const auto once = [&](bool& flag) -> Status {
    if (flag)
      return fail(ErrorId::malformed, fmt::format("external_data at byte {}: '{}' is given twice",
                                                  field.offset, printable(key)));
    flag = true;
    return ok();
  };
  if (key == "location") {
    TRY(once(seen.location));
    tensor.location = value;
  } else if (key == "offset") {
    TRY(once(seen.offset));
    tensor.external_offset = TRY(parse_decimal(value, key, field.offset));
  } else if (key == "length") {
    TRY(once(seen.length));
    tensor.external_length = TRY(parse_decimal(value, key, field.offset));
  }
  return ok();  // `checksum` has no agreed form; other keys are the writer's own
}

Status parse_dimension(const WireField& field, TypeProto& type, Ledger& ledger) {
  TypeProto::Dimension dim;
  WireReader reader = TRY(WireReader::inside(field, "shape.dim"));
  while (const auto f = TRY(reader.next())) {
    if (f->number == 1) {
      const int64_t extent = TRY(wire_int64(*f, "dim_value"));
      dim = {true, extent, {}};
    } else if (f->number == 2) {
      const auto symbol = TRY(wire_name(*f, "dim_param", ledger.limits()));
      dim = {false, 0, symbol};
    }
  }
  if (type.shape.size() >= ledger.limits().rank)
    return fail(ErrorId::over_size,
                fmt::format("the shape at byte {} has more axes than the limit `rank` of {}",
                            field.offset, ledger.limits().rank));
  TRY(reserve_charged(ledger, type.shape, 1, "shape.dim"));
  type.shape.push_back(dim);
  return ok();
}

Status parse_tensor_type(const WireField& field, TypeProto& type, Ledger& ledger) {
  WireReader reader = TRY(WireReader::inside(field, "tensor_type"));
  while (const auto f = TRY(reader.next())) {
    if (f->number == 1) type.element = TRY(wire_int64(*f, "tensor_type.elem_type"));
    if (f->number != 2) continue;
    type.has_shape = true;
    WireReader shape = TRY(WireReader::inside(*f, "shape"));
    while (const auto d = TRY(shape.next()))
      if (d->number == 1) TRY(parse_dimension(*d, type, ledger));
  }
  return ok();
}

// The field of that number, the last if several; none when absent.
Result<std::optional<WireField>> last_field(const WireField& message, uint32_t number,
                                            std::string_view path) {
  std::optional<WireField> found;
  WireReader reader = TRY(WireReader::inside(message, path));
  while (auto f = TRY(reader.next()))
    if (f->number == number) found = f;
  return found;
}

}  // namespace

Result<TensorProto> parse_tensor(Bytes bytes, uint64_t origin, Ledger& ledger) {
  TensorProto tensor;
  tensor.offset = origin;
  ExternalSeen seen;
  WireReader reader(bytes, origin, "tensor");
  // The payload as it is encoded: a packed run, or one value.
  const auto keep = [&](const WireField& f, std::vector<Bytes>& runs) -> Status {
    TRY(reserve_charged(ledger, runs, 1, "tensor data"));
    runs.push_back(f.type == WireType::bytes
                       ? f.bytes
                       : bytes.subspan(f.offset - origin, reader.offset() - f.offset));
    return ok();
  };
  const auto fixed_or_bytes = [&](const WireField& f, WireType single,
                                  std::string_view path) -> Status {
    if (f.type == single || f.type == WireType::bytes) return ok();
    return fail(ErrorId::malformed,
                fmt::format("{} at byte {}: the field has the wrong wire type", path, f.offset));
  };
  while (const auto f = TRY(reader.next())) {
    switch (f->number) {
      case 1:
        TRY(wire_append(*f, tensor.dims, ledger, "tensor.dims"));
        if (tensor.dims.size() > ledger.limits().rank)
          return fail(ErrorId::over_size,
                      fmt::format("the tensor at byte {} has {} axes, the limit `rank` is {}",
                                  origin, tensor.dims.size(), ledger.limits().rank));
        break;
      case 2: tensor.data_type = TRY(wire_int64(*f, "tensor.data_type")); break;
      case 3: tensor.segmented = true; break;
      case 4:
        TRY(fixed_or_bytes(*f, WireType::fixed32, "tensor.float_data"));
        TRY(keep(*f, tensor.float_data));
        break;
      case 5:
        TRY(fixed_or_bytes(*f, WireType::varint, "tensor.int32_data"));
        TRY(keep(*f, tensor.int32_data));
        break;
      case 6: {
        const Bytes text = TRY(wire_bytes(*f, "tensor.string_data"));
        TRY(reserve_charged(ledger, tensor.string_data, 1, "tensor.string_data"));
        tensor.string_data.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
        break;
      }
      case 7:
        TRY(fixed_or_bytes(*f, WireType::varint, "tensor.int64_data"));
        TRY(keep(*f, tensor.int64_data));
        break;
      case 8: tensor.name = TRY(wire_name(*f, "tensor.name", ledger.limits())); break;
      case 9:
        tensor.raw_data = TRY(wire_bytes(*f, "tensor.raw_data"));
        tensor.raw_offset = f->offset;
        tensor.has_raw = true;
        break;
      case 10:
        TRY(fixed_or_bytes(*f, WireType::fixed64, "tensor.double_data"));
        TRY(keep(*f, tensor.double_data));
        break;
      case 11:
        TRY(fixed_or_bytes(*f, WireType::varint, "tensor.uint64_data"));
        TRY(keep(*f, tensor.uint64_data));
        break;
      case 13: TRY(parse_external(*f, tensor, seen, ledger)); break;
      case 14: {
        const int64_t location = TRY(wire_int64(*f, "tensor.data_location"));
        if (location != 0 && location != 1)
          return fail(ErrorId::malformed,
                      fmt::format("tensor.data_location at byte {} is {}", f->offset, location));
        tensor.external = location == 1;
        break;
      }
      default: break;
    }
  }
  return tensor;
}

Result<SparseTensorProto> parse_sparse_tensor(Bytes bytes, uint64_t origin, Ledger& ledger) {
  SparseTensorProto sparse;
  WireReader reader(bytes, origin, "sparse_tensor");
  while (const auto f = TRY(reader.next())) {
    if (f->number == 1) {
      const Bytes values = TRY(wire_bytes(*f, "sparse_tensor.values"));
      sparse.values = TRY(parse_tensor(values, f->offset, ledger));
    } else if (f->number == 2) {
      const Bytes indices = TRY(wire_bytes(*f, "sparse_tensor.indices"));
      sparse.indices = TRY(parse_tensor(indices, f->offset, ledger));
    } else if (f->number == 3) {
      TRY(wire_append(*f, sparse.dims, ledger, "sparse_tensor.dims"));
      if (sparse.dims.size() > ledger.limits().rank)
        return fail(ErrorId::over_size,
                    fmt::format("the sparse tensor at byte {} has {} axes, the limit `rank` is {}",
                                origin, sparse.dims.size(), ledger.limits().rank));
    }
  }
  return sparse;
}

Result<TypeProto> parse_type(Bytes bytes, uint64_t origin, Ledger& ledger) {
  using Kind = TypeProto::Kind;
  TypeProto type;
  for (uint64_t depth = 0;; ++depth) {
    if (depth > ledger.limits().depth)
      return fail(ErrorId::over_depth,
                  fmt::format("the type at byte {} is nested deeper than the limit `depth` of {}",
                              origin, ledger.limits().depth));
    std::optional<WireField> choice;  // a oneof: the last one holds
    WireReader reader(bytes, origin, "type");
    while (auto f = TRY(reader.next()))
      if (f->number == 1 || f->number == 4 || f->number == 5 || (f->number >= 7 && f->number <= 9))
        choice = f;
    if (!choice) return type;
    std::optional<WireField> element;
    switch (choice->number) {
      case 1:
        TRY(parse_tensor_type(*choice, type, ledger));
        type.kind = Kind::tensor;
        return type;
      case 7: type.kind = Kind::opaque; return type;
      case 8: type.kind = Kind::sparse_tensor; return type;
      case 4:
        element = TRY(last_field(*choice, 1, "sequence_type"));
        type.wrappers.push_back(Kind::sequence);
        break;
      case 9:
        element = TRY(last_field(*choice, 1, "optional_type"));
        type.wrappers.push_back(Kind::optional);
        break;
      default: {
        const auto key = TRY(last_field(*choice, 1, "map_type"));
        if (key) type.map_key = TRY(wire_int64(*key, "map_type.key_type"));
        element = TRY(last_field(*choice, 2, "map_type"));
        type.wrappers.push_back(Kind::map);
        break;
      }
    }
    if (!element) return type;
    bytes = TRY(wire_bytes(*element, "type.elem_type"));
    origin = element->offset;
  }
}

}  // namespace hone::onnx
