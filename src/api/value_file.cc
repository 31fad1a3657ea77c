#include "api/value_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "api/media.h"
#include "base/atomic_file.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "formats/npy.h"
#include "formats/protobuf.h"
#include "import/onnx/onnx.h"

namespace hone {
namespace {

struct NpyName {
  DType dtype;
  std::string_view descr;
};
constexpr NpyName kNpyNames[] = {
    {DType::f32, "<f4"}, {DType::f64, "<f8"},   {DType::f16, "<f2"}, {DType::i8, "|i1"},
    {DType::u8, "|u1"},  {DType::i16, "<i2"},   {DType::u16, "<u2"}, {DType::i32, "<i4"},
    {DType::u32, "<u4"}, {DType::i64, "<i8"},   {DType::u64, "<u8"}, {DType::boolean, "|b1"},
    {DType::c64, "<c8"}, {DType::c128, "<c16"},
};

std::string_view npy_name(DType dtype) {
  for (const NpyName& n : kNpyNames)
    if (n.dtype == dtype) return n.descr;
  return {};
}

// The element type of an array; none where ours has no such type.
std::optional<DType> dtype_of(const NpyArray& array) {
  for (const NpyName& n : kNpyNames)
    if (n.descr[1] == array.kind && n.descr.substr(2) == std::to_string(array.item_size))
      return n.dtype;
  if (array.kind == 'U' || array.kind == 'S') return DType::string;
  return std::nullopt;
}

// Where element `index` in C order lies in an array in Fortran order.
int64_t fortran_index(int64_t index, const Extents& shape) {
  int64_t at = 0, stride = 1, rest = index;
  std::vector<int64_t> position(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    position[axis] = rest % shape[axis];
    rest /= shape[axis];
  }
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    at += position[axis] * stride;
    stride *= shape[axis];
  }
  return at;
}

// Elements in C order and in the byte order of this machine.
void copy_elements(const NpyArray& array, Tensor& tensor) {
  const size_t size = array.item_size;
  const bool swap = array.order == '>' && size > 1;
  const size_t number = array.kind == 'c' ? size / 2 : size;
  std::byte* out = tensor.mutable_data();
  if (!array.fortran_order && !swap) {
    if (!array.data.empty()) std::memcpy(out, array.data.data(), array.data.size());
    return;
  }
  for (int64_t i = 0; i < tensor.count(); ++i) {
    const int64_t from = array.fortran_order ? fortran_index(i, tensor.shape()) : i;
    std::byte* element = out + static_cast<size_t>(i) * size;
    std::memcpy(element, array.data.data() + static_cast<size_t>(from) * size, size);
    if (!swap) continue;
    for (size_t part = 0; part < size; part += number)
      std::reverse(element + part, element + part + number);
  }
}

// Sub-byte integers come as one byte each.
Result<Tensor> narrow(const Tensor& wide, DType dtype) {
  Tensor tensor = TRY(Tensor::make(dtype, wide.shape()));
  for (int64_t i = 0; i < wide.count(); ++i) {
    const int64_t value = load_integer(wide, i);
    store_integer(tensor, i, value);
    if (load_integer(tensor, i) != value)
      return fail(ErrorId::bad_data,
                  fmt::format("the value {} does not fit in {}", value, name(dtype)));
  }
  return tensor;
}

Result<Tensor> tensor_of(const NpyArray& array, DType expected, Ledger& ledger) {
  const auto found = dtype_of(array);
  if (found == DType::string && expected == DType::string)
    return Tensor::of_strings(array.shape, TRY(npy_strings(array, ledger)));
  const bool byte_sized = array.item_size == 1 && (array.kind == 'i' || array.kind == 'u');
  if (byte_sized && is_integer(expected) && bits(expected) < 8) {
    Tensor wide = TRY(Tensor::make(*found, array.shape, ledger.limits().runtime_memory));
    copy_elements(array, wide);
    return narrow(wide, expected);
  }
  // Types that .npy lacks travel as plain bytes of the same width, as ml_dtypes writes them.
  const bool opaque = npy_name(expected).empty() && bits(expected) >= 8 &&
                      array.item_size * 8 == static_cast<uint64_t>(bits(expected)) &&
                      (array.kind == 'V' || array.kind == 'u');
  if (found != expected && !opaque) {
    Error error = fail(
        ErrorId::bad_data,
        fmt::format("the array holds {}, {} is needed",
                    found ? std::string(name(*found)) : printable(array.descr), name(expected)));
    error.hint = "convert the array before saving it, in NumPy with .astype(…)";
    return error;
  }
  Tensor tensor = TRY(Tensor::make(expected, array.shape, ledger.limits().runtime_memory));
  copy_elements(array, tensor);
  if (expected == DType::boolean)
    normalize_booleans({tensor.mutable_data(), static_cast<size_t>(tensor.byte_size())});
  return tensor;
}

// The type of the tensor that a file of one tensor stands for.
Result<TensorType> tensor_in(const Type& expected, std::string_view file) {
  Type inner = expected;
  while (inner.is(Type::Wrapper::optional)) inner = inner.element();
  if (inner.is_tensor()) return inner.tensor;
  return fail(ErrorId::bad_data, std::string(file) + " holds a tensor, " + expected.str() +
                                     " is needed: give an ONNX .pb file");
}

// Wrapped as the type asks.
Datum in_optionals(Tensor tensor, const Type& expected) {
  Datum datum(std::move(tensor));
  for (Type type = expected; type.is(Type::Wrapper::optional); type = type.element()) {
    Datum outer;
    outer.kind = Datum::Kind::optional;
    outer.items.push_back(std::move(datum));
    datum = std::move(outer);
  }
  return datum;
}

Result<Datum> load_npy(std::span<const std::byte> bytes, const Type& expected,
                       const Limits& limits) {
  Ledger ledger(limits);
  const NpyArray array = TRY(read_npy(bytes, ledger));
  const TensorType type = TRY(tensor_in(expected, "a .npy file"));
  return in_optionals(TRY(tensor_of(array, type.dtype, ledger)), expected);
}

// Numbers of SequenceProto.DataType and OptionalProto.DataType.
uint64_t element_kind(Datum::Kind kind) {
  switch (kind) {
    case Datum::Kind::tensor: return 1;
    case Datum::Kind::sequence: return 3;
    case Datum::Kind::map: return 4;
    case Datum::Kind::optional: return 5;
  }
  return 0;
}

// TensorProto, SequenceProto, MapProto or OptionalProto (onnx-ml.proto).
std::string message_of(const Datum& datum) {
  constexpr uint32_t kFields[] = {3, 5, 7, 6};  // of elements: tensor, sequence, optional, map
  WireWriter out;
  auto add = [&](uint32_t field, const Datum& d) { out.text(field, message_of(d)); };
  switch (datum.kind) {
    case Datum::Kind::tensor: {
      const auto bytes = onnx::write_tensor(datum.tensor, "");
      return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    case Datum::Kind::sequence:
      if (!datum.items.empty()) out.varint(2, element_kind(datum.items[0].kind));
      for (const Datum& item : datum.items) add(kFields[static_cast<size_t>(item.kind)], item);
      break;
    case Datum::Kind::optional:
      if (datum.items.empty()) break;
      out.varint(2, element_kind(datum.items[0].kind));
      add(kFields[static_cast<size_t>(datum.items[0].kind)], datum.items[0]);
      break;
    case Datum::Kind::map: {
      out.varint(2, static_cast<uint64_t>(onnx_number(datum.tensor.dtype())));
      if (datum.tensor.dtype() == DType::string) {
        for (const std::string& key : datum.tensor.strings()) out.text(4, key);
      } else {
        for (int64_t i = 0; i < datum.tensor.count(); ++i)
          out.int64(3, load_integer(datum.tensor, i));
      }
      Datum values;
      values.kind = Datum::Kind::sequence;
      values.items = datum.items;
      add(5, values);
      break;
    }
  }
  return out.take();
}

bool survives_npy(const std::string& text) { return is_utf8(text) && !text.ends_with('\0'); }

bool begins(std::span<const std::byte> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

// Files that are given by mistake, told apart from damaged ones.
Status refuse_other_formats(std::span<const std::byte> bytes) {
  const bool zip = begins(bytes, "PK\x03\x04");
  const bool media = looks_like_media(bytes) || begins(bytes, "\xff\xd8\xff");
  if (!zip && !media) return ok();
  Error error = fail(ErrorId::bad_data, zip ? "this is an .npz or another zip file, not one tensor"
                                            : "this is an image or a recording, not a tensor");
  error.hint = zip ? "save each array by itself, with numpy.save"
                   : "give an input as PNG or WAV, or an array of the type that `hone inspect` "
                     "prints, saved with numpy.save";
  return error;
}

// The hint of a damaged file is about models.
Result<Datum> load_npy_file(std::span<const std::byte> bytes, const Type& expected,
                            const Limits& limits) {
  auto datum = load_npy(bytes, expected, limits);
  if (datum || !datum.error().hint.empty()) return datum;
  Error error = datum.take_error();
  if (error.id == ErrorId::malformed || error.id == ErrorId::unsupported_feature ||
      error.id == ErrorId::truncated)
    error.hint = "save the array again, with numpy.save";
  return error;
}

}  // namespace

Result<Datum> load_datum(const std::string& path, const Type& expected, const Limits& limits) {
  const std::string doing = "reading '" + printable(path) + "'";
  const MappedFile file = TRY(MappedFile::open(path).context(doing));
  const auto bytes = file.bytes();
  if (begins(bytes, "\x93NUMPY")) return load_npy_file(bytes, expected, limits).context(doing);
  TRY(refuse_other_formats(bytes).context(doing));
  if (path.ends_with(".npy"))
    return fail(ErrorId::malformed, "'" + printable(path) + "' is not a NumPy array");
  return onnx::read_datum(bytes, expected, limits).context(doing);
}

Result<Datum> load_input_file(const std::string& path, const Type& expected,
                              const v1::LoadOptions& options, const Limits& limits) {
  const std::string doing = "reading '" + printable(path) + "'";
  const MappedFile file = TRY(MappedFile::open(path).context(doing));
  if (!looks_like_media(file.bytes())) return load_datum(path, expected, limits);
  const TensorType type = TRY(tensor_in(expected, "an image or a recording").context(doing));
  return in_optionals(TRY(load_media(file.bytes(), type, options, limits).context(doing)),
                      expected);
}

bool fits_npy(const Datum& datum) {
  if (datum.kind != Datum::Kind::tensor) return false;
  const Tensor& t = datum.tensor;
  if (t.dtype() != DType::string) return !npy_name(t.dtype()).empty();
  return std::all_of(t.strings().begin(), t.strings().end(), survives_npy);
}

Status save_datum(const Datum& datum, const std::string& path) {
  const std::string doing = "writing '" + printable(path) + "'";
  if (path.ends_with(".pb")) return write_file(path, message_of(datum)).context(doing);
  if (!fits_npy(datum)) {
    Error error = fail(ErrorId::unsupported_feature,
                       "a .npy file cannot hold a value of type " + datum.type().str());
    error.hint = "use a name that ends in .pb";
    return error;
  }
  const Tensor& t = datum.tensor;
  if (t.dtype() == DType::string)
    return write_npy_strings(path, t.strings(), t.shape()).context(doing);
  return write_npy(path, npy_name(t.dtype()), t.shape(),
                   {t.data(), static_cast<size_t>(t.byte_size())})
      .context(doing);
}

}  // namespace hone
