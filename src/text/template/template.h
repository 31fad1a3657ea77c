// Chat templates: the part of Jinja that published models use, with marks on what came from
// outside.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/template/value.h"

namespace hone::jinja {

// How much a template may spend. A rendering that reaches one ends with an error that names it.
struct TemplateLimits {
  uint64_t source = 4 << 20;        // bytes of a template
  uint64_t parse_depth = 200;       // nested expressions and blocks
  uint64_t output = 64 << 20;       // bytes of the result, and of any one text
  uint64_t steps = 20'000'000;      // expressions and statements evaluated
  uint64_t text_work = 1ull << 30;  // bytes of all texts made on the way
  uint64_t memory = 256 << 20;      // bytes of all lists and maps made on the way
  uint64_t depth = 400;             // nested evaluations: calls, loops, expressions
};

struct RenderOptions {
  TemplateLimits limits;
  // What `strftime_now` tells; without it the function is not defined.
  std::optional<std::tm> now;
};

// A piece of the result. Pieces differ from their neighbours in trust.
struct Segment {
  std::string text;
  bool trusted = false;
  bool operator==(const Segment&) const = default;
};

// Trust decides which tokens a piece may spell, not where tokens end: the text between special
// tokens is tokenized as one.
struct Rendered {
  std::vector<Segment> segments;
  std::string text() const;  // of all segments
};

struct Syntax;

// A parsed template. Immutable; copies share what was parsed, and may be used by several threads.
class Template {
 public:
  // Rendered as Hugging Face does: trim_blocks and lstrip_blocks on, break and continue, no
  // escaping.
  static Result<Template> parse(std::string_view source, const TemplateLimits& limits = {});
  Result<Rendered> render(const Values& variables, const RenderOptions& options = {}) const;
  // Is the name read anywhere? Tells whether a template knows of `tools` or `enable_thinking`.
  bool mentions(std::string_view name) const;

 private:
  explicit Template(std::shared_ptr<const Syntax> syntax) : syntax_(std::move(syntax)) {}
  std::shared_ptr<const Syntax> syntax_;
};

}  // namespace hone::jinja
