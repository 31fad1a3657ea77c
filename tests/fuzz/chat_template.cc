// Fuzzes the template engine: what parses renders or is refused within its limits, and what
// messages say never becomes trusted text.
#include "target.h"
#include "text/template/template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hone;
  jinja::RenderOptions options;
  options.limits.steps = 20'000;
  options.limits.output = 1 << 18;
  options.limits.text_work = 4 << 20;
  options.limits.memory = 4 << 20;
  options.limits.depth = 200;
  std::tm now{};
  now.tm_mday = 1;
  options.now = now;
  const auto parsed = jinja::Template::parse(fuzz::text(data, size), options.limits);
  fuzz::require_clean(parsed);
  if (!parsed) return 0;
  jinja::Values values;
  // No template can spell this character but by its code.
  constexpr std::string_view kMessages =
      R"([{"role": "user", "content": "\u2603 a,b\n"}, {"role": "assistant", "content": null,
          "tool_calls": [{"function": {"name": "\u2603", "arguments": {"x": [1, 2.5, true]}}}]}])";
  values.set("messages", values.json(kMessages, false).take());
  values.set("bos_token", values.text("<s>", true));
  values.set("add_generation_prompt", true);
  const auto rendered = parsed->render(values, options);
  fuzz::require_clean(rendered);
  if (!rendered || fuzz::text(data, size).find("\xe2\x98\x83") != std::string_view::npos) return 0;
  const bool by_code = fuzz::text(data, size).find('\\') != std::string_view::npos;
  for (size_t i = 0; i < rendered->segments.size(); ++i) {
    const jinja::Segment& segment = rendered->segments[i];
    fuzz::require(!segment.text.empty());
    if (i > 0) fuzz::require(segment.trusted != rendered->segments[i - 1].trusted);
    if (segment.trusted && !by_code) {
      fuzz::require(segment.text.find("\xe2\x98\x83") == std::string::npos);
    }
  }
  return 0;
}
