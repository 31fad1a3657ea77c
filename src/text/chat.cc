#include "text/chat.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace hone {
namespace {

using jinja::Value;
using jinja::Values;

constexpr std::string_view kChatml =
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

constexpr std::string_view kRoles =
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ message.role + ': ' + (message.content or '') + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}";

// What models are trained on; templates put these names into special tokens such as <|user|>.
bool is_known_role(std::string_view role) {
  constexpr std::string_view kRoleNames[] = {"system",    "user",     "assistant", "tool",
                                             "developer", "function", "ipython",   "model",
                                             "tools",     "critic",   "context",   "documents"};
  return std::find(std::begin(kRoleNames), std::end(kRoleNames), role) != std::end(kRoleNames);
}

Result<Value> tool_call(Values& values, const ChatToolCall& call) {
  // Templates take the arguments as a dict; those that a model spelled wrongly stay text.
  auto parsed = values.json(call.arguments, false);
  Value arguments = parsed ? parsed.take() : values.text(call.arguments, false);
  Value function = values.map({{"name", values.text(call.name, false)}, {"arguments", arguments}});
  std::vector<std::pair<std::string, Value>> members{{"type", values.text("function", true)}};
  if (!call.id.empty()) members.emplace_back("id", values.text(call.id, false));
  members.emplace_back("function", function);
  return values.map(std::move(members));
}

Result<Value> message_value(Values& values, const ChatMessage& message) {
  const auto text = [&](const std::string& bytes) { return values.text(bytes, false); };
  std::vector<std::pair<std::string, Value>> members;
  members.emplace_back("role", values.text(message.role, is_known_role(message.role)));
  members.emplace_back("content", message.content ? text(*message.content) : Value(jinja::None{}));
  if (message.name) members.emplace_back("name", text(*message.name));
  if (message.reasoning) members.emplace_back("reasoning_content", text(*message.reasoning));
  if (message.tool_call_id) members.emplace_back("tool_call_id", text(*message.tool_call_id));
  if (!message.tool_calls.empty()) {
    std::vector<Value> calls;
    for (const ChatToolCall& call : message.tool_calls) {
      calls.push_back(TRY(tool_call(values, call)));
    }
    members.emplace_back("tool_calls", values.list(std::move(calls)));
  }
  return values.map(std::move(members));
}

Status check_texts(const ChatMessage& message, size_t index) {
  const auto check = [&](std::string_view text, std::string_view what) -> Status {
    if (is_utf8(text)) return ok();
    return fail(ErrorId::not_utf8, fmt::format("message {}: its {} is not UTF-8", index + 1, what));
  };
  TRY(check(message.role, "role"));
  if (message.content) TRY(check(*message.content, "content"));
  if (message.name) TRY(check(*message.name, "name"));
  if (message.reasoning) TRY(check(*message.reasoning, "reasoning"));
  if (message.tool_call_id) TRY(check(*message.tool_call_id, "tool_call_id"));
  for (const ChatToolCall& call : message.tool_calls) {
    TRY(check(call.name, "tool call"));
    TRY(check(call.arguments, "tool call"));
    TRY(check(call.id, "tool call"));
  }
  return ok();
}

}  // namespace

Result<jinja::Rendered> render_chat(const jinja::Template& chat_template, const Chat& chat,
                                    const jinja::RenderOptions& options) {
  Values values;
  std::vector<Value> messages;
  for (size_t i = 0; i < chat.messages.size(); ++i) {
    TRY(check_texts(chat.messages[i], i));
    messages.push_back(TRY(message_value(values, chat.messages[i])));
  }
  values.set("messages", values.list(std::move(messages)));
  Value tools = jinja::None{};
  if (!chat.tools.empty()) tools = TRY(values.json(chat.tools, false).context("reading the tools"));
  values.set("tools", tools);
  values.set("documents", jinja::None{});
  values.set("add_generation_prompt", chat.add_generation_prompt);
  values.set("bos_token", values.text(chat.bos_token, true));
  values.set("eos_token", values.text(chat.eos_token, true));
  for (const auto& [name, json] : chat.variables) {
    values.set(name,
               TRY(values.json(json, false).context("reading the variable " + printable(name))));
  }
  return chat_template.render(values, options);
}

bool begins_with(const jinja::Rendered& rendered, std::string_view token) {
  const auto first = std::ranges::find_if(rendered.segments,
                                          [](const jinja::Segment& s) { return !s.text.empty(); });
  return !token.empty() && first != rendered.segments.end() && first->trusted &&
         first->text.starts_with(token);
}

DefaultChat default_chat(const std::function<bool(std::string_view)>& is_special_token) {
  if (is_special_token("<|im_start|>") && is_special_token("<|im_end|>")) {
    return {.name = "chatml", .source = kChatml, .stop = {"<|im_end|>"}};
  }
  return {.name = "roles", .source = kRoles, .stop = {"\nuser:", "\nsystem:"}};
}

}  // namespace hone
