// Values of test data: TensorProto, SequenceProto, OptionalProto and MapProto; and writing tensors.
#include <fmt/format.h>

#include <set>

#include "base/checked.h"
#include "base/text.h"
#include "formats/protobuf.h"
#include "import/onnx/onnx.h"
#include "import/onnx/proto.h"
#include "import/onnx/tensors.h"

namespace hone::onnx {
namespace {

// The kind of a value as SequenceProto and OptionalProto number them.
int64_t kind_number(const Type& type) {
  if (type.is_tensor()) return 1;
  switch (type.wrappers[0]) {
    case Type::Wrapper::sequence: return 3;
    case Type::Wrapper::map: return 4;
    case Type::Wrapper::optional: return 5;
  }
  return 0;
}

// NumPy lacks some types: files made from its arrays hold their bit patterns as unsigned integers.
bool stands_for(DType held, DType wanted) {
  constexpr DTypes kLacking = kMinifloats | kSubByteInts | DTypes(DType::bf16);
  return is_unsigned(held) && kLacking.has(wanted) && bits(held) == bits(wanted);
}

class DatumReader {
 public:
  explicit DatumReader(Ledger& ledger) : ledger_(ledger) {}

  // As deep as the expected type, which is bounded.
  Result<Datum> read(Bytes bytes, uint64_t origin, const Type& type) {
    if (type.is_tensor()) {
      TensorProto proto = TRY(parse_tensor(bytes, origin, ledger_));
      const DType wanted = type.tensor.dtype;
      if (const auto held = dtype_of_onnx(proto.data_type); held && *held != wanted) {
        if (!stands_for(*held, wanted))
          return fail(ErrorId::bad_data, fmt::format("{} holds {}, {} is needed", describe(proto),
                                                     name(*held), name(wanted)));
        proto.data_type = onnx_number(wanted);
      }
      return Datum(TRY(decode_tensor(proto, ledger_)));
    }
    switch (type.wrappers[0]) {
      case Type::Wrapper::sequence: return read_sequence(bytes, origin, type);
      case Type::Wrapper::optional: return read_optional(bytes, origin, type);
      case Type::Wrapper::map: return read_map(bytes, origin, type);
    }
    return fail(ErrorId::internal, "a type of no kind");
  }

 private:
  Status push(Datum& to, Datum item) {
    TRY(reserve_charged(ledger_, to.items, 1, "elements"));
    to.items.push_back(std::move(item));
    return ok();
  }

  Error mismatch(uint64_t offset, const Type& expected) {
    return fail(ErrorId::bad_data, fmt::format("the value at byte {} holds other elements than {}",
                                               offset, expected.str()));
  }

  // Elements of one kind in the field `first + kind - 1`, of both SequenceProto and OptionalProto.
  Result<Datum> read_items(Bytes bytes, uint64_t origin, const Type& type, std::string_view path) {
    Datum out;
    const Type element = type.element();
    out.empty_type = element;
    const auto expected = static_cast<uint32_t>(kind_number(element) + 2);
    WireReader reader(bytes, origin, path);
    while (const auto f = TRY(reader.next())) {
      if (f->number < 3 || f->number > 7) continue;
      if (f->number != expected) return mismatch(f->offset, type);
      const Bytes message = TRY(wire_bytes(*f, path));
      TRY(push(out, TRY(read(message, f->offset, element))));
    }
    return out;
  }

  Result<Datum> read_sequence(Bytes bytes, uint64_t origin, const Type& type) {
    Datum out = TRY(read_items(bytes, origin, type, "sequence"));
    out.kind = Datum::Kind::sequence;
    return out;
  }

  Result<Datum> read_optional(Bytes bytes, uint64_t origin, const Type& type) {
    Datum out = TRY(read_items(bytes, origin, type, "optional"));
    out.kind = Datum::Kind::optional;
    if (out.items.size() > 1)
      return fail(ErrorId::malformed,
                  fmt::format("the optional at byte {} holds {} values", origin, out.items.size()));
    return out;
  }

  Result<Datum> read_map(Bytes bytes, uint64_t origin, const Type& type) {
    std::vector<int64_t> numbers;
    std::vector<std::string> texts;
    Datum out;
    WireReader reader(bytes, origin, "map");
    while (const auto f = TRY(reader.next())) {
      if (f->number == 3) {
        TRY(wire_append(*f, numbers, ledger_, "map.keys"));
      } else if (f->number == 4) {
        const Bytes text = TRY(wire_bytes(*f, "map.string_keys"));
        TRY(reserve_charged(ledger_, texts, 1, "map.string_keys"));
        TRY(ledger_.charge(text.size(), "map.string_keys"));
        texts.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
      } else if (f->number == 5) {
        const Bytes values = TRY(wire_bytes(*f, "map.values"));
        out = TRY(read_sequence(values, f->offset, Type::sequence_of(type.element())));
      }
    }
    out.kind = Datum::Kind::map;
    const bool is_text = type.key == DType::string;
    const size_t keys = is_text ? texts.size() : numbers.size();
    if (keys != out.items.size() || !(is_text ? numbers.empty() : texts.empty()))
      return fail(ErrorId::malformed, fmt::format("the map at byte {} has {} keys and {} values",
                                                  origin, keys, out.items.size()));
    if ((is_text ? std::set(texts.begin(), texts.end()).size()
                 : std::set(numbers.begin(), numbers.end()).size()) != keys)
      return fail(ErrorId::duplicate_name,
                  fmt::format("the map at byte {} has a key twice", origin));
    const auto count = static_cast<int64_t>(keys);
    if (is_text) {
      out.tensor = Tensor::of_strings({count}, std::move(texts));
      return out;
    }
    out.tensor = TRY(Tensor::make(type.key, {count}));
    for (int64_t i = 0; i < count; ++i)
      store_integer(out.tensor, i, numbers[static_cast<size_t>(i)]);
    return out;
  }

  Ledger& ledger_;
};

}  // namespace

Result<Datum> read_datum(std::span<const std::byte> bytes, const Type& expected,
                         const Limits& limits) {
  if (expected.wrappers.size() > limits.depth)
    return fail(ErrorId::over_depth, "the type " + expected.str() + " is nested too deep");
  // Test data may be larger than the metadata of a model: their own size is the measure.
  Limits own = limits;
  own.memory = checked_add(limits.memory, uint64_t{bytes.size()}).value_or(UINT64_MAX);
  Ledger ledger(own);
  return DatumReader(ledger).read(bytes, 0, expected);
}

std::vector<std::byte> write_tensor(const Tensor& tensor, const std::string& name) {
  WireWriter out;
  for (const int64_t extent : tensor.shape()) out.int64(1, extent);
  out.varint(2, static_cast<uint64_t>(onnx_number(tensor.dtype())));
  if (tensor.dtype() == DType::string) {
    for (const std::string& text : tensor.strings()) out.text(6, text);
  }
  if (!name.empty()) out.text(8, name);
  if (tensor.dtype() != DType::string)
    out.bytes(9, {tensor.data(), static_cast<size_t>(tensor.byte_size())});
  const auto bytes = std::as_bytes(std::span(out.data()));
  return {bytes.begin(), bytes.end()};
}

}  // namespace hone::onnx
