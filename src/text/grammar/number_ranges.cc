#include "text/grammar/number_ranges.h"

#include <algorithm>
#include <string>

namespace hone::grammar {
namespace {

constexpr uint64_t kMost = 999'999'999'999'999;  // 15 digits, which doubles keep

class Digits {
 public:
  explicit Digits(Rules& rules) : rules_(rules) {}

  ExpressionId any(size_t count) {
    const auto n = static_cast<uint32_t>(count);
    return rules_.repeat(rules_.set({{'0', '9'}}), n, n);
  }
  ExpressionId one(char low, char high) {
    return low > high ? rules_.never()
                      : rules_.set({{static_cast<char32_t>(low), static_cast<char32_t>(high)}});
  }
  // As many digits as `low`, a number that is as large.
  ExpressionId from(std::string_view low) {
    if (low.empty()) return rules_.empty();
    const auto rest = low.substr(1);
    const ExpressionId equal = rules_.sequence({one(low[0], low[0]), from(rest)});
    const ExpressionId larger =
        rules_.sequence({one(static_cast<char>(low[0] + 1), '9'), any(rest.size())});
    return rules_.choice({equal, larger});
  }
  ExpressionId up_to(std::string_view high) {
    if (high.empty()) return rules_.empty();
    const auto rest = high.substr(1);
    const ExpressionId equal = rules_.sequence({one(high[0], high[0]), up_to(rest)});
    const ExpressionId smaller =
        rules_.sequence({one('0', static_cast<char>(high[0] - 1)), any(rest.size())});
    return rules_.choice({equal, smaller});
  }
  // Two numbers of as many digits.
  ExpressionId between(std::string_view low, std::string_view high) {
    if (low.empty()) return rules_.empty();
    const auto low_rest = low.substr(1), high_rest = high.substr(1);
    if (low[0] == high[0]) {
      return rules_.sequence({one(low[0], low[0]), between(low_rest, high_rest)});
    }
    const ExpressionId first = rules_.sequence({one(low[0], low[0]), from(low_rest)});
    const ExpressionId last = rules_.sequence({one(high[0], high[0]), up_to(high_rest)});
    const ExpressionId inside = rules_.sequence(
        {one(static_cast<char>(low[0] + 1), static_cast<char>(high[0] - 1)), any(low_rest.size())});
    return rules_.choice({first, inside, last});
  }

 private:
  Rules& rules_;
};

// Without a sign.
ExpressionId naturals(Rules& rules, uint64_t low, uint64_t high) {
  Digits digits(rules);
  std::vector<ExpressionId> kids;
  while (low <= high) {
    const std::string first = std::to_string(low);
    const std::string nines(first.size(), '9');
    const std::string last = std::to_string(high);
    if (last.size() == first.size()) {
      kids.push_back(digits.between(first, last));
      break;
    }
    kids.push_back(digits.between(first, nines));
    low = std::stoull(nines) + 1;
  }
  return rules.choice(std::move(kids));
}

uint64_t magnitude(int64_t value) {
  return value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
}

// The largest magnitude that is asked for on one side of zero.
uint64_t farthest(std::optional<int64_t> bound, uint64_t nearest) {
  return bound ? magnitude(*bound) : std::max(nearest, kMost);
}

}  // namespace

ExpressionId integers_between(Rules& rules, const IntegerRange& range) {
  std::vector<ExpressionId> kids;
  if (range.least && range.most && *range.least > *range.most) return rules.never();
  if (!range.most || *range.most >= 0) {
    const uint64_t low = range.least && *range.least > 0 ? magnitude(*range.least) : 0;
    kids.push_back(naturals(rules, low, farthest(range.most, low)));
  }
  if (!range.least || *range.least < 0) {
    const uint64_t low = range.most && *range.most < 0 ? magnitude(*range.most) : 1;
    kids.push_back(
        rules.sequence({rules.literal("-"), naturals(rules, low, farthest(range.least, low))}));
  }
  return rules.choice(std::move(kids));
}

namespace {

// Numbers without a sign from `low` to `high` (no end where it is none).
ExpressionId magnitudes(Rules& rules, uint64_t low, bool above, std::optional<uint64_t> high,
                        bool below) {
  if (high && (low > *high || (low == *high && (above || below)))) return rules.never();
  const uint64_t last = high ? *high : std::max(low, kMost);
  const ExpressionId point = rules.literal(".");
  const ExpressionId digit = rules.set({{'0', '9'}});
  const ExpressionId fraction = rules.sequence({point, rules.repeat(digit, 1, 16)});
  // Some digit is not zero.
  const ExpressionId some = rules.sequence({point, rules.repeat(rules.literal("0"), 0, 8),
                                            rules.set({{'1', '9'}}), rules.repeat(digit, 0, 8)});
  std::vector<ExpressionId> kids;
  if (!above) kids.push_back(rules.literal(std::to_string(low)));
  if (low < last || !high) {
    kids.push_back(rules.sequence({rules.literal(std::to_string(low)), above ? some : fraction}));
  }
  const uint64_t inner = last > 0 ? last - 1 : 0;
  if (low + 1 <= inner) {
    kids.push_back(rules.sequence({naturals(rules, low + 1, inner), rules.optional(fraction)}));
  }
  if (!below && last > low) kids.push_back(rules.literal(std::to_string(last)));
  return rules.choice(std::move(kids));
}

}  // namespace

ExpressionId numbers_between(Rules& rules, const NumberRange& range) {
  std::vector<ExpressionId> kids;
  if (!range.most || *range.most >= 0) {
    const bool bounded = range.least && *range.least >= 0;
    std::optional<uint64_t> high;
    if (range.most) high = magnitude(*range.most);
    kids.push_back(magnitudes(rules, bounded ? magnitude(*range.least) : 0, bounded && range.above,
                              high, range.below));
  }
  if (!range.least || *range.least < 0) {
    // Zero has no sign.
    const bool bounded = range.most && *range.most < 0;
    std::optional<uint64_t> high;
    if (range.least) high = magnitude(*range.least);
    const ExpressionId inside = magnitudes(rules, bounded ? magnitude(*range.most) : 0,
                                           !bounded || range.below, high, range.above);
    kids.push_back(rules.sequence({rules.literal("-"), inside}));
  }
  return rules.choice(std::move(kids));
}

}  // namespace hone::grammar
