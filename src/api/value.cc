#include "api/value.h"

#include <cmath>
#include <cstring>

#include "api/value_file.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/text.h"

namespace hone::v1 {

#define DTYPE(id, name, bits, onnx, safetensors) \
  static_assert(static_cast<int>(DType::id) == static_cast<int>(hone::DType::id));
#include "ir/dtype.def"
#undef DTYPE

std::string_view version() { return HONE_VERSION; }

std::string Error::describe() const {
  std::string text = message + " [" + code + "]";
  for (const std::string& what : context) text += "\n  while " + what;
  return text + "\n  hint: " + hint;
}

Error wrap(const hone::Error& error) {
  const ErrorInfo& known = info(error.id);
  return {std::string(known.code), error.message, error.context,
          error.hint.empty() ? std::string(known.hint) : error.hint, exit_code(known.blame)};
}

std::string_view name(DType dtype) { return hone::name(static_cast<hone::DType>(dtype)); }

namespace {

hone::Result<Datum> make_tensor(DType dtype, std::vector<int64_t> shape,
                                std::span<const std::byte> bytes) {
  if (dtype == DType::string)
    return fail(ErrorId::bad_data, "a tensor of strings has texts, not bytes");
  const auto type = static_cast<hone::DType>(dtype);
  // Before memory is taken: the shape may be any numbers. Those of no tensor are refused below.
  const auto count = checked_product(shape);
  const auto size = count ? bytes_for(type, *count) : std::nullopt;
  if (size && static_cast<uint64_t>(*size) != bytes.size())
    return fail(ErrorId::bad_data,
                "a tensor of type " + TensorType{type, Shape::of(shape), {}}.str() + " takes " +
                    std::to_string(*size) + " bytes, not " + std::to_string(bytes.size()));
  hone::Tensor tensor = TRY(hone::Tensor::make(type, std::move(shape)));
  if (!bytes.empty()) std::memcpy(tensor.mutable_data(), bytes.data(), bytes.size());
  if (dtype == DType::boolean) normalize_booleans({tensor.mutable_data(), bytes.size()});
  return Datum(std::move(tensor));
}

hone::Result<Datum> make_strings(std::vector<int64_t> shape, std::vector<std::string> elements) {
  const auto count = checked_product(shape);
  if (!count || static_cast<uint64_t>(*count) != elements.size())
    return fail(ErrorId::bad_data,
                "the shape does not hold " + std::to_string(elements.size()) + " elements");
  return Datum(hone::Tensor::of_strings(std::move(shape), std::move(elements)));
}

}  // namespace

Value::Value() : Value(wrap(Datum(hone::Tensor::of({0}, std::vector<float>{})))) {}
Value::Value(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Value wrap(Datum datum) {
  return Value(std::make_shared<const Value::Impl>(Value::Impl{std::move(datum)}));
}

Result<Value> Value::tensor(DType dtype, std::vector<int64_t> shape,
                            std::span<const std::byte> bytes) {
  return wrap(make_tensor(dtype, std::move(shape), bytes),
              [](Datum d) { return wrap(std::move(d)); });
}

Result<Value> Value::strings(std::vector<int64_t> shape, std::vector<std::string> elements) {
  return wrap(make_strings(std::move(shape), std::move(elements)),
              [](Datum d) { return wrap(std::move(d)); });
}

Value Value::sequence(const std::vector<Value>& items) {
  Datum datum;
  datum.kind = Datum::Kind::sequence;
  for (const Value& item : items) datum.items.push_back(unwrap(item));
  return wrap(std::move(datum));
}

Value::Kind Value::kind() const { return static_cast<Kind>(impl_->datum.kind); }
std::string Value::type() const { return impl_->datum.type().str(); }
DType Value::dtype() const { return static_cast<DType>(impl_->datum.tensor.dtype()); }
const std::vector<int64_t>& Value::shape() const { return impl_->datum.tensor.shape(); }
int64_t Value::count() const { return impl_->datum.tensor.count(); }

std::span<const std::byte> Value::bytes() const {
  const hone::Tensor& t = impl_->datum.tensor;
  if (t.dtype() == hone::DType::string || !t.defined()) return {};
  return {t.data(), static_cast<size_t>(t.byte_size())};
}

const std::vector<std::string>& Value::texts() const {
  static const std::vector<std::string> none;
  const hone::Tensor& t = impl_->datum.tensor;
  return t.dtype() == hone::DType::string && t.defined() ? t.strings() : none;
}

double Value::real(int64_t index) const {
  const hone::Tensor& t = impl_->datum.tensor;
  if (t.dtype() == hone::DType::string || is_complex(t.dtype())) return std::nan("");
  return load_real(t, index);
}

std::vector<Value> Value::items() const {
  std::vector<Value> items;
  for (const Datum& d : impl_->datum.items) items.push_back(wrap(d));
  return items;
}

Value Value::keys() const { return wrap(Datum(impl_->datum.tensor)); }

Status Value::save(const std::string& path) const { return wrap(save_datum(impl_->datum, path)); }

}  // namespace hone::v1
