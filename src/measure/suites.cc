#include "measure/suites.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/check.h"
#include "base/faults.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "measure/operator_model.h"
#include "workers/engines.h"

namespace hone::measure {
namespace {

constexpr std::string_view kKeys[] = {"schema", "id",      "name",    "notes", "seconds",
                                      "rounds", "engines", "threads", "cases"};
constexpr std::string_view kRequired[] = {"schema", "id", "name", "cases"};
constexpr std::string_view kCaseKeys[] = {"op", "dims", "model", "name", "bind"};
constexpr size_t kMostCases = 1000;

class Reader {
 public:
  Reader(std::string_view file, std::string folder)
      : faults_(file, ErrorId::bad_suite), folder_(std::move(folder)) {}

  Result<Suite> read(const YamlNode& document) {
    if (document.kind != YamlNode::Kind::map) {
      faults_.add(std::max(document.line, 1), "suite", "expected `key: value` lines");
      return faults_.take();
    }
    faults_.unknown_keys(document, "", kKeys);
    for (const std::string_view key : kRequired)
      if (document.find(key) == nullptr) faults_.add(1, key, "is missing");
    int64_t schema = kSuiteSchema;
    if (const YamlNode* node = document.find("schema"))
      faults_.integer(*node, "schema", kSuiteSchema, kSuiteSchema, schema);
    if (const YamlNode* node = document.find("id")) faults_.word(*node, "id", suite_.id);
    if (const YamlNode* node = document.find("name")) faults_.text(*node, "name", suite_.name);
    if (const YamlNode* node = document.find("notes")) faults_.text(*node, "notes", suite_.notes);
    read_protocol(document);
    if (const YamlNode* node = document.find("cases")) read_cases(*node);
    if (!faults_.none()) return faults_.take();
    return std::move(suite_);
  }

 private:
  void read_protocol(const YamlNode& document) {
    if (const YamlNode* node = document.find("seconds"))
      faults_.real(*node, "seconds", 0.001, 3600, " seconds", suite_.seconds);
    int64_t rounds = suite_.rounds;
    if (const YamlNode* node = document.find("rounds"))
      faults_.integer(*node, "rounds", 1, 1000, rounds);
    suite_.rounds = int(rounds);
    if (const YamlNode* node = document.find("threads")) {
      for (const YamlNode& element : elements(*node, "threads", "[1, 2]")) {
        int64_t threads = 1;
        if (faults_.integer(element, "threads", 1, 1024, threads))
          suite_.threads.push_back(int(threads));
      }
    }
    if (const YamlNode* node = document.find("engines")) {
      suite_.engines.clear();
      std::vector<std::string_view> known;
      for (const workers::Engine& e : workers::all_engines()) known.push_back(e.name);
      for (const YamlNode& element : elements(*node, "engines", "[hone]")) {
        if (element.is_scalar() && std::ranges::find(known, element.text) != known.end())
          suite_.engines.push_back(element.text);
        else
          faults_.unknown(element, "engines", element.text, "engine", known);
      }
    }
  }

  std::span<const YamlNode> elements(const YamlNode& node, const std::string& key,
                                     std::string_view example) {
    if (node.kind == YamlNode::Kind::list && !node.children.empty()) return node.children;
    faults_.add(node.line, key, fmt::format("expected a list: {}", example));
    return {};
  }

  void read_cases(const YamlNode& node) {
    size_t i = 0;
    for (const YamlNode& element : elements(node, "cases", "lines of `- op: …` or `- model: …`")) {
      const std::string key = fmt::format("cases[{}]", i++);
      if (element.kind != YamlNode::Kind::map) {
        faults_.add(element.line, key, "expected an operator {op: …, dims: […]} or {model: …}");
        continue;
      }
      faults_.unknown_keys(element, key + ".", kCaseKeys);
      const bool op = element.find("op") != nullptr;
      if (op == (element.find("model") != nullptr))
        faults_.add(element.line, key, "expected either op or model");
      else if (op)
        read_operator(element, key);
      else
        read_model(element, key);
    }
  }

  void read_operator(const YamlNode& node, const std::string& key) {
    for (const std::string_view other : {"name", "bind"})
      if (const YamlNode* odd = node.find(other))
        faults_.add(odd->line, fmt::format("{}.{}", key, other), "is for models only");
    std::string op;
    if (!faults_.word(*node.find("op"), key + ".op", op)) return;
    const YamlNode* dims = node.find("dims");
    if (dims == nullptr) return faults_.add(node.line, key + ".dims", "is missing");
    for (const YamlNode& element : elements(*dims, key + ".dims", "[128x768x768]")) {
      const Status fits = check_operator(op, element.text);
      if (!fits) {
        faults_.add(element.line, key + (element.is_scalar() ? ".dims" : ""),
                    fits.error().message + "; expected " + fits.error().hint);
        continue;
      }
      add(element.line, key, {op + " " + element.text, op, element.text, {}, {}});
    }
  }

  void read_model(const YamlNode& node, const std::string& key) {
    if (const YamlNode* odd = node.find("dims"))
      faults_.add(odd->line, key + ".dims", "is for operators only");
    SuiteCase c;
    if (!faults_.text(*node.find("model"), key + ".model", c.model)) return;
    c.name = c.model;
    if (const YamlNode* name = node.find("name")) faults_.text(*name, key + ".name", c.name);
    if (!folder_.empty() && !c.model.starts_with('/')) c.model = folder_ + "/" + c.model;
    if (const YamlNode* bind = node.find("bind")) read_bind(*bind, key + ".bind", c);
    add(node.line, key, std::move(c));
  }

  void read_bind(const YamlNode& node, const std::string& key, SuiteCase& c) {
    if (node.kind != YamlNode::Kind::map)
      return faults_.add(node.line, key, "expected {SYMBOL: SIZE}");
    for (const YamlNode& symbol : node.children) {
      int64_t size = 0;
      if (faults_.integer(symbol, key + "." + symbol.key, 1, 1 << 24, size))
        c.bind[symbol.key] = size;
    }
  }

  void add(int line, const std::string& key, SuiteCase c) {
    if (!names_.insert(c.name).second)
      return faults_.add(line, key, "'" + printable(c.name) + "' stands twice; give it a name");
    if (suite_.cases.size() == kMostCases)
      return faults_.add(line, key, fmt::format("a suite has at most {} cases", kMostCases));
    suite_.cases.push_back(std::move(c));
  }

  Faults faults_;
  std::string folder_;
  Suite suite_;
  std::set<std::string> names_;
};

}  // namespace

Result<Suite> parse_suite(std::string_view text, std::string_view file, const std::string& folder) {
  const YamlNode document =
      TRY(read_yaml(text, file, ErrorId::bad_suite, {.bytes = kMostSuiteFile}));
  Suite suite = TRY(Reader(file, folder).read(document));
  suite.text = text;
  return suite;
}

std::string_view suite_names() {
  static const std::string names = [] {
    std::string all;
    for (const BuiltInSuite& s : built_in_suites())
      all += (all.empty() ? "" : "|") + std::string(s.id);
    return all;
  }();
  return names;
}

Result<Suite> find_suite(const std::string& name) {
  if (name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml")) {
    const MappedFile file = TRY(MappedFile::open(name));
    const std::string folder = std::filesystem::path(name).parent_path();
    return parse_suite({reinterpret_cast<const char*>(file.bytes().data()), file.size()}, name,
                       folder);
  }
  std::vector<std::string_view> known;
  for (const BuiltInSuite& s : built_in_suites()) {
    if (s.id == name) return parse_suite(s.text, s.file(), "");
    known.push_back(s.id);
  }
  Error error = fail(ErrorId::unknown_suite, "there is no suite '" + printable(name) + "'");
  if (const auto near = closest(name, known.data(), known.size()))
    error.hint = fmt::format("did you mean {}? `hone benchmark --list-suites` lists all", *near);
  return error;
}

}  // namespace hone::measure
