#include "ir/model.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/checked.h"
#include "base/pages.h"
#include "base/text.h"

namespace hone {

std::span<const std::byte> DataSource::bytes() const {
  if (mapped) return mapped->bytes();
  if (memory) return {memory.get(), size};
  return {};
}

DataSource DataSource::in_memory(std::vector<std::byte> bytes) {
  DataSource source;
  source.size = bytes.size();
  const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  source.memory = std::shared_ptr<const std::byte>(owner, owner->data());
  return source;
}

GraphId Model::add_graph(std::string graph_name) {
  const auto id = uint32_t(graphs.size());
  graph_index_.emplace(graph_name, id);
  graphs.emplace_back();
  graphs.back().name = std::move(graph_name);
  return GraphId{id};
}

void Model::drop_graphs(size_t from) {
  for (size_t g = from; g < graphs.size(); ++g) graph_index_.erase(graphs[g].name);
  graphs.resize(std::min(from, graphs.size()));
}

GraphId Model::graph_named(std::string_view graph_name) const {
  auto it = graph_index_.find(graph_name);
  return it == graph_index_.end() ? GraphId{} : GraphId{it->second};
}

void Model::add_symbol(std::string symbol_name, BindingTime time) {
  for (const Symbol& s : symbols)
    if (s.name == symbol_name) return;
  symbols.push_back({std::move(symbol_name), time});
}

void Model::release(ConstantId id) const {
  if (!is_mapped(constants[id.index])) return;
  if (const auto bytes = stored(id)) release_pages(*bytes);
}

void Model::release_all() const {
  for (const DataSource& source : sources)
    if (source.mapped) release_pages(source.bytes());
}

Result<std::span<const std::byte>> Model::stored(ConstantId id) const {
  const Constant& constant = constants[id.index];
  if (const auto* bytes = std::get_if<std::vector<std::byte>>(&constant.data))
    return std::span<const std::byte>(*bytes);
  const auto* span = std::get_if<Constant::Span>(&constant.data);
  CHECK(span != nullptr);
  CHECK(span->source < sources.size());
  const DataSource& source = sources[span->source];
  const auto all = source.bytes();
  if (!source.mapped && !source.memory && span->length > 0)
    return fail(ErrorId::not_found, source.name.empty()
                                        ? "constant '@" + printable(constant.name) +
                                              "' lay in the memory of the "
                                              "process that wrote the text: its bytes are not there"
                                        : "there is no file '" + printable(source.name) +
                                              "', which holds constant '@" +
                                              printable(constant.name) + "'");
  if (span->offset > all.size() || span->length > all.size() - span->offset)
    return fail(ErrorId::truncated,
                "constant '" + constant.name + "' lies at offset " + std::to_string(span->offset) +
                    " with " + std::to_string(span->length) + " bytes, but " +
                    (source.name.empty() ? "its memory" : "'" + source.name + "'") + " holds " +
                    std::to_string(all.size()));
  return all.subspan(span->offset, span->length);
}

namespace {

// What was copied out of a mapped file leaves memory part by part: never is all of it there twice.
void copy_in_parts(std::span<const std::byte> from, std::byte* to, bool mapped) {
  constexpr size_t kPart = size_t{4} << 20;
  for (; !from.empty(); from = from.subspan(std::min(kPart, from.size()))) {
    const auto part = from.first(std::min(kPart, from.size()));
    std::memcpy(to, part.data(), part.size());
    to += part.size();
    if (mapped) release_pages(part);
  }
}

// Elements q of an affine encoding as (q - zero) * scale in the logical dtype.
Result<Tensor> decode_affine(const Model& model, const Constant& constant, const Tensor& q,
                             const Allowance& allowance) {
  const Encoding& encoding = constant.type.encoding;
  const Tensor scale = TRY(model.read(constant.scale, allowance));
  Tensor zero;
  if (encoding.has_zero_point) zero = TRY(model.read(constant.zero_point, allowance));
  Tensor out = TRY(Tensor::make(constant.type.dtype, q.shape(), allowance));
  int64_t inner = 1, along = 1;
  if (encoding.axis >= 0) {
    along = q.shape()[size_t(encoding.axis)];
    for (size_t i = size_t(encoding.axis) + 1; i < q.rank(); ++i) inner *= q.shape()[i];
  }
  const int64_t block = encoding.block > 0 ? encoding.block : 1;
  const int64_t blocks = (along + block - 1) / block;
  for (int64_t i = 0; i < q.count(); ++i) {
    const int64_t o = i / (inner * along), a = i / inner % along, k = i % inner;
    int64_t s = 0;
    if (encoding.axis >= 0) s = encoding.block > 0 ? (o * blocks + a / block) * inner + k : a;
    if (s >= scale.count())
      return fail(ErrorId::shape_mismatch, "constant '" + constant.name + "' has too few scales");
    const double z = zero.defined() ? load_real(zero, s) : 0;
    store_real(out, i, (load_real(q, i) - z) * load_real(scale, s));
  }
  return out;
}

// Block by block; what was read of a mapped file leaves memory part by part.
Result<Tensor> decode_blocks(const Constant& constant, std::span<const std::byte> bytes,
                             bool mapped, const Allowance& allowance) {
  const BlockFormat& format = *constant.type.encoding.format;
  Tensor out = TRY(Tensor::make(DType::f32, *constant.type.shape.fixed(), allowance));
  const int64_t count = out.count() / format.elements, part = (int64_t{4} << 20) / format.bytes;
  CHECK(bytes.size() == size_t(count * format.bytes));
  float* elements = out.as<float>().data();
  for (int64_t at = 0; at < count; at += part) {
    const int64_t n = std::min(part, count - at);
    const auto from = bytes.subspan(size_t(at * format.bytes), size_t(n * format.bytes));
    format.decode(from.data(), n, elements + at * format.elements);
    if (mapped) release_pages(from);
  }
  return out;
}

}  // namespace

bool Model::is_mapped(const Constant& constant) const {
  const auto* span = std::get_if<Constant::Span>(&constant.data);
  return span && sources[span->source].mapped != nullptr;
}

Result<Tensor> Model::read(ConstantId id, const Allowance& allowance) const {
  return read_aligned(id, SIZE_MAX, allowance);
}

Result<Tensor> Model::read_at_any_address(ConstantId id, const Allowance& allowance) const {
  return read_aligned(id, 1, allowance);
}

// Where the elements lie, if that is aligned as they need it, or to `least`.
Result<Tensor> Model::read_aligned(ConstantId id, size_t least, const Allowance& allowance) const {
  const Constant& constant = constants[id.index];
  const auto extents = constant.type.shape.fixed();
  CHECK(extents.has_value());
  if (const auto* strings = std::get_if<std::vector<std::string>>(&constant.data))
    return Tensor::of_strings(*extents, *strings);
  const auto bytes = TRY(stored(id));
  if (constant.type.encoding.kind == Encoding::Kind::blocks)
    return decode_blocks(constant, bytes, is_mapped(constant), allowance);
  const bool affine = !constant.type.encoding.is_dense();
  const DType dtype = stored_dtype(constant.type);
  const bool odd = dtype == DType::boolean && !are_booleans(bytes);
  const size_t needed = bits(dtype) >= 16 ? size_t(bits(dtype)) / 8 : 1;
  const size_t alignment = affine ? needed : std::min(needed, least);
  Tensor tensor;
  if (!odd && !bytes.empty() && reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0 &&
      std::holds_alternative<Constant::Span>(constant.data)) {
    const DataSource& source = sources[std::get<Constant::Span>(constant.data).source];
    // Read-only by convention: a kernel never writes its inputs.
    auto* data = const_cast<std::byte*>(bytes.data());
    std::shared_ptr<const void> owner =
        source.mapped ? std::shared_ptr<const void>(source.mapped) : source.memory;
    tensor = Tensor::view(dtype, *extents, data, std::const_pointer_cast<void>(owner));
  } else {
    tensor = TRY(Tensor::make(dtype, *extents, allowance));
    CHECK(uint64_t(tensor.byte_size()) <= bytes.size());
    copy_in_parts(bytes.first(size_t(tensor.byte_size())), tensor.mutable_data(),
                  is_mapped(constant));
    if (odd) normalize_booleans({tensor.mutable_data(), size_t(tensor.byte_size())});
  }
  if (affine) return decode_affine(*this, constant, tensor, allowance);
  return tensor;
}

std::string Model::fresh_constant_name(const std::string& stem) {
  if (!stem.empty() && !constant_index_.contains(stem)) return stem;
  const std::string base = stem.empty() ? "c" : stem + ".";
  size_t& number = next_number_[stem];
  number = std::max(number, constants.size());
  while (true) {
    std::string candidate = base + std::to_string(number++);
    if (!constant_index_.contains(candidate)) return candidate;
  }
}

bool Constant::may_be_anonymous() const {
  return type.encoding.is_dense() && type.shape.rank() <= 1 && !std::holds_alternative<Span>(data);
}

ConstantId Model::add_constant(Constant constant) {
  const ConstantId id{uint32_t(constants.size())};
  if (!constant.name.empty() || !constant.may_be_anonymous()) {
    constant.name = fresh_constant_name(constant.name);
    constant_index_.emplace(constant.name, id.index);
  }
  constants.push_back(std::move(constant));
  return id;
}

ConstantId Model::constant_named(std::string_view constant_name) const {
  auto it = constant_index_.find(constant_name);
  return it == constant_index_.end() ? ConstantId{} : ConstantId{it->second};
}

ConstantId Model::add_constant(std::string constant_name, Tensor tensor) {
  Constant constant;
  constant.name = std::move(constant_name);
  constant.type = tensor.type();
  if (tensor.dtype() == DType::string) {
    constant.data = tensor.strings();
    return add_constant(std::move(constant));
  }
  const auto size = uint64_t(tensor.byte_size());
  std::vector<std::byte> bytes;
  if (size <= kMaxInline || !tensor.sole_owner())
    bytes.assign(tensor.data(), tensor.data() + tensor.byte_size());
  if (size <= kMaxInline) {
    constant.data = std::move(bytes);
    return add_constant(std::move(constant));
  }
  DataSource source;
  if (tensor.sole_owner()) {
    source.size = size;
    const auto owner = std::make_shared<const Tensor>(std::move(tensor));
    source.memory = std::shared_ptr<const std::byte>(owner, owner->data());
  } else {
    source = DataSource::in_memory(std::move(bytes));
  }
  constant.data = Constant::Span{uint32_t(sources.size()), 0, size};
  sources.push_back(std::move(source));
  return add_constant(std::move(constant));
}

Status check_encoding(const Model& model, const Constant& constant) {
  const Encoding& encoding = constant.type.encoding;
  if (encoding.is_dense()) return ok();
  auto wrong = [&](const std::string& why) {
    return fail(ErrorId::malformed, "constant '@" + printable(constant.name) + "' of type " +
                                        constant.type.str() + " " + why);
  };
  const auto extents = constant.type.shape.fixed();
  if (!extents || !is_float(constant.type.dtype)) return wrong("is not of real numbers");
  if (encoding.kind == Encoding::Kind::blocks) {
    if (constant.type.dtype != DType::f32) return wrong("is not of f32, as blocks are");
    if (!stored_extents(constant.type)) return wrong("has rows that are no whole blocks");
    if (constant.scale.valid() || constant.zero_point.valid()) return wrong("has two scales");
    return ok();
  }
  if (encoding.block > 0 && encoding.axis < 0) return wrong("has blocks along no axis");
  std::optional<int64_t> needed = 1;
  if (encoding.axis >= 0) {
    const auto axis = size_t(encoding.axis);
    if (axis >= extents->size()) return wrong("has no such axis");
    needed = (*extents)[axis];
    if (encoding.block > 0) {
      Extents blocks = *extents;
      blocks[axis] = (blocks[axis] + encoding.block - 1) / encoding.block;
      needed = checked_product(blocks);
    }
  }
  for (ConstantId id : {constant.scale, constant.zero_point}) {
    if (!id.valid()) continue;
    const TensorType& type = model.constants[id.index].type;
    const auto own = type.shape.fixed();
    // One that is encoded itself could lead to a third, and so on without end.
    if (!type.encoding.is_dense() || !(is_float(type.dtype) || is_integer(type.dtype)))
      return wrong("needs a scale and a zero point of plain numbers");
    if (!own || !needed || checked_product(*own) != needed)
      return wrong("does not have as many scales and zero points as it needs");
  }
  return ok();
}

std::optional<Known> known_elements(const Tensor& tensor) {
  if (!(kInts | DTypes(DType::boolean)).has(tensor.dtype()) || tensor.count() > kMaxKnown ||
      tensor.rank() > 1)
    return std::nullopt;
  Known known;
  for (int64_t element : integers(tensor)) known.emplace_back(element);
  return known;
}

}  // namespace hone
