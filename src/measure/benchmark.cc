#include "measure/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/text.h"
#include "measure/contestant.h"
#include "workers/protocol.h"

namespace hone::measure {
namespace {

using workers::TensorSpan;

constexpr double kWarmUp = 0.2;  // seconds before the first round

// Largest |a - b| over largest |b|; infinite where only one is NaN.
double distance(const Tensor& a, const Tensor& b) {
  double largest = 0, scale = 0;
  for (int64_t i = 0; i < b.count(); ++i) {
    const double x = load_real(a, i), y = load_real(b, i);
    if (std::isnan(x) && std::isnan(y)) continue;
    if (x == y) {
      if (std::isfinite(y)) scale = std::max(scale, std::abs(y));
      continue;
    }
    if (!std::isfinite(x) || !std::isfinite(y)) return INFINITY;
    largest = std::max(largest, std::abs(x - y));
    scale = std::max(scale, std::abs(y));
  }
  return largest == 0 ? 0 : largest / std::max(scale, 1e-30);
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.data(), b.data(), size_t(a.byte_size())) == 0;
}

}  // namespace

Result<std::vector<NamedTensor>> outputs_in(const Json& reply, const workers::SharedMemory& memory,
                                            const std::vector<NamedTensor>& expected) {
  std::vector<NamedTensor> outputs;
  const auto spans = TRY(workers::read_tensors(reply, "outputs"));
  for (size_t i = 0; i < spans.size(); ++i) {
    const TensorSpan& span = spans[i];
    // No more than what is expected is copied.
    if (i >= expected.size() || span.bytes > uint64_t(expected[i].tensor.byte_size()))
      return fail(ErrorId::malformed, "the outputs are more or larger than those of the model");
    const auto bytes = TRY(memory.part(span.offset, span.bytes));
    const auto dtype = dtype_named(span.dtype);
    if (!dtype) return fail(ErrorId::bad_data, "an output of dtype " + printable(span.dtype));
    Tensor tensor = TRY(Tensor::make(*dtype, span.shape, uint64_t(bytes.size())));
    if (uint64_t(tensor.byte_size()) != span.bytes)
      return fail(ErrorId::malformed, "an output whose bytes are not those of its shape");
    std::memcpy(tensor.mutable_data(), bytes.data(), bytes.size());
    outputs.push_back({span.name, std::move(tensor)});
  }
  return outputs;
}

Parity compare_outputs(const std::vector<NamedTensor>& actual,
                       const std::vector<NamedTensor>& expected, double tolerance) {
  Parity parity;
  const auto differs = [&](std::string why) {
    parity.reason = std::move(why);
    return parity;
  };
  if (actual.size() != expected.size())
    return differs(fmt::format("{} outputs instead of {}", actual.size(), expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    const Tensor &a = actual[i].tensor, &b = expected[i].tensor;
    const std::string who = "output '" + printable(expected[i].name) + "'";
    if (actual[i].name != expected[i].name)
      return differs(who + " is called '" + printable(actual[i].name) + "'");
    if (a.dtype() != b.dtype() || a.shape() != b.shape())
      return differs(who + " is " + TensorType{a.dtype(), Shape::of(a.shape()), {}}.str() +
                     " instead of " + TensorType{b.dtype(), Shape::of(b.shape()), {}}.str());
    if (!is_float(b.dtype())) {
      if (!same_bytes(a, b)) return differs(who + " has other elements");
      continue;
    }
    parity.largest = std::max(parity.largest, distance(a, b));
    if (!(parity.largest <= tolerance))
      return differs(fmt::format("{} is off by {:.2g} of its largest element, {:.2g} is allowed",
                                 who, parity.largest, tolerance));
  }
  parity.equal = true;
  return parity;
}

std::vector<Measured> benchmark(const Subject& subject, const Plan& plan,
                                const std::function<void(size_t, size_t)>& progress) {
  std::vector<std::unique_ptr<Contestant>> contestants;
  for (const workers::Engine* engine : plan.engines)
    contestants.push_back(std::make_unique<Contestant>(subject, plan, *engine));
  const size_t steps = contestants.size() * size_t(plan.rounds + 1);
  size_t step = 0;
  const auto done = [&] {
    if (progress) progress(++step, steps);
  };
  for (auto& c : contestants) {
    c->prepare(kWarmUp);
    done();
  }
  for (int round = 0; round < plan.rounds; ++round) {
    // Another one begins each round.
    for (size_t i = 0; i < contestants.size(); ++i) {
      contestants[(i + size_t(round)) % contestants.size()]->take_turn();
      done();
    }
  }
  std::vector<Measured> results;
  for (auto& c : contestants) {
    c->finish();
    results.push_back(std::move(c->result));
  }
  return results;
}

}  // namespace hone::measure
