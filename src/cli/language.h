// What the commands that run language models have in common.
#pragma once

#include <string>
#include <vector>

#include "api/language_model.h"
#include "cli/command.h"
#include "text/generation/generator.h"
#include "text/tokenizer/tokenizer.h"

namespace hone::cli {

struct Language {
  LanguageModel model;
  Tokenizer tokenizer;
  double ready_s = 0;                 // what opening took
  std::vector<std::string> warnings;  // told already, but with --json
};

// --context, --cache, --tokenizer, --exact-rows.
std::vector<Flag> language_flags(std::vector<Flag> more);
// Opens the model of the first positional.
Result<Language> open_language(const Arguments& arguments);

// Temperature, top-k and so on, seed, stop strings, grammars, guesses.
std::vector<Flag> generation_flags(std::vector<Flag> more);
Result<GenerationOptions> generation_options(const Arguments& arguments);

// A file, or standard input for "-".
Result<std::string> read_text(const std::string& path);

// Tells the user, and keeps it for the JSON document.
void warn(const Arguments& arguments, Language& language, std::string message);
// The members `context`, `trained_context` and `warnings`.
void write_language(JsonWriter& json, const Language& language);

// The members that tell how a generation went.
void write_generation(JsonWriter& json, const Generation& generation);
// The same in a line, for standard error.
std::string summary_of(const Generation& generation);

}  // namespace hone::cli
