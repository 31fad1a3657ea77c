#include "api/random_input.h"

#include <cstring>

#include "base/checked.h"
#include "base/hash.h"

namespace hone {
namespace {

double unit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

void fill(Tensor& t, uint64_t seed) {
  const DType dtype = t.dtype();
  for (int64_t i = 0; i < t.count(); ++i) {
    const uint64_t bits = mix64(seed + static_cast<uint64_t>(i));
    if (dtype == DType::string) {
      t.mutable_strings()[static_cast<size_t>(i)] = std::string(1, char('a' + bits % 26));
    } else if (is_complex(dtype)) {
      const double part[2] = {2 * unit(bits) - 1, 2 * unit(mix64(bits)) - 1};
      const float narrow[2] = {float(part[0]), float(part[1])};
      if (dtype == DType::c64)
        std::memcpy(t.mutable_data() + i * 8, narrow, sizeof narrow);
      else
        std::memcpy(t.mutable_data() + i * 16, part, sizeof part);
    } else if (is_float(dtype)) {
      store_real(t, i, 2 * unit(bits) - 1);
    } else {
      store_integer(t, i, static_cast<int64_t>(bits & 1));
    }
  }
}

Result<Tensor> random_tensor(const TensorType& type, uint64_t seed, const Dim::Bindings& bindings,
                             const Limits& limits) {
  if (!type.shape.ranked)
    return fail(ErrorId::bad_data,
                "the model does not say how many axes the input has; give a "
                "file for it with --input");
  Dim::Bindings known = bindings;
  Extents extents;
  for (const Dim& d : type.shape.dims) {
    d.each_symbol([&](const std::string& symbol) { known.emplace(symbol, 1); });
    const auto extent = d.is_unknown() ? std::optional<int64_t>(1) : d.evaluate(known);
    if (!extent || *extent < 0)
      return fail(ErrorId::bad_data, "the size " + d.str() + " is not a size under these bindings");
    extents.push_back(*extent);
  }
  if (type.dtype == DType::string) {
    const auto count = checked_product(extents);
    if (!count || static_cast<uint64_t>(*count) > limits.runtime_memory / sizeof(std::string))
      return fail(ErrorId::over_memory, "an input of type " + type.str() + " is too large");
    Tensor t = Tensor::of_strings(extents, std::vector<std::string>(size_t(*count)));
    fill(t, seed);
    return t;
  }
  Tensor t = TRY(Tensor::make(type.dtype, std::move(extents), limits.runtime_memory));
  fill(t, seed);
  return t;
}

}  // namespace

Result<Datum> random_datum(const Type& type, uint64_t seed, const Dim::Bindings& bindings,
                           const Limits& limits) {
  // Wrappers are few: the reader bounds them.
  Datum datum(TRY(random_tensor(type.tensor, mix64(seed), bindings, limits)));
  for (size_t w = type.wrappers.size(); w-- > 0;) {
    Datum outer;
    switch (type.wrappers[w]) {
      case Type::Wrapper::sequence: outer.kind = Datum::Kind::sequence; break;
      case Type::Wrapper::optional: outer.kind = Datum::Kind::optional; break;
      case Type::Wrapper::map:
        outer.kind = Datum::Kind::map;
        if (type.key == DType::string)
          outer.tensor = Tensor::of_strings({1}, {"a"});
        else
          outer.tensor = TRY(Tensor::make(type.key, {1}));
        break;
    }
    outer.items.push_back(std::move(datum));
    datum = std::move(outer);
  }
  return datum;
}

}  // namespace hone
