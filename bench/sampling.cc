// Times what comes behind the logits of a token: samplers, and masks of grammars, at a vocabulary
// of 128k tokens made here.
//
//   hone_bench_sampling [ROUNDS]
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "text/grammar/constraint.h"
#include "text/sampling/sampler.h"

namespace {

using hone::SamplingOptions;

constexpr size_t kTokens = 128256;

// Of this thread's CPU: other programs may run beside it.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + long(x.size() / 2), x.end());
  return x[x.size() / 2];
}

// As byte-level vocabularies are: all bytes, words with and without a space in front and in three
// cases, numbers of up to three digits, runs of punctuation and of spaces, characters of other
// scripts, and the last of them special.
std::vector<std::string> vocabulary() {
  std::mt19937 random(7);
  const auto below = [&](size_t n) { return size_t(random()) % n; };
  std::vector<std::string> pieces;
  std::set<std::string> known;
  const auto add = [&](std::string piece) {
    if (pieces.size() < kTokens - 256 && known.insert(piece).second)
      pieces.push_back(std::move(piece));
  };
  for (int b = 0; b < 256; ++b) add(std::string(1, char(b)));
  for (int n = 0; n < 1110; ++n)
    add(n < 10    ? std::to_string(n)
        : n < 110 ? std::to_string(n + 990).substr(2)
                  : std::to_string(n + 890).substr(1));
  for (size_t n = 1; n < 80; ++n) {
    add(std::string(n, ' '));
    add(std::string(n, '\n'));
    add(std::string(n, '\t'));
    add('\n' + std::string(n, ' '));
  }
  const std::string marks = "\"'{}[]():;,.<>/\\=+-*&|!?#_@$%^~`";
  for (int i = 0; i < 6000; ++i) {
    std::string run = below(3) == 0 ? " " : "";
    for (size_t n = 1 + below(4); n > 0; --n) run += marks[below(marks.size())];
    add(run + (below(6) == 0 ? "\n" : ""));
  }
  static constexpr const char* kSyllables[] = {
      "a",  "e",  "i",   "o",  "u",  "an",  "in",  "on",   "er",   "re",  "st",  "th",
      "ti", "en", "at",  "ed", "or", "ing", "ion", "ment", "ness", "ly",  "con", "pro",
      "de", "le", "ra",  "ta", "ma", "ca",  "se",  "co",   "di",   "com", "ex",  "un",
      "b",  "p",  "str", "tr", "ch", "sh",  "qu",  "y",    "x",    "z",   "v",   "ck"};
  const auto word = [&] {
    std::string made;
    for (size_t n = 1 + below(4); n > 0; --n) made += kSyllables[below(std::size(kSyllables))];
    return made;
  };
  while (pieces.size() < 105000) {
    std::string w = word();
    const size_t kind = below(10);
    if (kind < 2) w[0] = char(w[0] - 'a' + 'A');
    if (kind == 2)
      for (char& c : w) c = char(c - 'a' + 'A');
    add((below(5) < 3 ? " " : "") + w);
  }
  while (pieces.size() < kTokens - 256) {  // two- and three-byte characters
    std::string text = below(4) == 0 ? " " : "";
    for (size_t n = 1 + below(3); n > 0; --n) {
      const auto c = uint32_t(below(2) == 0 ? 0x400 + below(0x100) : 0x4e00 + below(0x5000));
      if (c < 0x800) {
        text += {char(0xc0 | c >> 6), char(0x80 | (c & 63))};
      } else {
        text += {char(0xe0 | c >> 12), char(0x80 | (c >> 6 & 63)), char(0x80 | (c & 63))};
      }
    }
    add(text);
  }
  pieces.resize(kTokens);  // special ones, which are no text
  return pieces;
}

// Logits as models give them: most far below a few.
std::vector<std::vector<float>> logits(size_t rows) {
  std::mt19937 random(11);
  std::normal_distribution<float> usual(0, 2.5f);
  std::vector<std::vector<float>> out(rows);
  for (auto& row : out) {
    for (size_t i = 0; i < kTokens; ++i) row.push_back(usual(random));
    for (int i = 0; i < 20; ++i) row[random() % kTokens] += float(i) * 0.5f + 5;
  }
  return out;
}

void time_sampler(const char* name, const SamplingOptions& options,
                  const std::vector<std::vector<float>>& rows, int rounds,
                  const hone::TokenMask* mask = nullptr) {
  hone::Sampler sampler(options);
  std::vector<double> seconds;
  uint64_t check = 0;
  for (int i = 0; i < 200; ++i) sampler.accept(i * 37 % int32_t(kTokens));
  for (int round = 0; round < rounds; ++round) {
    const double start = now();
    const auto made = sampler.sample(rows[size_t(round) % rows.size()], uint32_t(round), mask);
    seconds.push_back(now() - start);
    if (!made) std::exit(1);
    check = check * 31 + uint64_t(made->token);
    sampler.accept(made->token);
  }
  std::printf("%-34s median %8.1f us, most %8.1f us  (%016llx)\n", name, 1e6 * median(seconds),
              1e6 * *std::max_element(seconds.begin(), seconds.end()),
              static_cast<unsigned long long>(check));
}

// Goes along a text token by token, the longest piece each time, as a model would write it.
void time_grammar(const char* name, const hone::Grammar& grammar, const hone::TokenTrie& trie,
                  const std::set<std::string>& known, const std::string& text, int texts) {
  std::vector<double> first, later;
  uint64_t check = 0;
  const double begin = now();
  hone::Constraint fresh(grammar);
  const double made = now() - begin;
  for (int round = 0; round < texts; ++round) {
    hone::Constraint constraint = fresh;
    for (size_t at = 0; at < text.size();) {
      const double start = now();
      const auto mask = constraint.allowed(trie);
      (round == 0 ? first : later).push_back(now() - start);
      if (!mask) std::exit(1);
      for (const uint64_t word : (*mask)->words()) check = check * 31 + word;
      size_t length = std::min<size_t>(12, text.size() - at);
      while (length > 1 && !known.contains(text.substr(at, length))) --length;
      const auto taken = constraint.accept(text.substr(at, length));
      if (!taken || !*taken) {
        std::fprintf(stderr, "%s does not take '%s'\n", name, text.substr(at).c_str());
        std::exit(1);
      }
      at += length;
    }
  }
  double all = 0;
  for (const double s : first) all += s;
  std::printf(
      "%-20s first text: mean %7.1f us, median %7.1f us, most %8.1f us; later median %5.2f us; "
      "%zu tokens, start %.1f us  (%016llx)\n",
      name, 1e6 * all / double(first.size()), 1e6 * median(first),
      1e6 * *std::max_element(first.begin(), first.end()), 1e6 * median(later), first.size(),
      1e6 * made, static_cast<unsigned long long>(check));
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 200;
  const auto rows = logits(16);
  const auto with = [&](auto change) {
    SamplingOptions options;
    options.top_k = 0;
    options.top_p = 1;
    options.min_p = 0;
    change(options);
    return options;
  };
  using O = SamplingOptions;
  time_sampler("greedy", with([](O& o) { o.temperature = 0; }), rows, rounds);
  time_sampler("temperature alone", with([](O&) {}), rows, rounds);
  time_sampler("top-k 40", with([](O& o) { o.top_k = 40; }), rows, rounds);
  time_sampler("top-p 0.9", with([](O& o) { o.top_p = 0.9f; }), rows, rounds);
  time_sampler("min-p 0.05", with([](O& o) { o.min_p = 0.05f; }), rows, rounds);
  time_sampler("typical-p 0.9", with([](O& o) { o.typical_p = 0.9f; }), rows, rounds);
  time_sampler("penalties, top-k 40", with([](O& o) {
                 o.top_k = 40;
                 o.repeat_penalty = 1.1f;
                 o.frequency_penalty = 0.1f;
                 o.presence_penalty = 0.1f;
               }),
               rows, rounds);
  time_sampler("dry, top-k 40", with([](O& o) {
                 o.top_k = 40;
                 o.dry_multiplier = 0.8f;
               }),
               rows, rounds);
  time_sampler("mirostat 1", with([](O& o) { o.mirostat = 1; }), rows, rounds);
  time_sampler("mirostat 2", with([](O& o) { o.mirostat = 2; }), rows, rounds);
  time_sampler("top-n-sigma 1", with([](O& o) { o.top_n_sigma = 1; }), rows, rounds);
  time_sampler("the usual chain", SamplingOptions(), rows, rounds);
  time_sampler(
      "the usual chain, 5 logprobs",
      [] {
        SamplingOptions o;
        o.top_logprobs = 5;
        return o;
      }(),
      rows, rounds);

  const std::vector<std::string> pieces = vocabulary();
  const std::set<std::string> known(pieces.begin(), pieces.end());
  const std::vector<std::string_view> views(pieces.begin(), pieces.end());
  const int32_t end = int32_t(kTokens) - 1;
  double start = now();
  const auto trie = hone::TokenTrie::make(views, {&end, 1});
  if (!trie) return 1;
  std::printf("tree of %zu tokens, %zu nodes: %.1f ms\n", kTokens, trie->nodes().size(),
              1e3 * (now() - start));
  const auto schema = [](const char* text) {
    auto made = hone::Grammar::json_schema(text);
    if (!made) std::exit(1);
    return made.take();
  };
  const std::string person =
      R"({"name": "stonation protion", "age": 42, "email": "a.b@example.com", "tags": ["conment", "unness"], "address": {"street": "dicotion 12", "zip": "04177"}})";
  time_grammar("JSON schema", schema(R"({"type": "object", "properties": {
      "name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 130},
      "email": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}},
      "address": {"type": "object", "properties": {"street": {"type": "string"},
        "zip": {"type": "string", "pattern": "^[0-9]{5}$"}}, "required": ["street", "zip"],
        "additionalProperties": false}},
      "required": ["name", "age", "email", "tags", "address"], "additionalProperties": false})"),
               *trie, known, person, rounds);
  time_grammar("any JSON", hone::Grammar::named("json").take(), *trie, known, person, rounds);
  time_grammar("enum", schema(R"({"enum": ["red", "green", "blue", "conment protion"]})"), *trie,
               known, R"("conment protion")", rounds);
  auto calls = hone::Grammar::gbnf(R"gbnf(root ::= call ("\n" call)*
    call ::= name "(" (term (", " term)*)? ")"
    term ::= call | number | [a-z]+
    name ::= [a-z_]+
    number ::= [0-9]+)gbnf");
  if (!calls) return 1;
  time_grammar("grammar of calls", *calls, *trie, known, "tion(st(12, ment), 7)\nproness(a, b)",
               rounds);

  // A mask with the sampler behind it.
  hone::Constraint constraint(schema(R"({"type": "string"})"));
  const auto taken = constraint.accept("\"");
  const auto mask = constraint.allowed(*trie);
  if (!taken || !mask) return 1;
  time_sampler("mask of a string, the usual chain", SamplingOptions(), rows, rounds, mask->get());
  return 0;
}
