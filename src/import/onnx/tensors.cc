// Checks tensors against their declared shapes, finds their bytes and decodes what is not raw.
#include "import/onnx/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/text.h"
#include "formats/protobuf.h"
#include "import/weights.h"

namespace hone::onnx {
namespace {

int64_t byte_count(const TensorType& type) {
  const auto extents = type.shape.fixed();
  return *bytes_for(type.dtype, *checked_product(*extents));
}

// The typed field that holds a dtype (comments of TensorProto).
enum class Field : uint8_t { floats, int32s, strings, int64s, doubles, uint64s };

Field field_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::c64: return Field::floats;
    case DType::f64:
    case DType::c128: return Field::doubles;
    case DType::i64: return Field::int64s;
    case DType::u32:
    case DType::u64: return Field::uint64s;
    case DType::string: return Field::strings;
    default: return Field::int32s;
  }
}

const std::vector<Bytes>& runs_of(const TensorProto& t, Field field) {
  switch (field) {
    case Field::floats: return t.float_data;
    case Field::doubles: return t.double_data;
    case Field::int64s: return t.int64_data;
    case Field::uint64s: return t.uint64_data;
    default: return t.int32_data;
  }
}

Error malformed(const TensorProto& tensor, std::string_view what) {
  return fail(ErrorId::malformed, fmt::format("{}: {}", describe(tensor), what));
}

Error wrong_size(const TensorProto& tensor, const TensorType& type, std::string_view holder,
                 uint64_t held) {
  return malformed(tensor, fmt::format("{} needs {} bytes, {} holds {}", type.str(),
                                       byte_count(type), holder, held));
}

// Exactly one of the places of data, and the one that the dtype goes with.
Status check_places(const TensorProto& t, DType dtype) {
  const Field field = field_of(dtype);
  const auto refuse_other = [&](Field other, bool given, std::string_view where) -> Status {
    if (given && (other != field || t.has_raw || t.external))
      return malformed(t, fmt::format("{} elements cannot lie in {}{}", name(dtype), where,
                                      other == field ? " and elsewhere too" : ""));
    return ok();
  };
  if (t.segmented)
    return fail(ErrorId::unsupported_feature, describe(t) + ": segmented tensors are not read");
  if (t.has_raw && t.external && !t.raw_data.empty())
    return malformed(t, "the data are both raw and external");
  TRY(refuse_other(Field::floats, !t.float_data.empty(), "float_data"));
  TRY(refuse_other(Field::int32s, !t.int32_data.empty(), "int32_data"));
  TRY(refuse_other(Field::strings, !t.string_data.empty(), "string_data"));
  TRY(refuse_other(Field::int64s, !t.int64_data.empty(), "int64_data"));
  TRY(refuse_other(Field::doubles, !t.double_data.empty(), "double_data"));
  TRY(refuse_other(Field::uint64s, !t.uint64_data.empty(), "uint64_data"));
  if (dtype == DType::string && (t.external || !t.raw_data.empty()))
    return malformed(t, "strings cannot lie in raw or external data");
  return ok();
}

// Varints into numbers of `width` bytes: the low bytes of each.
Status decode_varints(const TensorProto& t, const TensorType& type, const std::vector<Bytes>& runs,
                      size_t width, std::byte* out) {
  const uint64_t expected = static_cast<uint64_t>(byte_count(type)) / width;
  uint64_t count = 0;
  for (const Bytes run : runs) {
    // A packed run as a field of a message: a varint read is a value of 64 bits.
    for (size_t at = 0; at < run.size();) {
      uint64_t value = 0;
      unsigned shift = 0;
      for (;; shift += 7) {
        if (at == run.size() || shift > 63) return malformed(t, "a number of its data is cut off");
        const auto byte = static_cast<uint64_t>(run[at++]);
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      if (count++ == expected)
        return malformed(t, fmt::format("{} has more data than its shape needs", type.str()));
      if (type.dtype == DType::boolean) value = value != 0;
      std::memcpy(out, &value, width);
      out += width;
    }
  }
  if (count != expected)
    return malformed(
        t, fmt::format("{} needs {} numbers, its field holds {}", type.str(), expected, count));
  return ok();
}

// Bytes that one varint fills; 0 for fields that hold the elements as they are.
size_t varint_width(DType dtype) {
  const Field field = field_of(dtype);
  if (field == Field::floats || field == Field::doubles) return 0;
  return std::max<size_t>(static_cast<size_t>(bits(dtype)) / 8, 1);
}

// Before memory is taken: could the fields hold that many elements?
Status check_held(const TensorProto& t, const TensorType& type) {
  const auto size = static_cast<uint64_t>(byte_count(type));
  if (t.has_raw)
    return t.raw_data.size() == size ? ok() : wrong_size(t, type, "raw_data", t.raw_data.size());
  uint64_t held = 0;
  for (const Bytes run : runs_of(t, field_of(type.dtype))) held += run.size();
  const size_t width = varint_width(type.dtype);
  if (width == 0 ? held == size : held >= size / width) return ok();
  return wrong_size(t, type, "its field", held);
}

Status decode_into(const TensorProto& t, const TensorType& type, std::byte* out) {
  const auto& runs = runs_of(t, field_of(type.dtype));
  if (const size_t width = varint_width(type.dtype))
    return decode_varints(t, type, runs, width, out);
  for (const Bytes run : runs) {
    if (!run.empty()) std::memcpy(out, run.data(), run.size());
    out += run.size();
  }
  return ok();
}

Result<std::vector<std::string>> strings_of(const TensorProto& t, const TensorType& type,
                                            Ledger& ledger) {
  const int64_t count = *checked_product(*type.shape.fixed());
  if (t.string_data.size() != static_cast<uint64_t>(count))
    return malformed(t, fmt::format("{} needs {} strings, string_data holds {}", type.str(), count,
                                    t.string_data.size()));
  std::vector<std::string> out;
  TRY(reserve_charged(ledger, out, t.string_data.size(), "strings"));
  for (const std::string_view text : t.string_data) {
    TRY(ledger.charge(text.size(), "strings"));
    out.emplace_back(text);
  }
  return out;
}

Status charge_elements(const TensorProto& t, const TensorType& type, Ledger& ledger) {
  return ledger.charge(static_cast<uint64_t>(byte_count(type)), "the data of a tensor")
      .context("decoding " + describe(t));
}

// Positions of the values in the dense tensor, in ascending order as the format demands.
Result<std::vector<int64_t>> linear_positions(const SparseTensorProto& sparse, int64_t count,
                                              int64_t nnz, const Tensor& indices, Ledger& ledger) {
  const bool linear = indices.rank() == 1;
  const auto rank = static_cast<int64_t>(sparse.dims.size());
  if (indices.dtype() != DType::i64 || indices.rank() < 1 || indices.rank() > 2 ||
      indices.shape()[0] != nnz || (!linear && indices.shape()[1] != rank))
    return malformed(sparse.indices, fmt::format("indices of {} values must be i64[{}] or "
                                                 "i64[{},{}], are {}",
                                                 nnz, nnz, nnz, rank, indices.type().str()));
  std::vector<int64_t> out;
  TRY(reserve_charged(ledger, out, static_cast<uint64_t>(nnz), "sparse indices"));
  for (int64_t i = 0; i < nnz; ++i) {
    int64_t position = 0;
    bool inside = true;
    if (linear) {
      position = load_integer(indices, i);
      inside = position >= 0 && position < count;
    } else {
      for (int64_t axis = 0; axis < rank; ++axis) {
        const int64_t extent = sparse.dims[static_cast<size_t>(axis)];
        const int64_t k = load_integer(indices, i * rank + axis);
        inside = inside && k >= 0 && k < extent;
        if (inside) position = position * extent + k;
      }
    }
    if (!inside) return malformed(sparse.indices, fmt::format("index {} is out of range", i));
    if (!out.empty() && position <= out.back())
      return malformed(sparse.indices, fmt::format("index {} is not above the one before", i));
    out.push_back(position);
  }
  return out;
}

Result<Tensor> densify(const SparseTensorProto& sparse, const Tensor& values, const Tensor& indices,
                       Ledger& ledger) {
  if (values.rank() != 1) return malformed(sparse.values, "values must have one axis");
  TensorProto shape = sparse.values;
  shape.dims = sparse.dims;
  const TensorType type = TRY(declared_type(shape));
  if (bits(type.dtype) < 8)
    return fail(ErrorId::unsupported_feature,
                fmt::format("{}: sparse tensors of {} are not read", describe(sparse.values),
                            name(type.dtype)));
  const auto size = static_cast<uint64_t>(byte_count(type));
  if (size > ledger.limits().folded_constant)
    return fail(ErrorId::over_size,
                fmt::format("{}: {} made dense takes {}, the limit `folded_constant` is {}",
                            describe(sparse.values), type.str(), human_bytes(size),
                            human_bytes(ledger.limits().folded_constant)));
  TRY(charge_elements(sparse.values, type, ledger));
  Tensor dense = TRY(Tensor::make(type.dtype, *type.shape.fixed()));
  const auto positions =
      TRY(linear_positions(sparse, dense.count(), values.count(), indices, ledger));
  const auto width = static_cast<size_t>(bits(type.dtype)) / 8;
  for (size_t i = 0; i < positions.size(); ++i)
    std::memcpy(dense.mutable_data() + static_cast<size_t>(positions[i]) * width,
                values.data() + i * width, width);
  return dense;
}

}  // namespace

std::string describe(const TensorProto& tensor) {
  return tensor.name.empty()
             ? fmt::format("the tensor at byte {}", tensor.offset)
             : fmt::format("tensor '{}' at byte {}", printable(tensor.name), tensor.offset);
}

Result<TensorType> declared_type(const TensorProto& tensor) {
  const auto dtype = dtype_of_onnx(tensor.data_type);
  if (!dtype)
    return fail(ErrorId::type_mismatch, fmt::format("{} has the unknown element type {}",
                                                    describe(tensor), tensor.data_type));
  for (const int64_t extent : tensor.dims)
    if (extent < 0) return malformed(tensor, fmt::format("extent {} is negative", extent));
  const auto count = checked_product(tensor.dims);
  if (!count || !bytes_for(*dtype, *count))
    return fail(ErrorId::overflow, fmt::format("{}: the size of {} does not fit in 64 bits",
                                               describe(tensor), Shape::of(tensor.dims).str()));
  return TensorType{*dtype, Shape::of(tensor.dims), {}};
}

Result<Tensor> decode_tensor(const TensorProto& tensor, Ledger& ledger) {
  const TensorType type = TRY(declared_type(tensor));
  TRY(check_places(tensor, type.dtype));
  if (type.dtype == DType::string) {
    auto strings = TRY(strings_of(tensor, type, ledger));
    return Tensor::of_strings(tensor.dims, std::move(strings));
  }
  if (tensor.external)
    return fail(ErrorId::unsupported_feature,
                describe(tensor) + ": external data have no folder here");
  const auto size = static_cast<uint64_t>(byte_count(type));
  TRY(check_held(tensor, type));
  TRY(charge_elements(tensor, type, ledger));
  Tensor out = TRY(Tensor::make(type.dtype, tensor.dims));
  if (!tensor.has_raw) {
    TRY(decode_into(tensor, type, out.mutable_data()));
  } else if (size > 0) {
    std::memcpy(out.mutable_data(), tensor.raw_data.data(), size);
  }
  if (type.dtype == DType::boolean) normalize_booleans({out.mutable_data(), size});
  return out;
}

Status TensorLoader::charge(const std::string& name) {
  TRY(charge_others());
  TRY(ledger_.charge_tensors(1));
  TRY(ledger_.charge(2 * (sizeof(Constant) + name.size()), "constants"));
  ++charged_;
  return ok();
}

Status TensorLoader::charge_others() {
  while (charged_ < model_.constants.size()) {
    const Constant& constant = model_.constants[charged_++];
    uint64_t bytes = 2 * (sizeof(Constant) + constant.name.size());
    if (const auto* span = std::get_if<Constant::Span>(&constant.data)) {
      // Only bytes of the model's file, which comes first, and of files beside it are not copied.
      if (span->source != 0 && model_.sources[span->source].memory)
        bytes += sizeof(DataSource) + span->length;
    } else if (const auto* strings = std::get_if<std::vector<std::string>>(&constant.data)) {
      for (const std::string& text : *strings) bytes += sizeof text + text.size();
    } else {
      bytes += std::get<std::vector<std::byte>>(constant.data).size();
    }
    TRY(ledger_.charge_tensors(1));
    TRY(ledger_.charge(bytes, "constants"));
  }
  return ok();
}

Result<uint32_t> TensorLoader::source_of(const TensorProto& tensor) {
  if (auto it = external_.find(tensor.location); it != external_.end()) return it->second;
  if (tensor.location.empty()) return malformed(tensor, "external data name no file");
  if (model_path_.empty())
    return fail(ErrorId::unsupported_feature,
                describe(tensor) + ": external data need a model file with a folder");
  if (!folder_) folder_ = TRY(Folder::holding(model_path_));
  std::string location(tensor.location);
  const auto mapped = TRY(open_weights(*folder_, location, options_)
                              .context("opening the external data of " + describe(tensor)));
  TRY(ledger_.charge(sizeof(DataSource) + 2 * location.size(), "external files"));
  DataSource source;
  source.name = location;
  source.mapped = mapped;
  if (mapped) source.size = mapped->size();
  const auto index = static_cast<uint32_t>(model_.sources.size());
  model_.sources.push_back(std::move(source));
  external_.emplace(std::move(location), index);
  return index;
}

Result<TensorLoader::Stored> TensorLoader::locate_external(const TensorProto& tensor,
                                                           uint64_t size) {
  const uint32_t source = TRY(source_of(tensor));
  const Bytes all = model_.sources[source].bytes();
  const auto offset = static_cast<uint64_t>(tensor.external_offset);
  if (tensor.external_length >= 0 && static_cast<uint64_t>(tensor.external_length) != size)
    return malformed(tensor, fmt::format("its shape needs {} bytes, external_data.length is {}",
                                         size, tensor.external_length));
  if (DataSource& absent = model_.sources[source]; !absent.mapped) {
    if (size > uint64_t{INT64_MAX} - offset)
      return malformed(tensor, "its external data end beyond what a file can hold");
    absent.size = std::max(absent.size, offset + size);  // so that the text form reads back
    return Stored{{source, offset, size}, {}, true};
  }
  if (offset > all.size() || size > all.size() - offset)
    return fail(
        ErrorId::truncated,
        fmt::format("{}: {} bytes at offset {} reach beyond the {} bytes of '{}'", describe(tensor),
                    size, offset, all.size(), printable(tensor.location)));
  return Stored{{source, offset, size}, all.subspan(offset, size)};
}

Result<std::optional<TensorLoader::Stored>> TensorLoader::locate(const TensorProto& tensor,
                                                                 const TensorType& type) {
  const auto size = static_cast<uint64_t>(byte_count(type));
  if (tensor.external) return std::optional(TRY(locate_external(tensor, size)));
  Bytes bytes = tensor.raw_data;
  if (tensor.has_raw) {
    if (bytes.size() != size) return wrong_size(tensor, type, "raw_data", bytes.size());
  } else {
    // One packed run of floats is laid out like raw data.
    const Field field = field_of(type.dtype);
    const auto& runs = runs_of(tensor, field);
    if ((field != Field::floats && field != Field::doubles) || runs.size() != 1 ||
        runs[0].size() != size)
      return std::optional<Stored>();
    bytes = runs[0];
  }
  const Bytes file = model_.sources[0].bytes();
  const auto offset = static_cast<uint64_t>(bytes.data() - file.data());
  return std::optional(Stored{{0, offset, size}, bytes});
}

Result<Tensor> TensorLoader::tensor(const TensorProto& tensor) {
  if (!tensor.external) return decode_tensor(tensor, ledger_);
  const TensorType type = TRY(declared_type(tensor));
  TRY(check_places(tensor, type.dtype));
  const Stored stored = *TRY(locate(tensor, type));
  if (stored.left_out)
    return fail(ErrorId::not_found, fmt::format("{}: there is no file {}", describe(tensor),
                                                printable(tensor.location)));
  TRY(charge_elements(tensor, type, ledger_));
  Tensor out = TRY(Tensor::make(type.dtype, tensor.dims));
  if (!stored.bytes.empty())
    std::memcpy(out.mutable_data(), stored.bytes.data(), stored.bytes.size());
  if (type.dtype == DType::boolean) normalize_booleans({out.mutable_data(), stored.bytes.size()});
  return out;
}

Result<Tensor> TensorLoader::tensor(const SparseTensorProto& sparse) {
  const Tensor values = TRY(tensor(sparse.values));
  if (values.dtype() == DType::string)
    return fail(ErrorId::unsupported_feature,
                describe(sparse.values) + ": sparse strings are not read");
  const Tensor indices = TRY(tensor(sparse.indices));
  return densify(sparse, values, indices, ledger_);
}

Result<ConstantId> TensorLoader::constant(const TensorProto& tensor, std::string name) {
  if (auto it = made_.find(tensor.offset); it != made_.end()) return it->second;
  TRY(charge(name));
  Constant constant;
  constant.type = TRY(declared_type(tensor));
  TRY(check_places(tensor, constant.type.dtype));
  const auto add = [&](ConstantId id) {
    made_.emplace(tensor.offset, id);
    return id;
  };
  if (constant.type.dtype == DType::string) {
    constant.data = TRY(strings_of(tensor, constant.type, ledger_));
    constant.name = std::move(name);
    return add(model_.add_constant(std::move(constant)));
  }
  const auto stored = TRY(locate(tensor, constant.type));
  if (!stored || (constant.type.dtype == DType::boolean && !are_booleans(stored->bytes))) {
    const Tensor decoded = TRY(this->tensor(tensor));
    return add(model_.add_constant(std::move(name), decoded));
  }
  constant.name = std::move(name);
  if (stored->bytes.size() <= kMaxInline && !stored->left_out)
    constant.data = std::vector<std::byte>(stored->bytes.begin(), stored->bytes.end());
  else
    constant.data = stored->span;
  return add(model_.add_constant(std::move(constant)));
}

Result<ConstantId> TensorLoader::constant(const SparseTensorProto& sparse, std::string name) {
  if (auto it = made_.find(sparse.values.offset); it != made_.end()) return it->second;
  TRY(charge(name));
  const Tensor dense = TRY(tensor(sparse));
  const ConstantId id = model_.add_constant(std::move(name), dense);
  made_.emplace(sparse.values.offset, id);
  return id;
}

}  // namespace hone::onnx
