// `hone chat`: a conversation with a language model.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/language.h"
#include "cli/output.h"
#include "text/conversation.h"

namespace hone::cli {
namespace {

// Set by Ctrl-C, which ends what the model says; a second one ends the program.
std::atomic<bool> interrupted{false};

void on_interrupt(int) {
  if (interrupted.exchange(true)) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
}

class Conversation {
 public:
  Conversation(const Arguments& arguments, Language language, GenerationOptions options,
               jinja::Template chat_template)
      : arguments_(arguments),
        language_(std::move(language)),
        options_(std::move(options)),
        template_(std::move(chat_template)),
        generator_(language_.model.engine, language_.tokenizer),
        sequence_(language_.model.engine.open()) {
    if (arguments.has("--system")) chat_.messages.push_back({"system", arguments.text("--system")});
  }

  // Answers one message; the model's words go to standard output as they come.
  Status answer(std::string text) {
    chat_.messages.push_back({"user", std::move(text)});
    auto made = reply();
    if (!made) {
      chat_.messages.pop_back();
      return made.take_error();
    }
    chat_.messages.push_back({"assistant", made->text});
    if (arguments_.on("--timing"))
      put_aside("answered", {{"decode_s", made->decode_s}}, summary_of(*made) + "\n");
    return ok();
  }

  // The same as one JSON document.
  Result<int> answer_as_json(const std::string& text) {
    chat_.messages.push_back({"user", text});
    const Generation made = TRY(reply());
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.member("model", arguments_.positional(0));
      json.member("message", text);
      json.member("ready_s", language_.ready_s);
      write_language(json, language_);
      write_generation(json, made);
      json.end_object();
    });
    return 0;
  }

  void forget() {
    const bool system = !chat_.messages.empty() && chat_.messages[0].role == "system";
    chat_.messages.resize(system ? 1 : 0);
  }
  // Takes back the last question and its answer; the question.
  std::string take_back() {
    std::string question;
    while (!chat_.messages.empty() && chat_.messages.back().role != "system") {
      const ChatMessage last = std::move(chat_.messages.back());
      chat_.messages.pop_back();
      if (last.role == "user") {
        question = last.content.value_or("");
        break;
      }
    }
    return question;
  }

 private:
  Result<Generation> reply() {
    const auto prompt = TRY(tokens_of(chat_, template_, language_.tokenizer));
    interrupted = false;
    GenerationOptions options = options_;
    options.on_text = [this](std::string_view text) {
      if (!arguments_.json) put(text);
      std::fflush(stdout);
      return !interrupted.load();
    };
    Progress progress(arguments_);
    options.on_prompt = [&](int64_t done, int64_t all) {
      progress.show("reading", size_t(done), size_t(all));
      if (done == all) progress.hide();
    };
    Generation made = TRY(generator_.generate(sequence_, prompt, options));
    if (!arguments_.json) put("\n");
    return made;
  }

  const Arguments& arguments_;
  Language language_;
  GenerationOptions options_;
  jinja::Template template_;
  Generator generator_;
  Engine::SequenceId sequence_;
  Chat chat_;
};

constexpr std::string_view kHelp =
    "  /help          this list\n"
    "  /reset         forgets the conversation, keeps the system message\n"
    "  /retry         answers the last message anew\n"
    "  /quit          ends; so does the end of the input\n"
    "  \"\"\"            begins and ends a message of several lines\n"
    "  Ctrl-C         ends what the model says\n";

// The next message; false at the end of the input.
bool read_message(bool terminal, std::string& text) {
  if (terminal) std::fputs("> ", stderr);
  if (!std::getline(std::cin, text)) return false;
  if (text != "\"\"\"") return true;
  text.clear();
  for (std::string line; std::getline(std::cin, line) && line != "\"\"\"";)
    text += (text.empty() ? "" : "\n") + line;
  return true;
}

Result<int> talk(Conversation& conversation, const Arguments& arguments) {
  const bool terminal = isatty(0) == 1 && isatty(2) == 1;
  if (terminal) std::fputs("/help lists what can be typed here\n", stderr);
  std::signal(SIGINT, on_interrupt);
  for (std::string text; read_message(terminal, text);) {
    if (text.empty()) continue;
    if (text == "/quit") break;
    if (text == "/help") {
      std::fputs(std::string(kHelp).c_str(), stderr);
      continue;
    }
    if (text == "/reset") {
      conversation.forget();
      continue;
    }
    if (text == "/retry") text = conversation.take_back();
    if (text.empty()) continue;
    // The conversation goes on without this message.
    if (const Status answered = conversation.answer(text); !answered)
      print_error(answered.error(), false, style(arguments.config));
  }
  return 0;
}

Result<ChosenTemplate> template_for(const Arguments& arguments, const Tokenizer& tokenizer) {
  if (arguments.has("--template"))
    return ChosenTemplate{TRY(read_text(arguments.text("--template"))), {}, {}};
  ChosenTemplate chosen = template_of(tokenizer);
  if (!chosen.stand_in.empty())
    note(arguments, fmt::format("the model has no chat template; '{}' is used", chosen.stand_in));
  return chosen;
}

Result<int> run(const Arguments& arguments) {
  if (arguments.json && !arguments.has("--prompt"))
    return fail(ErrorId::usage, "--json is for one message: give it with --prompt");
  GenerationOptions options = TRY(generation_options(arguments));
  Language language = TRY(open_language(arguments));
  const ChosenTemplate chosen = TRY(template_for(arguments, language.tokenizer));
  options.stops.insert(options.stops.end(), chosen.stops.begin(), chosen.stops.end());
  jinja::Template chat_template =
      TRY(jinja::Template::parse(chosen.source).context("reading the chat template"));
  Conversation conversation(arguments, std::move(language), std::move(options),
                            std::move(chat_template));
  if (!arguments.has("--prompt")) return talk(conversation, arguments);
  if (arguments.json) return conversation.answer_as_json(arguments.text("--prompt"));
  TRY(conversation.answer(arguments.text("--prompt")));
  return 0;
}

}  // namespace

const Command& chat_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "chat",
      .summary = "Talk with a language model.",
      .examples =
          "$ hone chat model.gguf\n"
          "$ hone chat model.gguf --system 'You answer in one sentence.'\n"
          "$ hone chat model.gguf -p 'Why is the sky blue?' --temperature 0",
      .details =
          "Messages are read line by line from standard input, the model's answers go to standard\n"
          "output. The model's own chat template puts them together; what messages say cannot "
          "become\na special token. Where a model has no template, ChatML is used if it has its "
          "tokens, and\nelse lines of 'role: text'.",
      .positionals = {{"MODEL", "a GGUF file, a Hugging Face folder, or an artefact", 1, 1, true}},
      .flags = generation_flags(
          {{"-p,--prompt", Kind::text, "TEXT", "one message, and no more"},
           {"--system", Kind::text, "TEXT", "the system message"},
           {"--template", Kind::text, "FILE", "a chat template (Jinja) in place of the model's"},
           {"--timing", Kind::on_off, "", "tell on standard error how long it took"}}),
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
