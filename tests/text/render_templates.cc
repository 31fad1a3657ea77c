// Renders templates for comparison with other engines: a JSON object on each line of the input,
// with `template` and `variables`; a JSON object on each line of the output, with `text` or
// `error`.
#include <iostream>
#include <string>

#include "base/json_writer.h"
#include "formats/json.h"
#include "text/template/template.h"

namespace {

hone::Result<std::string> render(std::string_view line) {
  hone::Ledger ledger{hone::Limits()};
  const auto document = TRY(hone::JsonDocument::parse(line, ledger));
  const auto root = document.root();
  const auto source = TRY(TRY(root.get("template")).as_string());
  const auto parsed = TRY(hone::jinja::Template::parse(source));
  hone::jinja::Values values;
  // The reader takes text: the members are cut out of the line by their own writer.
  const auto variables = TRY(root.get("variables"));
  for (const auto [name, value] : variables.members()) {
    values.set(name, TRY(values.json(TRY(value.as_string()), false)));
  }
  hone::jinja::RenderOptions options;
  options.now = std::tm{.tm_sec = 7,
                        .tm_min = 5,
                        .tm_hour = 16,
                        .tm_mday = 4,
                        .tm_mon = 6,
                        .tm_year = 125,
                        .tm_wday = 5,
                        .tm_yday = 184};
  const auto rendered = TRY(parsed.render(values, options));
  return rendered.text();
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto made = render(line);
    std::string out;
    hone::JsonWriter writer(out, 0);
    writer.begin_object();
    if (made) {
      writer.member("text", *made);
    } else {
      writer.member("error", made.error().message);
    }
    writer.end_object();
    std::cout << out << '\n';
  }
  return 0;
}
