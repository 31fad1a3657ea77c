// `hone generate`: goes on from a prompt.
#include <fmt/format.h>

#include <cstdio>

#include "api/shapes.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/language.h"
#include "cli/output.h"
#include "text/prompt.h"

namespace hone::cli {
namespace {

Result<std::string> prompt_of(const Arguments& arguments) {
  if (arguments.has("--prompt") && arguments.has("--file"))
    return fail(ErrorId::usage, "give --prompt or --file, not both");
  if (arguments.has("--prompt")) return arguments.text("--prompt");
  return read_text(arguments.has("--file") ? arguments.text("--file") : "-");
}

Result<int> run(const Arguments& arguments) {
  GenerationOptions options = TRY(generation_options(arguments));
  const std::string prompt = TRY(prompt_of(arguments));
  Language language = TRY(open_language(arguments));
  const bool special = arguments.on("--special");
  const Prompt read = TRY(read_prompt(language.tokenizer, prompt, special));
  if (read.spells_bos)
    warn(arguments, language,
         fmt::format("the prompt spells '{}' itself, which is not put before it a second time",
                     printable(language.tokenizer.token(*language.tokenizer.bos()))));
  options.show_special = special;
  Progress progress(arguments);
  options.on_prompt = [&](int64_t done, int64_t all) {
    progress.show("reading the prompt", size_t(done), size_t(all));
    if (done == all) progress.hide();
  };
  if (!arguments.json)
    options.on_text = [](std::string_view text) {
      put(text);
      std::fflush(stdout);
      return true;
    };
  Engine& engine = language.model.engine;
  Generator generator(engine, language.tokenizer);
  const Generation made = TRY(generator.generate(engine.open(), read.tokens, options));
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.member("model", arguments.positional(0));
      json.member("prompt", prompt);
      json.member("ready_s", language.ready_s);
      if (const auto weights = synthetic_weights(language.model.program->model()); !weights.empty())
        json.member("weights", weights);
      write_language(json, language);
      write_generation(json, made);
      json.end_object();
    });
    return 0;
  }
  put("\n");
  if (arguments.on("--timing"))
    put_aside("generated", {{"ready_s", language.ready_s}, {"decode_s", made.decode_s}},
              fmt::format("ready in {:.3f} s; {}\n", language.ready_s, summary_of(made)));
  return 0;
}

}  // namespace

const Command& generate_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "generate",
      .summary = "Let a language model go on from a prompt.",
      .examples =
          "$ hone generate model.gguf -p 'Once upon a time' -n 100\n"
          "$ hone generate model.gguf -p 'The capital of France is' -n 8 --temperature 0\n"
          "$ hone generate model.gguf --file prompt.txt --seed 7 --stop $'\\n\\n'\n"
          "$ hone generate model.gguf -p 'A person as JSON: ' --json-schema person.json --json",
      .details =
          "Only what the model adds goes to standard output, as it comes. Without -p and --file "
          "the\nprompt is read from standard input. The text depends on model, prompt and flags "
          "alone: not\non the number of threads, on --guesses, or on what ran before.",
      .positionals = {{"MODEL", "a GGUF file, a Hugging Face folder, or an artefact", 1, 1, true}},
      .flags = generation_flags(
          {{"-p,--prompt", Kind::text, "TEXT", "the prompt"},
           {"-f,--file", Kind::text, "FILE", "a file with the prompt"},
           {"--special", Kind::on_off, "",
            "special tokens that the prompt spells are meant, and those of the text are shown"},
           {"--timing", Kind::on_off, "", "tell on standard error how long it took"}}),
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
