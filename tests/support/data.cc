#include "support/data.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace hone::testing {

uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t x = state_;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

int64_t Random::between(int64_t low, int64_t high) {
  return low + int64_t(next() % uint64_t(high - low + 1));
}

double Random::uniform(double low, double high) {
  return low + (high - low) * (double(next() >> 11) / 9007199254740992.0);
}

namespace {

Extents extents_of(const Shape& shape, Dim::Bindings& bindings, Random& random) {
  if (!shape.ranked) return {2, 3};
  Extents extents;
  for (const Dim& d : shape.dims) {
    d.each_symbol([&](const std::string& s) {
      if (!bindings.contains(s)) bindings[s] = random.between(2, 4);
    });
    extents.push_back(d.evaluate(bindings).value_or(3));
  }
  return extents;
}

Tensor random_tensor(DType dtype, const Extents& shape, Random& random, bool signs) {
  int64_t count = 1;
  for (int64_t n : shape) count *= n;
  if (dtype == DType::string) {
    std::vector<std::string> texts(static_cast<size_t>(count));
    for (std::string& t : texts)
      for (int64_t n = random.between(1, 3); n > 0; --n) t += char('1' + random.between(0, 3));
    return Tensor::of_strings(shape, std::move(texts));
  }
  Tensor t = Tensor::make(dtype, shape).take();
  if (is_complex(dtype)) {
    for (int64_t i = 0; i < 2 * count; ++i) {
      const double x = random.uniform(-2, 2);
      if (dtype == DType::c64)
        reinterpret_cast<float*>(t.mutable_data())[i] = float(x);
      else
        reinterpret_cast<double*>(t.mutable_data())[i] = x;
    }
    return t;
  }
  for (int64_t i = 0; i < count; ++i) {
    if (is_float(dtype))
      store_real(t, i, random.uniform(-2, 2));
    else if (dtype == DType::boolean)
      store_integer(t, i, random.between(0, 1));
    else
      store_integer(t, i,
                    random.between(1, bits(dtype) <= 2 ? 1 : 5) *
                        (signs && !is_unsigned(dtype) && random.chance(0.5) ? -1 : 1));
  }
  return t;
}

std::string element_text(const Tensor& t, int64_t i) {
  if (t.dtype() == DType::string) return t.strings()[size_t(i)];
  if (is_integer(t.dtype())) return std::to_string(load_integer(t, i));
  return std::to_string(load_real(t, i));
}

bool near(const Tensor& a, const Tensor& b, int64_t i, double relative, double absolute) {
  if (a.dtype() == DType::string) return a.strings()[size_t(i)] == b.strings()[size_t(i)];
  if (is_integer(a.dtype()) || a.dtype() == DType::boolean)
    return load_integer(a, i) == load_integer(b, i);
  const double x = load_real(a, i), y = load_real(b, i);
  if (std::isnan(x) || std::isnan(y)) return std::isnan(x) && std::isnan(y);
  if (x == y) return true;
  return std::abs(x - y) <= relative * std::max(std::abs(x), std::abs(y)) + absolute;
}

}  // namespace

Datum random_datum(const Type& type, Dim::Bindings& bindings, Random& random, bool signs) {
  if (type.is_tensor())
    return Datum(random_tensor(type.tensor.dtype, extents_of(type.tensor.shape, bindings, random),
                               random, signs));
  Datum d;
  d.empty_type = type.element();
  switch (type.wrappers[0]) {
    case Type::Wrapper::sequence: d.kind = Datum::Kind::sequence; break;
    case Type::Wrapper::optional: d.kind = Datum::Kind::optional; break;
    case Type::Wrapper::map: d.kind = Datum::Kind::map; break;
  }
  const int items = d.kind == Datum::Kind::optional ? 1 : 2;
  for (int i = 0; i < items; ++i)
    d.items.push_back(random_datum(type.element(), bindings, random, signs));
  if (d.kind == Datum::Kind::map)
    d.tensor = type.key == DType::string ? Tensor::of_strings({2}, {"a", "b"})
                                         : Tensor::of({2}, std::vector<int64_t>{1, 2});
  return d;
}

std::vector<Datum> random_inputs(const Graph& graph, Dim::Bindings& bindings, Random& random) {
  std::vector<Datum> inputs;
  for (ValueId v : graph.inputs) inputs.push_back(random_datum(graph[v].type, bindings, random));
  return inputs;
}

std::string difference(const Datum& a, const Datum& b, double relative, double absolute) {
  if (a.kind != b.kind || a.items.size() != b.items.size())
    return "different kinds: " + a.type().str() + " and " + b.type().str();
  for (size_t i = 0; i < a.items.size(); ++i)
    if (auto text = difference(a.items[i], b.items[i], relative, absolute); !text.empty())
      return "item " + std::to_string(i) + ": " + text;
  if (a.kind == Datum::Kind::sequence || a.kind == Datum::Kind::optional) return "";
  const Tensor &x = a.tensor, &y = b.tensor;
  if (x.dtype() != y.dtype() || x.shape() != y.shape())
    return "types " + x.type().str() + " and " + y.type().str();
  if (is_complex(x.dtype())) {
    const DType part = x.dtype() == DType::c64 ? DType::f32 : DType::f64;
    auto parts = [&](const Tensor& t) {
      return Datum(Tensor::view(part, {t.count(), 2}, const_cast<std::byte*>(t.data()), nullptr));
    };
    return difference(parts(x), parts(y), relative, absolute);
  }
  for (int64_t i = 0; i < x.count(); ++i)
    if (!near(x, y, i, relative, absolute))
      return "element " + std::to_string(i) + " of " + x.type().str() + ": " + element_text(x, i) +
             " and " + element_text(y, i);
  return "";
}

std::string difference(const std::vector<Datum>& a, const std::vector<Datum>& b, double relative,
                       double absolute) {
  if (a.size() != b.size())
    return std::to_string(a.size()) + " and " + std::to_string(b.size()) + " results";
  for (size_t i = 0; i < a.size(); ++i)
    if (auto text = difference(a[i], b[i], relative, absolute); !text.empty())
      return "result " + std::to_string(i) + ", " + text;
  return "";
}

std::string quantized_difference(const std::vector<Datum>& a, const std::vector<Datum>& b,
                                 double tolerance) {
  if (a.size() != b.size()) return "numbers of results differ";
  for (size_t i = 0; i < a.size(); ++i) {
    const Tensor &x = a[i].tensor, &y = b[i].tensor;
    if (is_float(x.dtype())) {
      if (std::string found = difference(a[i], b[i], tolerance, tolerance); !found.empty())
        return found;
      continue;
    }
    if (x.dtype() != y.dtype() || x.shape() != y.shape()) return "types differ";
    for (int64_t k = 0; k < x.count(); ++k)
      if (std::abs(load_integer(x, k) - load_integer(y, k)) > 1)
        return "element " + std::to_string(k) + ": " + std::to_string(load_integer(x, k)) +
               " and " + std::to_string(load_integer(y, k));
  }
  return "";
}

bool quantizes(std::string_view op) {
  return op == "quantized_rms_normalization" || op == "quantized_swiglu";
}

bool identical(const Datum& a, const Datum& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i)
    if (!identical(a.items[i], b.items[i])) return false;
  if (a.kind == Datum::Kind::sequence || a.kind == Datum::Kind::optional) return true;
  const Tensor &x = a.tensor, &y = b.tensor;
  if (x.dtype() != y.dtype() || x.shape() != y.shape()) return false;
  if (x.dtype() == DType::string) return x.strings() == y.strings();
  if (x.byte_size() == 0 || std::memcmp(x.data(), y.data(), size_t(x.byte_size())) == 0)
    return true;
  if (x.dtype() != DType::f32) return false;
  // Which of the bits of two NaN an operation hands on, compilers decide.
  const auto equal = [](float p, float q) {
    return std::memcmp(&p, &q, sizeof p) == 0 || (std::isnan(p) && std::isnan(q));
  };
  return std::ranges::equal(x.as<float>(), y.as<float>(), equal);
}

}  // namespace hone::testing
