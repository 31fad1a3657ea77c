#include "hardware/formula.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/text.h"
#include "hardware/units.h"

namespace hone {
namespace {

constexpr int kDeepest = 16;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Evaluator {
 public:
  Evaluator(std::string_view text,
            const std::function<std::optional<double>(std::string_view)>& value_of)
      : text_(text), value_of_(value_of) {}

  Result<double> all() {
    const double value = TRY(sum(0));
    peek();
    if (at_ != text_.size()) return wrong("an operator is missing");
    if (!std::isfinite(value)) return fail(ErrorId::bad_device, "the formula gives no number");
    return value;
  }

 private:
  Result<double> sum(int depth) {
    double value = TRY(product(depth));
    while (peek() == '+' || peek() == '-') {
      const bool add = text_[at_++] == '+';
      const double other = TRY(product(depth));
      value += add ? other : -other;
    }
    return value;
  }

  Result<double> product(int depth) {
    double value = TRY(factor(depth));
    while (peek() == '*' || peek() == '/') {
      const bool times = text_[at_++] == '*';
      const double other = TRY(factor(depth));
      value = times ? value * other : value / other;
    }
    return value;
  }

  Result<double> factor(int depth) {
    const char c = peek();
    if (c == '(') {
      if (depth == kDeepest) return wrong("brackets are nested too deeply");
      ++at_;
      const double value = TRY(sum(depth + 1));
      if (peek() != ')') return wrong("a bracket does not close");
      ++at_;
      return value;
    }
    if (is_digit(c)) return number();
    if (!is_letter(c)) return wrong("a number or a name is missing");
    const std::string_view name = word();
    const auto value = value_of_(name);
    if (!value)
      return fail(ErrorId::bad_device, fmt::format("the formula uses {}, which the device does "
                                                   "not have",
                                                   printable(name)));
    return *value;
  }

  // With a unit behind it, as in "4.7 GHz" and "8 B".
  Result<double> number() {
    double value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, failure] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (failure != std::errc()) return wrong("a number is out of range");
    at_ += static_cast<size_t>(end - begin);
    if (!is_letter(peek())) return value;
    const size_t start = at_;
    std::string_view unit = word();
    // A slash belongs to the unit where the longer text is one: GB/s.
    if (text_.substr(at_).starts_with("/s") &&
        unit_factor(text_.substr(start, unit.size() + 2)).has_value()) {
      at_ += 2;
      unit = text_.substr(start, unit.size() + 2);
    }
    const auto known = unit_factor(unit);
    if (!known)
      return fail(ErrorId::bad_device,
                  fmt::format("there is no unit {} in the formula", printable(unit)));
    return value * *known;
  }

  std::string_view word() {
    const size_t start = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    return text_.substr(start, at_ - start);
  }

  // The next character that is no blank; 0 at the end.
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  Error wrong(std::string_view what) const {
    return fail(ErrorId::bad_device,
                fmt::format("{} at character {} of the formula", what, at_ + 1));
  }

  std::string_view text_;
  const std::function<std::optional<double>(std::string_view)>& value_of_;
  size_t at_ = 0;
};

}  // namespace

Result<double> evaluate(std::string_view formula,
                        const std::function<std::optional<double>(std::string_view)>& value_of) {
  return Evaluator(formula, value_of).all();
}

}  // namespace hone
