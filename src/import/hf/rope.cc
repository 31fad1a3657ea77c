#include "import/hf/rope.h"

#include <cmath>

#include "base/text.h"

namespace hone::hf {
namespace {

using arch::DecoderConfig;
using arch::RopeScaling;

double yarn_magnitude(double factor, double weight) {
  return factor <= 1 ? 1 : 0.1 * weight * std::log(factor) + 1;
}

class Reader {
 public:
  Reader(const Config& config, std::string_view model_type, DecoderConfig& to)
      : in_(config), type_(model_type), to_(to) {}

  Status read() {
    to_.rope_base = TRY(in_.real_or("rope_theta", to_.rope_base));
    double part = TRY(in_.real_or("partial_rotary_factor", 1));
    // First the name of today, then the one before.
    auto given = TRY(in_.inside("rope_parameters"));
    if (!given) given = TRY(in_.inside("rope_scaling"));
    if (given) {
      // Gemma's, one for each kind of layer.
      if (const auto whole = TRY(given->inside("full_attention"))) {
        if (const auto local = TRY(given->inside("sliding_attention")))
          to_.local_rope_base = TRY(local->real_or("rope_theta", to_.local_rope_base));
        given = whole;
      }
      to_.rope_base = TRY(given->real_or("rope_theta", to_.rope_base));
      part = TRY(given->real_or("partial_rotary_factor", part));
    }
    if (!(part > 0) || part > 1)
      return fail(ErrorId::bad_data, "'partial_rotary_factor' must lie between 0 and 1");
    to_.rotated = int64_t(double(to_.head) * part);
    return given ? read_scaling(*given) : ok();
  }

 private:
  Status read_scaling(const Config& c) {
    RopeScaling& s = to_.scaling;
    std::string kind = TRY(c.text_or("type", "default"));
    kind = TRY(c.text_or("rope_type", kind));
    if (kind == "default") return ok();
    // Phi 3 was published with other names for it.
    if (kind == "su" || (kind == "yarn" && type_ == "phi3")) kind = "longrope";
    s.factor = TRY(c.real_or("factor", 1));
    s.original_context = TRY(in_.integer_or("original_max_position_embeddings", to_.context));
    s.original_context = TRY(c.integer_or("original_max_position_embeddings", s.original_context));
    s.attention = TRY(c.real_or("attention_factor", 0));
    if (kind == "linear") return keep(RopeScaling::Kind::linear);
    if (kind == "llama3") {
      s.low = TRY(c.real_or("low_freq_factor", 1));
      s.high = TRY(c.real_or("high_freq_factor", 4));
      return keep(RopeScaling::Kind::llama3);
    }
    if (kind == "yarn") return read_yarn(c);
    if (kind == "longrope") return read_long(c);
    Error error = fail(ErrorId::unsupported_feature, "the rope scaling '" + printable(kind) +
                                                         "'; known are default, linear, "
                                                         "llama3, yarn, longrope");
    if (kind == "dynamic")
      error.hint =
          "it changes with the length of the text, and so would all that is cached; "
          "remove 'rope_scaling' from config.json to stay within the trained context";
    return error;
  }

  Status read_yarn(const Config& c) {
    RopeScaling& s = to_.scaling;
    s.fast = TRY(c.real_or("beta_fast", 32));
    s.slow = TRY(c.real_or("beta_slow", 1));
    const double weight = TRY(c.real_or("mscale", 0)), all = TRY(c.real_or("mscale_all_dim", 0));
    if (s.attention == 0 && weight != 0 && all != 0)
      s.attention = yarn_magnitude(s.factor, weight) / yarn_magnitude(s.factor, all);
    s.whole_pairs = TRY(c.flag_or("truncate", true));
    return keep(RopeScaling::Kind::yarn);
  }

  Status read_long(const Config& c) {
    RopeScaling& s = to_.scaling;
    s.short_factors = TRY(c.reals("short_factor"));
    s.long_factors = TRY(c.reals("long_factor"));
    if (s.short_factors.empty() || s.long_factors.empty())
      return fail(ErrorId::bad_data, "the rope scaling has no 'short_factor' or no 'long_factor'");
    return keep(RopeScaling::Kind::longrope);
  }

  Status keep(RopeScaling::Kind kind) {
    to_.scaling.kind = kind;
    return ok();
  }

  const Config& in_;
  std::string_view type_;
  DecoderConfig& to_;
};

}  // namespace

Status read_rope(const Config& config, std::string_view model_type, DecoderConfig& to) {
  return Reader(config, model_type, to).read();
}

}  // namespace hone::hf
