#include "import/arch/decoder.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/text.h"
#include "import/arch/names.h"

namespace hone::arch {

#define DECODER(name) const Decoder& name##_decoder();
#include "import/arch/decoders.def"
#undef DECODER

std::span<const Decoder* const> all_decoders() {
  static const Decoder* const kAll[] = {
#define DECODER(name) &name##_decoder(),
#include "import/arch/decoders.def"
#undef DECODER
  };
  return kAll;
}

const Decoder* decoder_named(std::string_view gguf_name) {
  for (const Decoder* d : all_decoders())
    if (d->name == gguf_name) return d;
  return nullptr;
}

const Decoder* decoder_of_hf(std::string_view model_type) {
  for (const Decoder* d : all_decoders())
    if (lists(d->hf_types, model_type)) return d;
  return nullptr;
}

std::string known_decoders() {
  std::string out;
  for (const Decoder* d : all_decoders()) out += (out.empty() ? "" : ", ") + std::string(d->name);
  return out;
}

bool DecoderConfig::has_window(int64_t layer) const {
  if (!windows.empty()) return window > 0 && windows[size_t(layer)];
  if (window <= 0 || !decoder->windowed) return false;
  const int64_t period = decoder->window_period;
  return period == 0 || layer % period != period - 1;
}

bool DecoderConfig::has_rope(int64_t layer) const {
  if (!ropes.empty()) return rope != Rope::none && ropes[size_t(layer)];
  const int64_t period = decoder->no_rope_period;
  return rope != Rope::none && (period == 0 || (layer + 1) % period != 0);
}

Status RopeScaling::check(int64_t rotated) const {
  const auto wrong = [](std::string_view what) {
    return fail(ErrorId::bad_data, "the scaling of the rope: " + std::string(what));
  };
  for (const double number : {factor, high - low, low, fast, slow})
    if (kind != Kind::none && (!(number > 0) || !std::isfinite(number)))
      return wrong("factors must be positive numbers, high ones above low ones");
  if (!std::isfinite(attention) || attention < 0) return wrong("the factor of attention");
  const bool by_context = kind != Kind::none && kind != Kind::linear;
  if (by_context && original_context < 1) return wrong("the original context is not given");
  for (const auto* factors : {&short_factors, &long_factors}) {
    if (factors->empty()) continue;
    if (factors->size() != size_t(rotated / 2))
      return wrong(std::to_string(factors->size()) + " factors for " + std::to_string(rotated / 2) +
                   " pairs");
    for (const float f : *factors)
      if (!(f > 0) || !std::isfinite(f)) return wrong("factors must be positive numbers");
  }
  return ok();
}

Status DecoderConfig::check() const {
  constexpr int64_t kMost = 1 << 24;
  TRY(in_range("the number of layers", layers, 1, 4096));
  TRY(in_range("the width", width, 1, kMost));
  TRY(in_range("the size of a head", head, 1, 65536));
  TRY(in_range("the vocabulary", vocabulary, 1, kMost));
  TRY(in_range("the context", context, 1, int64_t{1} << 32));
  for (const auto* sizes : {&heads, &kv_heads, &feed_forward})
    if (sizes->size() != size_t(layers))
      return fail(ErrorId::bad_data, "sizes of " + std::to_string(sizes->size()) + " layers for " +
                                         std::to_string(layers));
  for (const auto* of_layers : {&windows, &ropes})
    if (!of_layers->empty() && of_layers->size() != size_t(layers))
      return fail(ErrorId::bad_data, "kinds of " + std::to_string(of_layers->size()) +
                                         " layers for " + std::to_string(layers));
  for (size_t i = 0; i < size_t(layers); ++i) {
    TRY(in_range("the number of heads", heads[i], 1, 65536));
    TRY(in_range("the number of key heads", kv_heads[i], 1, heads[i]));
    TRY(in_range("the width of feed-forward", feed_forward[i], 1, kMost));
    if (heads[i] % kv_heads[i] != 0)
      return fail(ErrorId::bad_data, std::to_string(heads[i]) + " query heads cannot share " +
                                         std::to_string(kv_heads[i]) + " key heads");
  }
  if (rope != Rope::none) {
    TRY(in_range("the rotated part of a head", rotated, 2, head));
    if (rotated % 2 != 0)
      return fail(ErrorId::bad_data,
                  "the rotated part of a head is odd: " + std::to_string(rotated));
    if (!(rope_base > 0) || !std::isfinite(rope_base))
      return fail(ErrorId::bad_data, "the base of the rope must be a positive number");
    TRY(scaling.check(rotated));
  }
  if (!(epsilon >= 0) || !std::isfinite(epsilon))
    return fail(ErrorId::bad_data, "the epsilon of norms must be a number of at least 0");
  return ok();
}

namespace {

// Meta's rule for Llama 3.1 and later: long waves are stretched, short ones are not.
double llama3_divisor(const RopeScaling& s, double turns) {
  const double wave = 2 * std::numbers::pi / turns, context = double(s.original_context);
  if (wave < context / s.high) return 1;
  if (wave > context / s.low) return s.factor;
  const double part = (context / wave - s.low) / (s.high - s.low);
  return 1 / ((1 - part) / s.factor + part);
}

// YaRN (Peng et al. 2023): between the pairs that turn often and those that turn seldom within the
// original context, a ramp from the frequency as it is to the stretched one.
double yarn_turns(const DecoderConfig& c, const RopeScaling& s, double base, int64_t i,
                  double turns) {
  const auto n = double(c.rotated);
  const auto pair_that_turns = [&](double times) {
    return n * std::log(double(s.original_context) / (times * 2 * std::numbers::pi)) /
           (2 * std::log(base));
  };
  double low = pair_that_turns(s.fast), high = pair_that_turns(s.slow);
  if (s.whole_pairs) low = std::floor(low), high = std::ceil(high);
  low = std::max(0.0, low), high = std::min(n - 1, high);
  const double ramp = std::clamp((double(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
  return turns / s.factor * ramp + turns * (1 - ramp);
}

double attention_scale(const DecoderConfig& c, const RopeScaling& s) {
  if (s.kind == RopeScaling::Kind::yarn)
    return s.attention > 0 ? s.attention : 0.1 * std::log(std::max(1.0, s.factor)) + 1;
  if (s.kind != RopeScaling::Kind::longrope) return 1;
  if (s.attention > 0) return s.attention;
  const double stretch = double(c.context) / double(std::max<int64_t>(1, s.original_context));
  return stretch <= 1 ? 1 : std::sqrt(1 + std::log(stretch) / std::log(double(s.original_context)));
}

}  // namespace

Frequencies frequencies_of(const DecoderConfig& config, double base, const RopeScaling& s,
                           std::span<const float> factors) {
  Frequencies out;
  out.scale = attention_scale(config, s);
  const std::vector<float>& stretch =
      config.context > s.original_context ? s.long_factors : s.short_factors;
  for (int64_t i = 0; i < config.rotated / 2; ++i) {
    double turns = std::pow(base, -2 * double(i) / double(config.rotated));
    const auto at = size_t(i);
    if (at < factors.size()) turns /= factors[at];
    switch (s.kind) {
      case RopeScaling::Kind::none: break;
      case RopeScaling::Kind::linear: turns /= s.factor; break;
      case RopeScaling::Kind::llama3: turns /= llama3_divisor(s, turns); break;
      case RopeScaling::Kind::yarn: turns = yarn_turns(config, s, base, i, turns); break;
      case RopeScaling::Kind::longrope:
        if (at < stretch.size()) turns /= stretch[at];
        break;
    }
    out.turns.push_back(turns);
  }
  return out;
}

}  // namespace hone::arch
