// Makes random texts of grammars, for validators of others: a JSON object on each line of the input
// with `schema`, `seed`, `count` and `accepts`, a list of texts; on each line of the output `texts`
// and, for each of `accepts`, whether the grammar has it, or `error`.
#include <iostream>
#include <random>
#include <string>

#include "base/json_writer.h"
#include "formats/json.h"
#include "text/grammar/constraint.h"

namespace {

// Single bytes, so that every text can be made; what ends things more often than the rest.
std::string random_text(const hone::Grammar& grammar, const hone::TokenTrie& trie,
                        std::mt19937& random) {
  hone::Constraint at(grammar);
  std::string text;
  while (text.size() < 5000) {
    const auto mask = at.allowed(trie).take();
    std::vector<int> choices;
    for (int byte = 0; byte < 256; ++byte) {
      if (!(*mask)[byte]) continue;
      const bool closes = byte == '"' || byte == '}' || byte == ']';
      choices.insert(choices.end(), closes ? 60 : byte == ',' ? 10 : 1, byte);
    }
    if ((*mask)[256] && (choices.empty() || random() % 3 == 0)) return text;
    if (choices.empty()) return "no way on from: " + text;
    const char chosen = static_cast<char>(choices[random() % choices.size()]);
    if (!at.accept({&chosen, 1}).take()) return "not accepted: " + text;
    text += chosen;
  }
  return "no end of: " + text.substr(0, 200);
}

hone::Status answer(std::string_view line, const hone::TokenTrie& trie, hone::JsonWriter& writer) {
  hone::Ledger ledger{hone::Limits()};
  const auto document = TRY(hone::JsonDocument::parse(line, ledger));
  const auto root = document.root();
  const auto grammar = TRY(hone::Grammar::json_schema(TRY(TRY(root.get("schema")).as_string())));
  std::mt19937 random(static_cast<uint32_t>(TRY(TRY(root.get("seed")).as_uint64())));
  const uint64_t count = TRY(TRY(root.get("count")).as_uint64());
  writer.key("texts");
  writer.begin_array();
  for (uint64_t i = 0; i < count; ++i) writer.value(random_text(grammar, trie, random));
  writer.end_array();
  writer.key("accepts");
  writer.begin_array();
  const auto accepts = TRY(root.get("accepts"));
  for (const auto text : accepts.elements()) {
    hone::Constraint at(grammar);
    writer.value(TRY(at.accept(TRY(text.as_string()))) && at.finished());
  }
  writer.end_array();
  return hone::ok();
}

}  // namespace

int main() {
  std::vector<std::string> bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.emplace_back(1, static_cast<char>(byte));
  std::vector<std::string_view> pieces(bytes.begin(), bytes.end());
  pieces.emplace_back();
  const int32_t end = 256;
  const auto trie = hone::TokenTrie::make(pieces, {&end, 1}).take();
  std::string line;
  while (std::getline(std::cin, line)) {
    std::string out;
    hone::JsonWriter writer(out, 0);
    writer.begin_object();
    if (const auto done = answer(line, trie, writer); !done) {
      writer.member("error", done.error().message);
    }
    writer.end_object();
    std::cout << out << '\n';
  }
  return 0;
}
