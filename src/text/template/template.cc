#include "text/template/template.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "text/template/evaluator.h"
#include "text/template/parser.h"

namespace hone::jinja {

std::string Rendered::text() const {
  std::string made;
  for (const Segment& segment : segments) made += segment.text;
  return made;
}

Result<Template> Template::parse(std::string_view source, const TemplateLimits& limits) {
  if (source.size() > limits.source) {
    Error large =
        fail(ErrorId::over_size, fmt::format("a chat template of {} bytes; at most {} are read",
                                             source.size(), limits.source));
    large.hint = "no published template is so large; use another one";
    return large;
  }
  const size_t valid = utf8_prefix(source);
  if (valid < source.size()) {
    return fail(ErrorId::not_utf8, fmt::format("chat template, byte {}: not UTF-8", valid));
  }
  Parser parser(TRY(lex(source)), limits);
  return Template(std::make_shared<const Syntax>(TRY(parser.parse())));
}

Result<Rendered> Template::render(const Values& variables, const RenderOptions& options) const {
  Evaluator evaluator(*syntax_, variables, options);
  const Marked all = TRY(evaluator.render());
  Rendered rendered;
  size_t begin = 0;
  for (const Marked::Run& run : all.runs()) {
    rendered.segments.push_back(
        {std::string(all.bytes().substr(begin, run.end - begin)), run.trusted});
    begin = run.end;
  }
  return rendered;
}

bool Template::mentions(std::string_view name) const {
  return std::find(syntax_->symbols.begin(), syntax_->symbols.end(), name) !=
         syntax_->symbols.end();
}

}  // namespace hone::jinja
