// Checks the options of a sampler.
#include <fmt/format.h>

#include <cmath>

#include "text/sampling/sampler.h"

namespace hone {
namespace {

Status check_range(std::string_view name, float value, float low, float high) {
  if (value >= low && value <= high) return ok();  // NaN is not
  return fail(ErrorId::usage,
              fmt::format("the sampling option `{}` is {}; it has to be from {} to {}", name, value,
                          low, high));
}

}  // namespace

Status check(const SamplingOptions& o) {
  constexpr float kLarge = 1e6f;
  TRY(check_range("repeat_penalty", o.repeat_penalty, 1e-3f, kLarge));
  TRY(check_range("frequency_penalty", o.frequency_penalty, -kLarge, kLarge));
  TRY(check_range("presence_penalty", o.presence_penalty, -kLarge, kLarge));
  TRY(check_range("dry_multiplier", o.dry_multiplier, 0, kLarge));
  TRY(check_range("dry_base", o.dry_base, 1, kLarge));
  TRY(check_range("top_n_sigma", o.top_n_sigma, -kLarge, kLarge));
  TRY(check_range("typical_p", o.typical_p, 0, 1));
  TRY(check_range("top_p", o.top_p, 0, 1));
  TRY(check_range("min_p", o.min_p, 0, 1));
  TRY(check_range("xtc_probability", o.xtc_probability, 0, 1));
  TRY(check_range("xtc_threshold", o.xtc_threshold, 0, 1));
  TRY(check_range("temperature", o.temperature, -kLarge, kLarge));
  TRY(check_range("dynatemp_range", o.dynatemp_range, 0, kLarge));
  TRY(check_range("dynatemp_exponent", o.dynatemp_exponent, 0, kLarge));
  TRY(check_range("mirostat_tau", o.mirostat_tau, 0, kLarge));
  TRY(check_range("mirostat_eta", o.mirostat_eta, 0, 1));
  if (o.mirostat < 0 || o.mirostat > 2) {
    return fail(ErrorId::usage, "the sampling option `mirostat` is 0, 1 or 2");
  }
  if (o.top_k < 0) return fail(ErrorId::usage, "the sampling option `top_k` is 0 or more");
  if (o.dry_allowed_length < 1) {
    return fail(ErrorId::usage, "the sampling option `dry_allowed_length` is 1 or more");
  }
  for (const LogitBias& bias : o.logit_bias) {
    if (bias.token < 0 || std::isnan(bias.bias)) {
      return fail(ErrorId::usage,
                  fmt::format("the bias {} of token {} is none", bias.bias, bias.token));
    }
  }
  return ok();
}

std::vector<int32_t> tokens_with(std::span<const std::string_view> pieces,
                                 std::span<const std::string_view> breakers) {
  std::vector<int32_t> made;
  for (size_t id = 0; id < pieces.size(); ++id) {
    for (const std::string_view breaker : breakers) {
      if (breaker.empty() || pieces[id].find(breaker) == std::string_view::npos) continue;
      made.push_back(static_cast<int32_t>(id));
      break;
    }
  }
  return made;
}

}  // namespace hone
