#include "hardware/device_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "base/mapped_file.h"
#include "base/text.h"
#include "base/yaml.h"
#include "hardware/formula.h"

namespace hone {
namespace {

constexpr size_t kMostFaults = 20;
constexpr size_t kLongestWord = 64;
constexpr int64_t kMostCores = 100'000'000;

constexpr std::string_view kKeys[] = {"schema",  "id",           "name",    "vendor",  "class",
                                      "aliases", "architecture", "process", "cores",   "threads",
                                      "isa",     "memory",       "notes",   "sources", "fields"};
constexpr std::string_view kRequired[] = {"schema", "id", "name", "vendor", "class", "fields"};
constexpr std::string_view kFigureKeys[] = {"value",   "unit",   "basis",    "kind",
                                            "formula", "source", "verified", "note"};

struct TextKey {
  std::string_view key;
  std::string Device::* member;
};
constexpr TextKey kTexts[] = {{"name", &Device::name},
                              {"architecture", &Device::architecture},
                              {"process", &Device::process},
                              {"memory", &Device::memory},
                              {"notes", &Device::notes}};

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kLongestWord &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

template <class T>
std::optional<T> parsed(const YamlNode& node) {
  T value{};
  const std::string& text = node.text;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (node.kind != YamlNode::Kind::plain || failure != std::errc() ||
      end != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::string list_of(std::span<const std::string_view> words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

// Collects all faults: who writes a file corrects them in one go.
class Reader {
 public:
  explicit Reader(std::string_view file) : file_(printable(file)) { device_.file = file; }

  Result<Device> read(const YamlNode& document) {
    if (document.kind != YamlNode::Kind::map)
      return fail(ErrorId::bad_device, fmt::format("{}:{}: expected `key: value` lines", file_,
                                                   std::max(document.line, 1)));
    known_keys(document, "", kKeys);
    for (const std::string_view key : kRequired)
      if (document.find(key) == nullptr) fault(1, key, "is missing");
    if (const YamlNode* schema = document.find("schema")) read_schema(*schema);
    read_identity(document);
    for (const TextKey& key : kTexts)
      if (const YamlNode* node = document.find(key.key)) text(*node, key.key, device_.*key.member);
    read_lists(document);
    if (const YamlNode* sources = document.find("sources")) read_sources(*sources);
    if (const YamlNode* fields = document.find("fields")) read_fields(*fields);
    check_formulas();
    check_sources_used();
    if (faults_.empty()) return std::move(device_);
    if (further_ > 0) faults_.push_back(fmt::format("… and {} more", further_));
    return fail(ErrorId::bad_device, fmt::format("{}", fmt::join(faults_, "\n")));
  }

 private:
  // Whether one more is only counted.
  bool full() { return faults_.size() == kMostFaults && ++further_ > 0; }

  void fault(int line, std::string_view key, std::string_view what) {
    if (full()) return;
    faults_.push_back(fmt::format("{}:{}: {}: {}", file_, line, printable(key), what));
  }

  void known_keys(const YamlNode& map, const std::string& prefix,
                  std::span<const std::string_view> known) {
    for (const YamlNode& node : map.children) {
      if (std::find(known.begin(), known.end(), node.key) != known.end()) continue;
      unknown(node, prefix + node.key, node.key, "key", known);
    }
  }

  void unknown(const YamlNode& at, const std::string& key, std::string_view word,
               std::string_view what, std::span<const std::string_view> known) {
    if (faults_.size() == kMostFaults) return fault(at.line, key, what);  // no need to search
    const auto near = closest(word, known.data(), known.size());
    fault(at.line, key,
          near ? fmt::format("there is no such {}; did you mean {}?", what, *near)
               : fmt::format("there is no such {}; expected one of {}", what, list_of(known)));
  }

  void read_schema(const YamlNode& node) {
    const auto version = parsed<int64_t>(node);
    if (version == kDeviceSchema) return;
    fault(node.line, "schema",
          fmt::format("expected {}, the version that this hone reads", kDeviceSchema));
  }

  void read_identity(const YamlNode& document) {
    const YamlNode* id = document.find("id");
    if (id != nullptr && word(*id, "id", device_.id) && device_.id == "host")
      fault(id->line, "id", "host is the machine that hone runs on; take another name");
    if (const YamlNode* vendor = document.find("vendor")) word(*vendor, "vendor", device_.vendor);
    if (const YamlNode* cores = document.find("cores")) {
      device_.cores_line = cores->line;
      number(*cores, "cores", device_.cores);
    }
    if (const YamlNode* threads = document.find("threads"))
      number(*threads, "threads", device_.threads);
    if (const YamlNode* memory = document.find("memory")) device_.memory_line = memory->line;
    const YamlNode* node = document.find("class");
    if (node == nullptr) return;
    if (const auto known = device_class_named(node->text); known && node->is_scalar()) {
      device_.device_class = *known;
      return;
    }
    std::vector<std::string_view> names;
    for (const DeviceClassInfo& c : all_device_classes()) names.push_back(c.name);
    unknown(*node, "class", node->text, "class", names);
  }

  void read_lists(const YamlNode& document) {
    if (const YamlNode* aliases = document.find("aliases"))
      words(*aliases, "aliases", device_.aliases);
    if (std::find(device_.aliases.begin(), device_.aliases.end(), "host") != device_.aliases.end())
      fault(document.find("aliases")->line, "aliases", "host is the machine that hone runs on");
    if (const YamlNode* isa = document.find("isa")) {
      device_.isa_line = isa->line;
      words(*isa, "isa", device_.isa);
    }
  }

  bool text(const YamlNode& node, std::string_view key, std::string& into) {
    const bool printed = printable(node.text) == node.text;  // also bounds the length
    if (!node.is_scalar() || node.text.empty() || !printed) {
      fault(node.line, key, "expected a text of at most 256 bytes without control characters");
      return false;
    }
    into = node.text;
    return true;
  }

  bool word(const YamlNode& node, std::string_view key, std::string& into) {
    if (!node.is_scalar() || !is_word(node.text)) {
      fault(node.line, key,
            fmt::format("expected a word of at most {} of a-z, 0-9 and _", kLongestWord));
      return false;
    }
    into = node.text;
    return true;
  }

  void words(const YamlNode& node, std::string_view key, std::vector<std::string>& into) {
    if (node.kind != YamlNode::Kind::list) return fault(node.line, key, "expected a list: [a, b]");
    for (const YamlNode& element : node.children) {
      std::string value;
      if (!word(element, key, value)) continue;
      if (std::find(into.begin(), into.end(), value) != into.end())
        fault(element.line, key, value + " stands twice");
      into.push_back(std::move(value));
    }
  }

  void number(const YamlNode& node, std::string_view key, int64_t& into) {
    const auto value = parsed<int64_t>(node);
    if (!value || *value < 1 || *value > kMostCores)
      return fault(node.line, key, fmt::format("expected a whole number from 1 to {}", kMostCores));
    into = *value;
  }

  void read_sources(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::map)
      return fault(node.line, "sources", "expected lines `key: document`");
    for (const YamlNode& source : node.children) {
      const std::string key = "sources." + source.key;
      if (!is_word(source.key)) fault(source.line, key, "expected a word of a-z, 0-9 and _");
      std::string document;
      text(source, key, document);
      sources_[source.key] = {std::move(document), source.line};
    }
  }

  void read_fields(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::map || node.children.empty())
      return fault(node.line, "fields", "expected lines `name: {value: …, unit: …, kind: …}`");
    for (const YamlNode& child : node.children) {
      const std::string key = "fields." + child.key;
      const auto field = field_named(child.key);
      if (!field) {
        std::vector<std::string_view> names;
        for (const FieldInfo& f : all_fields()) names.push_back(f.name);
        unknown(child, key, child.key, "figure", names);
      } else if (child.kind != YamlNode::Kind::map) {
        fault(child.line, key, "expected {value: …, unit: …, kind: …}");
      } else {
        known_keys(child, key + ".", kFigureKeys);
        device_[*field] = read_figure(child, key, info(*field));
      }
    }
  }

  Quantity read_figure(const YamlNode& node, const std::string& key, const FieldInfo& field) {
    Quantity q{.line = node.line};
    q.value = read_value(node, key, field);
    read_kind(node, key, q);
    read_basis(node, key, field, q);
    if (const YamlNode* note = node.find("note")) text(*note, key + ".note", q.note);
    if (const YamlNode* formula = node.find("formula")) text(*formula, key + ".formula", q.formula);
    if (const YamlNode* source = node.find("source")) read_source(*source, key + ".source", q);
    if (const YamlNode* verified = node.find("verified")) {
      q.verified = verified->text == "true";
      if (verified->kind != YamlNode::Kind::plain || (!q.verified && verified->text != "false"))
        fault(verified->line, key + ".verified", "expected true or false");
    }
    check_evidence(node, key, q);
    return q;
  }

  double read_value(const YamlNode& node, const std::string& key, const FieldInfo& field) {
    const YamlNode* value = node.find("value");
    const YamlNode* unit = node.find("unit");
    const DimensionInfo& dimension = info(field.dimension);
    if (value == nullptr) fault(node.line, key, "has no value");
    if (unit == nullptr && field.dimension != Dimension::count)
      fault(node.line, key,
            fmt::format("has no unit; expected {}, such as {}", dimension.what, dimension.example));
    double factor = 1;
    if (unit != nullptr) {
      const auto known = unit_factor(unit->text, field.dimension);
      if (!known || !unit->is_scalar()) {
        fault(unit->line, key + ".unit", known ? "expected a word" : known.error().message);
        return 0;
      }
      factor = *known;
    }
    if (value == nullptr) return 0;
    const auto number = parsed<double>(*value);
    if (!number || !std::isfinite(*number)) {
      fault(value->line, key + ".value", "expected a number");
      return 0;
    }
    const double in_base = *number * factor;
    if (!(in_base >= field.least && in_base <= field.most))
      fault(value->line, key + ".value",
            fmt::format("{} is out of range; expected {} to {}",
                        human_quantity(in_base, field.dimension),
                        human_quantity(field.least, field.dimension),
                        human_quantity(field.most, field.dimension)));
    return in_base;
  }

  void read_kind(const YamlNode& node, const std::string& key, Quantity& q) {
    using Kind = Quantity::Kind;
    const YamlNode* kind = node.find("kind");
    if (kind == nullptr)
      return fault(node.line, key, "has no kind: vendor, derived, measured or estimated");
    for (const Kind k : {Kind::vendor, Kind::derived, Kind::measured, Kind::estimated}) {
      if (kind->text != name(k)) continue;
      q.kind = k;
      return;
    }
    fault(kind->line, key + ".kind", "expected vendor, derived, measured or estimated");
  }

  void read_basis(const YamlNode& node, const std::string& key, const FieldInfo& field,
                  Quantity& q) {
    const YamlNode* basis = node.find("basis");
    if (!field.is_peak()) {
      if (basis != nullptr) fault(basis->line, key + ".basis", "only peaks have a basis");
      return;
    }
    if (basis == nullptr)
      return fault(node.line, key,
                   "has no basis: dense where every operation counts, sparse where those that 2:4 "
                   "sparsity leaves out count too");
    if (basis->text == "dense")
      q.basis = Quantity::Basis::dense;
    else if (basis->text == "sparse")
      q.basis = Quantity::Basis::sparse;
    else
      fault(basis->line, key + ".basis", "expected dense or sparse");
  }

  void read_source(const YamlNode& node, const std::string& key, Quantity& q) {
    std::span<const YamlNode> names(&node, 1);
    if (node.kind == YamlNode::Kind::list) names = node.children;
    for (const YamlNode& element : names) {
      const auto it = element.is_scalar() ? sources_.find(element.text) : sources_.end();
      if (it == sources_.end()) {
        std::vector<std::string_view> known;
        for (const auto& [source, document] : sources_) known.push_back(source);
        if (known.empty()) return fault(element.line, key, "the file has no `sources`");
        unknown(element, key, element.text, "source", known);
        continue;
      }
      it->second.used = true;
      q.source += (q.source.empty() ? "" : "; ") + it->second.document;
    }
  }

  // No number without what it rests on.
  void check_evidence(const YamlNode& node, const std::string& key, const Quantity& q) {
    using Kind = Quantity::Kind;
    if (q.kind == Kind::derived && q.formula.empty())
      fault(node.line, key, "is derived, but has no formula");
    if (q.kind != Kind::derived && !q.formula.empty())
      fault(node.line, key, "has a formula, so its kind is derived");
    if ((q.kind == Kind::vendor || q.kind == Kind::measured) && node.find("source") == nullptr &&
        node.find("kind") != nullptr)
      fault(node.line, key, "names no source");
    if (q.kind == Kind::estimated && q.source.empty() && q.note.empty() &&
        node.find("source") == nullptr && node.find("kind") != nullptr)
      fault(node.line, key, "is estimated: say how in a note, or name a source");
  }

  // Last, because formulas use figures that come later. What they give is for `check_device`.
  void check_formulas() {
    for (const FieldInfo& field : all_fields()) {
      const auto& q = device_[field.id];
      if (!q || q->formula.empty()) continue;
      bool itself = false;
      const auto value = evaluate(q->formula, [&](std::string_view name) {
        itself = itself || name == field.name;
        return value_in_formula(device_, name);
      });
      if (itself)
        fault(q->line, fmt::format("fields.{}.formula", field.name), "it rests on itself");
      if (!value)
        fault(q->line, fmt::format("fields.{}.formula", field.name), value.error().message);
    }
  }

  void check_sources_used() {
    for (const auto& [key, source] : sources_)
      if (!source.used) fault(source.line, "sources." + key, "no figure names it");
  }

  struct Source {
    std::string document;
    int line = 0;
    bool used = false;
  };
  std::string file_;
  Device device_;
  std::map<std::string, Source, std::less<>> sources_;
  std::vector<std::string> faults_;
  size_t further_ = 0;
};

}  // namespace

Result<Device> parse_device(std::string_view text, std::string_view file) {
  const YamlNode document =
      TRY(read_yaml(text, file, ErrorId::bad_device, {.bytes = kMostDeviceFile}));
  return Reader(file).read(document);
}

Result<Device> read_device(const std::string& path) {
  const MappedFile file = TRY(MappedFile::open(path));
  const auto bytes = file.bytes();
  return parse_device({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

std::optional<double> value_in_formula(const Device& device, std::string_view name) {
  const int64_t whole = name == "cores" ? device.cores : name == "threads" ? device.threads : 0;
  if (whole > 0) return static_cast<double>(whole);
  const auto field = field_named(name);
  return field ? device.value(*field) : std::nullopt;
}

}  // namespace hone
