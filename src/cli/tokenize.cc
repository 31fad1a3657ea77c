// `hone tokenize`: text to token ids, and back.
#include <fmt/format.h>

#include <charconv>

#include "api/tokenizer.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/language.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

Result<std::string> read_input(const Arguments& arguments) {
  if (arguments.has("--text")) return arguments.text("--text");
  return read_text(arguments.has("--file") ? arguments.text("--file") : "-");
}

// Lines without their ends; the end of the last line ends no empty line.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Result<std::vector<int32_t>> parse_ids(std::string_view text, const Tokenizer& tokenizer) {
  std::vector<int32_t> ids;
  constexpr std::string_view kBetween = " \t\r\n,[]";
  for (size_t at = 0; (at = text.find_first_not_of(kBetween, at)) != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(kBetween, at), text.size());
    const std::string_view word = text.substr(at, end - at);
    int32_t id = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || stop != word.data() + word.size())
      return fail(ErrorId::bad_data, "'" + printable(word) + "' is no token id");
    if (id < 0 || id >= tokenizer.token_count()) {
      return fail(ErrorId::bad_data, fmt::format("there is no token {}: the vocabulary has {}", id,
                                                 tokenizer.token_count()));
    }
    ids.push_back(id);
    at = end;
  }
  return ids;
}

void write_tokens(JsonWriter& json, const Tokenizer& tokenizer, std::span<const int32_t> ids) {
  json.key("ids");
  json.begin_array();
  for (const int32_t id : ids) json.value(id);
  json.end_array();
  json.key("tokens");
  json.begin_array();
  for (const int32_t id : ids) json.value(printable(tokenizer.token(id)));
  json.end_array();
}

struct Line {
  std::string text;
  std::vector<int32_t> ids;
};

void write_json(JsonWriter& json, const Arguments& arguments, const Tokenizer& tokenizer,
                const std::vector<Line>& lines) {
  json.begin_object();
  json.member("model", arguments.positional(0));
  json.member("tokenizer", tokenizer.model());
  json.member("vocabulary", tokenizer.token_count());
  json.key("warnings");
  json.begin_array();
  for (const std::string& warning : tokenizer.warnings()) json.value(warning);
  json.end_array();
  json.key("results");
  json.begin_array();
  for (const Line& line : lines) {
    json.begin_object();
    if (arguments.on("--decode")) json.member("text", line.text);
    json.member("count", line.ids.size());
    write_tokens(json, tokenizer, line.ids);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

// One token a line: id and spelling.
void put_tokens(const Tokenizer& tokenizer, std::span<const int32_t> ids) {
  std::vector<std::vector<std::string>> rows;
  for (const int32_t id : ids) rows.push_back({std::to_string(id), quote(tokenizer.token(id))});
  put(table(rows, {0}, ""));
}

std::string ids_line(std::span<const int32_t> ids) {
  std::string line = fmt::format("{}", fmt::join(ids, " "));
  return line + "\n";
}

Result<int> run(const Arguments& arguments) {
  if (arguments.has("--text") && arguments.has("--file"))
    return fail(ErrorId::usage, "give --text or --file, not both");
  const Tokenizer tokenizer =
      TRY(open_tokenizer(arguments.positional(0), arguments.limits,
                         arguments.config.boolean("follow_links") ? Links::follow : Links::refuse));
  if (!arguments.json)
    for (const std::string& warning : tokenizer.warnings()) note(arguments, warning);
  const std::string input = TRY(read_input(arguments));
  std::vector<std::string_view> texts{input};
  if (arguments.on("--lines")) texts = lines_of(input);
  const bool special = !arguments.on("--no-special");
  std::vector<Line> lines;
  for (const std::string_view text : texts) {
    Line line;
    if (arguments.on("--decode")) {
      line.ids = TRY(parse_ids(text, tokenizer));
      line.text = tokenizer.decode(line.ids, !special);
    } else {
      line.ids = TRY(tokenizer.encode(
          text, {.add_special = special, .parse_special = !arguments.on("--plain")}));
    }
    lines.push_back(std::move(line));
  }
  if (arguments.json) {
    put_json([&](JsonWriter& json) { write_json(json, arguments, tokenizer, lines); });
    return 0;
  }
  for (const Line& line : lines) {
    if (arguments.on("--decode"))
      put(arguments.on("--lines") ? line.text + "\n" : line.text);
    else if (arguments.on("--tokens"))
      put_tokens(tokenizer, line.ids);
    else
      put(ids_line(line.ids));
  }
  return 0;
}

}  // namespace

const Command& tokenize_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "tokenize",
      .summary = "Turn text into the token ids of a language model, and back.",
      .examples =
          "$ echo 'Once upon a time' | hone tokenize model.gguf\n"
          "$ hone tokenize model.gguf --text 'Once upon a time' --tokens\n"
          "$ hone tokenize tokenizer.json --lines --no-special <prompts.txt\n"
          "$ echo '1 9038 2501' | hone tokenize model.gguf --decode",
      .details =
          "Reads text from standard input and prints ids, separated by spaces. MODEL is a GGUF "
          "file,\na .hone artefact of a language model, a folder of Hugging Face, or a tokenizer's "
          "own file:\ntokenizer.json, tokenizer.model, vocab.json (with merges.txt beside it) or "
          "vocab.txt.",
      .positionals = {{"MODEL", "the model, or its tokenizer", 1, 1, true}},
      .flags = {{"--decode", Kind::on_off, "", "read ids and print their text"},
                {"--no-special", Kind::on_off, "",
                 "add no special tokens; with --decode, leave them out of the text"},
                {"--plain", Kind::on_off, "",
                 "special tokens that the text spells are text like any other"},
                {"--lines", Kind::on_off, "", "each line of the input is a text of its own"},
                {"--tokens", Kind::on_off, "", "print a token a line, with its spelling"},
                {"--text", Kind::text, "TEXT", "the text, rather than standard input"},
                {"--file", Kind::text, "FILE", "a file with the text, rather than standard input"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
