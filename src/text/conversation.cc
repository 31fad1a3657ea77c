#include "text/conversation.h"

#include <ctime>

namespace hone {

ChosenTemplate template_of(const Tokenizer& tokenizer) {
  for (const auto& [name, source] : tokenizer.chat_templates())
    if (name == "default") return {source, {}, {}};
  const DefaultChat made = default_chat([&](std::string_view token) {
    const auto id = tokenizer.find(token);
    return id && tokenizer.is_special(*id);
  });
  return {std::string(made.source), made.stop, std::string(made.name)};
}

Result<std::vector<int32_t>> tokens_of(Chat chat, const jinja::Template& chat_template,
                                       const Tokenizer& tokenizer) {
  if (tokenizer.bos()) chat.bos_token = tokenizer.token(*tokenizer.bos());
  if (tokenizer.eos()) chat.eos_token = tokenizer.token(*tokenizer.eos());
  jinja::RenderOptions render;
  const std::time_t time = std::time(nullptr);
  std::tm now{};
  localtime_r(&time, &now);
  render.now = now;
  const jinja::Rendered rendered = TRY(render_chat(chat_template, chat, render));
  std::vector<MarkedText> parts;
  for (const jinja::Segment& s : rendered.segments) parts.push_back({s.text, s.trusted});
  // Templates spell bos themselves.
  const bool spelled = tokenizer.bos() && begins_with(rendered, chat.bos_token);
  return tokenizer.encode(parts, {.add_special = !spelled});
}

}  // namespace hone
