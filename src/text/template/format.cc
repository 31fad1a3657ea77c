// "%s and %d" % (a, b): the printf-like formatting of Python's strings.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "text/template/evaluator.h"
#include "text/template/text_operations.h"

namespace hone::jinja {
namespace {

struct Directive {
  bool left = false, plus = false, space = false, zero = false, other = false;
  int64_t width = 0, precision = -1;
  char kind = 's';
};

class Formatter {
 public:
  Formatter(Evaluator& run, const Marked& pattern, const Value& values)
      : run_(run), pattern_(pattern), bytes_(pattern.bytes()), values_(values) {}
  Result<Value> format();

 private:
  Result<Value> next_value();
  Result<Directive> directive();
  Result<int64_t> number();
  Status put(const Directive& directive, const Value& value);
  Status pad(const Directive& directive, const Marked& text, bool number);
  Result<std::string> digits(const Directive& directive, const Value& value) const;
  bool tuple() const {
    return values_.is(Value::Kind::list) && values_.list().form == List::Form::tuple;
  }

  Evaluator& run_;
  const Marked& pattern_;
  std::string_view bytes_;
  const Value& values_;
  std::optional<Value> named_;  // the value of the %(name) at hand
  size_t at_ = 0, taken_ = 0;
  MarkedBuilder made_;
};

Result<Value> Formatter::format() {
  while (at_ < bytes_.size()) {
    const size_t mark = std::min(bytes_.find('%', at_), bytes_.size());
    made_.add(pattern_, at_, mark - at_);
    at_ = mark;
    if (at_ == bytes_.size()) break;
    ++at_;
    const bool trusted = pattern_.trusted_at(mark);
    const Directive found = TRY(directive());
    if (found.kind == '%') {
      made_.add("%", trusted);
      continue;
    }
    const Value value = named_ ? *std::exchange(named_, std::nullopt) : TRY(next_value());
    TRY(put(found, value));
    if (made_.size() > run_.options().limits.output) TRY(run_.work(made_.size()));
  }
  if (tuple() && taken_ < values_.list().items.size()) {
    return run_.error("not all values of a format were used");
  }
  if (!tuple() && taken_ == 0 && !values_.is(Value::Kind::map) && !values_.is(Value::Kind::list) &&
      !values_.is(Value::Kind::undefined)) {
    return run_.error("not all values of a format were used");
  }
  return run_.text(made_);
}

Result<Value> Formatter::next_value() {
  if (!tuple()) {
    if (taken_++ > 0) return run_.error("a format needs more values");
    return values_;
  }
  const auto& all = values_.list().items;
  if (taken_ == all.size()) return run_.error("a format needs more values");
  return all[taken_++];
}

Result<int64_t> Formatter::number() {
  int64_t made = 0;
  while (at_ < bytes_.size() && bytes_[at_] >= '0' && bytes_[at_] <= '9') {
    made = made * 10 + (bytes_[at_++] - '0');
    if (made > (1 << 20)) return run_.error("a width in a format is too large");
  }
  return made;
}

Result<Directive> Formatter::directive() {
  Directive made;
  if (at_ < bytes_.size() && bytes_[at_] == '(') {
    const size_t end = bytes_.find(')', at_);
    if (end == std::string_view::npos || !values_.is(Value::Kind::map)) {
      return run_.error("%(name) in a format needs a dict");
    }
    const std::string_view name = bytes_.substr(at_ + 1, end - at_ - 1);
    const Value* found = values_.map().find(name);
    if (found == nullptr)
      return run_.error("a format names `{}`, which the dict lacks", printable(name));
    named_ = *found;
    at_ = end + 1;
  }
  for (; at_ < bytes_.size(); ++at_) {
    const char c = bytes_[at_];
    if (c == '-') {
      made.left = true;
    } else if (c == '+') {
      made.plus = true;
    } else if (c == ' ') {
      made.space = true;
    } else if (c == '0') {
      made.zero = true;
    } else if (c == '#') {
      made.other = true;
    } else {
      break;
    }
  }
  made.width = TRY(number());
  if (at_ < bytes_.size() && bytes_[at_] == '.') {
    ++at_;
    made.precision = TRY(number());
  }
  if (at_ == bytes_.size()) return run_.error("a format ends inside of a directive");
  made.kind = bytes_[at_++];
  return made;
}

Status Formatter::pad(const Directive& directive, const Marked& text, bool number) {
  Marked shown = text;
  if (number && directive.zero && !directive.left) {
    const std::string_view bytes = text.bytes();
    const bool sign = !bytes.empty() && (bytes[0] == '-' || bytes[0] == '+' || bytes[0] == ' ');
    const Marked rest = text.part(sign ? 1 : 0, text.size());
    const Value filled =
        TRY(padded(run_, rest, directive.width - (sign ? 1 : 0), Place::left, Marked("0", true)));
    made_.add(text, 0, sign ? 1 : 0);
    made_.add(filled.text());
    return ok();
  }
  const Value filled = TRY(padded(run_, shown, directive.width,
                                  directive.left ? Place::right : Place::left, Marked(" ", true)));
  made_.add(filled.text());
  return ok();
}

Result<std::string> Formatter::digits(const Directive& directive, const Value& value) const {
  if (value.is(Value::Kind::undefined)) return run_.undefined_error(value);
  if (!value.is_number())
    return run_.error("%{} needs a number, not a {}", directive.kind, type_name(value));
  const int precision =
      directive.precision < 0 ? 6 : static_cast<int>(std::min<int64_t>(directive.precision, 300));
  const double real = value.real();
  switch (directive.kind) {
    case 'f':
    case 'F': return fmt::format("{:.{}f}", real, precision);
    case 'e': return fmt::format("{:.{}e}", real, precision);
    case 'E': return fmt::format("{:.{}E}", real, precision);
    case 'g': return fmt::format("{:.{}g}", real, precision);
    case 'G': return fmt::format("{:.{}G}", real, precision);
    default: break;
  }
  int64_t whole = 0;
  if (value.is_integral()) {
    whole = value.integer();
  } else {
    if (directive.kind == 'x' || directive.kind == 'X' || directive.kind == 'o') {
      return run_.error("%{} needs an integer", directive.kind);
    }
    if (!(std::fabs(real) < 0x1p63)) return run_.error("an integer does not fit in 64 bits");
    whole = static_cast<int64_t>(real);
  }
  std::string made;
  const uint64_t magnitude =
      whole < 0 ? ~static_cast<uint64_t>(whole) + 1 : static_cast<uint64_t>(whole);
  switch (directive.kind) {
    case 'x': made = fmt::format("{}{:x}", directive.other ? "0x" : "", magnitude); break;
    case 'X': made = fmt::format("{}{:X}", directive.other ? "0X" : "", magnitude); break;
    case 'o': made = fmt::format("{}{:o}", directive.other ? "0o" : "", magnitude); break;
    default: made = std::to_string(magnitude);
  }
  if (directive.precision > static_cast<int64_t>(made.size())) {
    made.insert(0, static_cast<size_t>(directive.precision) - made.size(), '0');
  }
  return (whole < 0 ? "-" : "") + made;
}

Status Formatter::put(const Directive& directive, const Value& value) {
  constexpr std::string_view kNumbers = "diufFeEgGxXo";
  if (directive.kind == 's' || directive.kind == 'r' || directive.kind == 'a') {
    Marked text;
    if (directive.kind == 's') {
      text = TRY(run_.show(value));
    } else {
      MarkedBuilder shown;
      TRY(run_.represent(value, shown));
      text = shown.take();
    }
    if (directive.precision >= 0) {
      text = text.part(0, text.offset_of(static_cast<size_t>(directive.precision)));
    }
    return pad(directive, text, false);
  }
  if (directive.kind == 'c' && value.is(Value::Kind::text) && value.text().length() == 1) {
    return pad(directive, value.text(), false);
  }
  if (kNumbers.find(directive.kind) == std::string_view::npos) {
    return run_.error("a format knows no %{}", printable({&directive.kind, 1}));
  }
  std::string shown = TRY(digits(directive, value));
  if (!shown.starts_with('-')) {
    if (directive.plus) {
      shown.insert(0, "+");
    } else if (directive.space) {
      shown.insert(0, " ");
    }
  }
  return pad(directive, Marked(std::move(shown), true), true);
}

}  // namespace

Result<Value> format_text(Evaluator& run, const Marked& pattern, const Value& values) {
  return Formatter(run, pattern, values).format();
}

}  // namespace hone::jinja
