// Expressions by PCRE2 with its JIT; the only user of that library.
#include "text/tokenizer/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <string>

#include "base/text.h"

namespace hone::tokenizer {
namespace {

constexpr size_t kLongest = 64 << 10;         // bytes of an expression
constexpr uint32_t kMatchLimit = 10'000'000;  // steps from one place of the text
constexpr size_t kPlaces = 32;                // of a text that are tried before time is looked at
constexpr uint32_t kHeapLimit = 64 << 10;     // KiB of one search

// What the escapes of other engines mean, without brackets.
std::string_view meaning(char escape) {
  switch (escape) {
    case 's': return R"(\p{White_Space})";
    case 'd': return R"(\p{Nd})";
    case 'w': return R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control})";
    default: return {};
  }
}

// PCRE2 counts U+180E as a space, and its \w leaves out marks: rewritten by properties.
Result<std::string> rewrite(std::string_view from) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < from.size(); ++i) {
    const char c = from[i];
    if (c == '[' && !in_class) {
      in_class = true;
      out += c;
      if (i + 1 < from.size() && from[i + 1] == '^') out += from[++i];
      if (i + 1 < from.size() && from[i + 1] == ']') {
        out += "\\]";
        ++i;
      }
      continue;
    }
    if (c == ']') in_class = false;
    if (in_class && (c == '[' || from.substr(i).starts_with("&&"))) {
      return fail(ErrorId::unsupported_feature,
                  fmt::format("sets in sets at {} of the expression \"{}\"", i, printable(from)));
    }
    if (c != '\\' || i + 1 == from.size()) {
      out += c;
      continue;
    }
    const char escape = from[++i];
    // Where a search began is not what a tokenizer means.
    if (escape == 'G')
      return fail(ErrorId::unsupported_feature,
                  fmt::format("\\G in the expression \"{}\"", printable(from)));
    const bool negated = escape == 'S' || escape == 'D' || escape == 'W';
    const std::string_view inside = meaning(negated ? static_cast<char>(escape | 0x20) : escape);
    if (inside.empty()) {
      out += c;
      out += escape;
    } else if (!negated) {
      out += in_class ? std::string(inside) : "[" + std::string(inside) + "]";
    } else if (!in_class) {
      out += "[^" + std::string(inside) + "]";
    } else if (escape == 'W') {
      return fail(ErrorId::unsupported_feature, "\\W inside of brackets");
    } else {
      out += "\\P" + std::string(inside.substr(2));
    }
  }
  return out;
}

Error failed(int code, std::string_view doing) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return fail(ErrorId::malformed,
              fmt::format("{}: {}", doing, reinterpret_cast<const char*>(text.data())));
}

}  // namespace

struct Pattern::Compiled {
  pcre2_code* code = nullptr;
  pcre2_match_context* context = nullptr;
  std::string expression;
  Compiled() = default;
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
  ~Compiled() {
    pcre2_match_context_free(context);
    pcre2_code_free(code);
  }
};

Result<Pattern> Pattern::compile(std::string_view expression) {
  if (expression.size() > kLongest) {
    return fail(ErrorId::over_size, fmt::format("an expression of more than {} bytes", kLongest));
  }
  const std::string text = TRY(rewrite(expression));
  auto compiled = std::make_shared<Compiled>();
  compiled->expression = expression;
  int code = 0;
  size_t at = 0;
  compiled->code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT, &code,
                    &at, nullptr);
  if (compiled->code == nullptr) {
    return failed(code, fmt::format("the expression \"{}\" at {}", printable(text), at));
  }
  pcre2_jit_compile(compiled->code, PCRE2_JIT_COMPLETE);  // without it matching is only slower
  compiled->context = pcre2_match_context_create(nullptr);
  if (compiled->context == nullptr)
    return fail(ErrorId::over_memory, "the system gave no more memory for an expression");
  pcre2_set_match_limit(compiled->context, kMatchLimit);
  pcre2_set_heap_limit(compiled->context, kHeapLimit);
  Pattern made;
  made.compiled_ = std::move(compiled);
  return made;
}

std::string_view Pattern::expression() const { return compiled_->expression; }

Pattern::Search::Search(const Pattern& pattern, SearchTime& time)
    : pattern_(&pattern),
      time_(&time),
      data_(pcre2_match_data_create_from_pattern(pattern.compiled_->code, nullptr),
            [](void* data) { pcre2_match_data_free(static_cast<pcre2_match_data*>(data)); }),
      context_(pcre2_match_context_copy(pattern.compiled_->context), [](void* context) {
        pcre2_match_context_free(static_cast<pcre2_match_context*>(context));
      }) {}

int Pattern::Search::search(std::string_view text, size_t from, size_t last) {
  auto* context = static_cast<pcre2_match_context*>(context_.get());
  auto* data = static_cast<pcre2_match_data*>(data_.get());
  pcre2_set_offset_limit(context, last);
  const auto match = [&](uint32_t options) {
    return pcre2_match(pattern_->compiled_->code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                       text.size(), from, options, data, context);
  };
  const int code = match(PCRE2_NO_UTF_CHECK);
  return code == PCRE2_ERROR_JIT_STACKLIMIT ? match(PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT) : code;
}

namespace {

Error over_time(std::string_view what) {
  Error error = fail(ErrorId::over_time, fmt::format("an expression of the tokenizer {}", what));
  error.hint = "the text does not suit the tokenizer; split it";
  return error;
}

}  // namespace

namespace {

// Of the processor: what a busy machine lets others do in between does not count.
double seconds_of_thread() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

}  // namespace

Result<std::optional<Match>> Pattern::Search::find(std::string_view text, size_t from) {
  if (data_ == nullptr || context_ == nullptr)
    return fail(ErrorId::over_memory, "the system gave no more memory for an expression");
  // The limit of the library is for each place where a match may begin.
  int code = PCRE2_ERROR_NOMATCH;
  size_t begin = from;
  while (true) {
    if (time_->is_over()) return over_time("takes too long");
    const double start = seconds_of_thread();
    const size_t last = std::min(text.size(), begin + kPlaces);
    code = search(text, begin, last);
    const double took = seconds_of_thread() - start;
    // Those that are done at once add up to what reading the text takes.
    if (took > 1e-3) time_->spend(took);
    if (code != PCRE2_ERROR_NOMATCH || last == text.size()) break;
    // At the next character.
    for (begin = last + 1; begin < text.size() && (uint8_t(text[begin]) & 0xc0) == 0x80;) ++begin;
    if (begin > text.size()) break;
  }
  if (code == PCRE2_ERROR_NOMATCH) return std::optional<Match>();
  if (code == PCRE2_ERROR_MATCHLIMIT || code == PCRE2_ERROR_HEAPLIMIT ||
      code == PCRE2_ERROR_DEPTHLIMIT)
    return over_time("goes back too often");
  if (code < 0) return failed(code, "an expression of the tokenizer");
  const size_t* ends = pcre2_get_ovector_pointer(static_cast<pcre2_match_data*>(data_.get()));
  // \K can set the start behind the end.
  if (ends[0] > ends[1] || ends[0] < from)
    return fail(ErrorId::malformed, "an expression of the tokenizer moves its own start");
  return std::optional<Match>(Match{ends[0], ends[1]});
}

}  // namespace hone::tokenizer
