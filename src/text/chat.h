// Conversations to the text that a language model reads, by its chat template.
#pragma once

#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/template/template.h"

namespace hone {

struct ChatToolCall {
  std::string name;
  std::string arguments;  // JSON
  std::string id = {};
};

struct ChatMessage {
  std::string role;                    // "system", "user", "assistant", "tool", …
  std::optional<std::string> content;  // absent: none, as beside tool calls
  std::optional<std::string> name = {};
  std::optional<std::string> reasoning = {};
  std::vector<ChatToolCall> tool_calls = {};
  std::optional<std::string> tool_call_id = {};
};

struct Chat {
  std::vector<ChatMessage> messages;
  std::string tools = {};  // JSON: a list of tools as OpenAI describes them; empty for none
  bool add_generation_prompt = true;
  // The texts of the model's tokens.
  std::string bos_token = {}, eos_token = {};
  // Further variables: name and JSON, such as {"enable_thinking", "false"}.
  std::vector<std::pair<std::string, std::string>> variables = {};
};

// Everything in messages and tools is untrusted, but for the roles that models know: templates make
// special tokens of those. Messages are UTF-8.
Result<jinja::Rendered> render_chat(const jinja::Template& chat_template, const Chat& chat,
                                    const jinja::RenderOptions& options = {});

// Does the text begin with this token, spelled by the template and not by a message?
bool begins_with(const jinja::Rendered& rendered, std::string_view token);

// What stands in for a template that a model lacks.
struct DefaultChat {
  std::string_view name;               // "chatml" or "roles"
  std::string_view source;             // a template
  std::vector<std::string> stop = {};  // what ends the model's turn besides its end token
};
// ChatML where the model has its tokens <|im_start|> and <|im_end|>; else a line "role: content"
// for each message.
DefaultChat default_chat(const std::function<bool(std::string_view)>& is_special_token);

}  // namespace hone
