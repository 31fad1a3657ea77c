// Prints models in their text form.
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "ir/op.h"
#include "ir/text.h"

namespace hone {
namespace {

bool is_plain(std::string_view name) {
  // What begins a statement, an origin or a number stands in quotes when it is a name.
  for (std::string_view other : {"", "_", "next", "from", "inf", "nan"})
    if (name == other) return false;
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (!letter(name[0])) return false;
  for (char c : name)
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '.') return false;
  return true;
}

std::string word(std::string_view name) { return is_plain(name) ? std::string(name) : quote(name); }

// The element's bits as hexadecimal, for NaNs that are not the usual one.
std::string bit_pattern(const Tensor& t, int64_t i) {
  uint64_t pattern = 0;
  const size_t width = size_t(bits(t.dtype())) / 8;
  std::memcpy(&pattern, t.data() + size_t(i) * width, width);
  static const char* digits = "0123456789abcdef";
  std::string text = "0x";
  for (size_t k = width * 2; k-- > 0;) text += digits[pattern >> (4 * k) & 15];
  return text;
}

bool usual_nan(const Tensor& t, int64_t i) {
  Tensor probe = Tensor::scalar(t.dtype(), std::nan(""));
  const size_t width = size_t(bits(t.dtype())) / 8;
  return width != 0 && std::memcmp(probe.data(), t.data() + size_t(i) * width, width) == 0;
}

std::string element(const Tensor& t, int64_t i) {
  const DType d = t.dtype();
  if (d == DType::string) return quote(t.strings()[size_t(i)]);
  if (d == DType::boolean) return load_integer(t, i) ? "1" : "0";
  if (is_complex(d)) {
    const double* wide = reinterpret_cast<const double*>(t.data());
    const float* narrow = reinterpret_cast<const float*>(t.data());
    return d == DType::c64 ? exact(narrow[2 * i]) + ", " + exact(narrow[2 * i + 1])
                           : exact(wide[2 * i]) + ", " + exact(wide[2 * i + 1]);
  }
  if (d == DType::u64) return std::to_string(uint64_t(load_integer(t, i)));
  if (is_integer(d)) return std::to_string(load_integer(t, i));
  const double x = load_real(t, i);
  if (std::isnan(x) && bits(d) >= 8 && !usual_nan(t, i)) return bit_pattern(t, i);
  return d == DType::f64 ? exact(x) : exact(float(x));
}

class Printer {
 public:
  Printer(const Model& model, const PrintOptions& options) : model_(model), options_(options) {}

  std::string model() {
    out_ = "hone 1\nphase " + word(model_.phase) + "\n";
    if (!model_.target.empty()) out_ += "target " + quote(model_.target) + "\n";
    if (model_.entry.index != 0) out_ += "entry " + word(model_.main().name) + "\n";
    for (const auto& [key, value] : model_.metadata)
      out_ += "meta " + quote(key) + " = " + quote(value) + "\n";
    for (const Symbol& s : model_.symbols)
      out_ += "symbol " + word(s.name) + ": " + std::string(name(s.time)) + "\n";
    number_sources();
    for (size_t i = 0; i < model_.sources.size(); ++i)
      if (source_numbers_[i])
        out_ += "source " + std::to_string(*source_numbers_[i]) + " " +
                quote(model_.sources[i].name) + " " + std::to_string(model_.sources[i].size) + "\n";
    for (const Constant& c : model_.constants)
      if (!c.name.empty()) constant(c);
    for (const Graph& g : model_.graphs) graph(g);
    return std::move(out_);
  }

  std::string one(GraphId id) {
    graph(model_.graphs[id.index]);
    return std::move(out_);
  }

 private:
  void constant(const Constant& c) {
    out_ += "const @" + word(c.name) + ": " + c.type.str() + " = ";
    const auto* span = std::get_if<Constant::Span>(&c.data);
    if (span != nullptr && source_numbers_[span->source]) {
      out_ += "span(" + std::to_string(*source_numbers_[span->source]) + ", " +
              std::to_string(span->offset) + ", " + std::to_string(span->length) + ")";
    } else {
      out_ += elements(c);
    }
    if (c.scale.valid()) out_ += " scale @" + word(model_.constants[c.scale.index].name);
    if (c.zero_point.valid()) out_ += " zero @" + word(model_.constants[c.zero_point.index].name);
    out_ += "\n";
  }

  // Sources whose bytes stand in the text have no number.
  void number_sources() {
    size_t next = 0;
    for (const DataSource& source : model_.sources) {
      const bool in_text = options_.memory && source.memory != nullptr;
      source_numbers_.push_back(in_text ? std::nullopt : std::optional(next++));
    }
  }

  std::span<const std::byte> bytes_of(const Constant& c) {
    if (const auto* bytes = std::get_if<std::vector<std::byte>>(&c.data)) return *bytes;
    const auto& span = std::get<Constant::Span>(c.data);
    const auto all = model_.sources[span.source].bytes();
    CHECK(span.offset <= all.size() && span.length <= all.size() - span.offset);
    return all.subspan(span.offset, span.length);
  }

  // `{…}` of a constant in memory; of its stored integers where the encoding is affine.
  std::string elements(const Constant& c) {
    Tensor t;
    const Extents shape = *stored_extents(c.type);
    if (const auto* texts = std::get_if<std::vector<std::string>>(&c.data)) {
      t = Tensor::of_strings(shape, *texts);
    } else {
      const auto bytes = bytes_of(c);
      auto made = Tensor::make(stored_dtype(c.type), shape);
      CHECK(made.ok() && uint64_t(made->byte_size()) == bytes.size());
      t = made.take();
      if (!bytes.empty()) std::memcpy(t.mutable_data(), bytes.data(), bytes.size());
    }
    std::string text = "{";
    for (int64_t i = 0; i < t.count(); ++i) text += (i ? ", " : "") + element(t, i);
    return text + "}";
  }

  std::string literal(const Constant& c) {
    std::string text(name(c.type.dtype));
    if (c.type.shape.rank() == 1) text += c.type.shape.str();
    return text + elements(c);
  }

  std::string reference(ConstantId id) {
    const Constant& c = model_.constants[id.index];
    return c.name.empty() ? literal(c) : "@" + word(c.name);
  }

  std::string value(const Graph& g, ValueId v) {
    if (!v.valid()) return "_";
    const Value& value = g[v];
    if (value.kind == Value::Kind::constant) return reference(value.constant);
    if (!value.name.empty()) return word(value.name);
    auto [it, fresh] = numbers_.try_emplace(v.index, numbers_.size());
    return "%" + std::to_string(it->second);
  }

  std::string attr(const Attr& a) {
    if (const auto* id = std::get_if<GraphId>(&a))
      return "graph " + word(model_.graphs[id->index].name);
    return print(a);
  }

  void graph(const Graph& g) {
    numbers_.clear();
    out_ += "graph " + word(g.name) + "(";
    for (size_t i = 0; i < g.inputs.size(); ++i)
      out_ += (i ? ", " : "") + value(g, g.inputs[i]) + ": " + g[g.inputs[i]].type.str();
    out_ += ")";
    for (size_t i = 0; i < g.states().size(); ++i) {
      const State& s = g.states()[i];
      out_ += (i ? ", " : " state ") + value(g, s.now) + ": " + g[s.now].type.str();
      if (s.initial.valid()) out_ += " = " + reference(s.initial);
    }
    const auto sorted = g.order();
    std::string body;
    std::swap(out_, body);
    if (sorted) {
      for (NodeId n : *sorted) node(g, n);
    } else {
      out_ += "  // " + sorted.error().message + "\n";
    }
    for (const State& s : g.states())
      out_ += "  next " + value(g, s.now) + " = " + value(g, s.next) + "\n";
    std::swap(out_, body);
    out_ += " -> (";
    for (size_t i = 0; i < g.outputs().size(); ++i) {
      const std::string shown = value(g, g.outputs()[i]), named = word(g.output_names()[i]);
      out_ += (i ? ", " : "") + (shown == named ? named : named + " = " + shown);
    }
    out_ += ") {\n" + body + "}\n";
  }

  void node(const Graph& g, NodeId id) {
    const Node& n = g[id];
    out_ += "  ";
    for (size_t i = 0; i < n.outputs.size(); ++i)
      out_ += (i ? ", " : "") + value(g, n.outputs[i]) + ": " + g[n.outputs[i]].type.str();
    out_ += " = " + std::string(n.op->name) + "(";
    for (size_t i = 0; i < n.inputs.size(); ++i) out_ += (i ? ", " : "") + value(g, n.inputs[i]);
    out_ += ")";
    for (size_t i = 0; i < n.attrs.size(); ++i)
      out_ += (i ? ", " : " <") + std::string(n.attrs[i].name) + "=" + attr(n.attrs[i].value);
    if (!n.attrs.empty()) out_ += ">";
    if (options_.provenance && (!n.name.empty() || !n.provenance.empty())) {
      out_ += " from " + quote(n.name);
      for (const std::string& origin : n.provenance) out_ += ", " + quote(origin);
    }
    out_ += "\n";
  }

  const Model& model_;
  const PrintOptions& options_;
  std::string out_;
  std::unordered_map<uint32_t, size_t> numbers_;
  std::vector<std::optional<size_t>> source_numbers_;  // in the text
};

}  // namespace

std::string print(const Model& model, const PrintOptions& options) {
  return Printer(model, options).model();
}

std::string print(const Model& model, GraphId graph, const PrintOptions& options) {
  return Printer(model, options).one(graph);
}

}  // namespace hone
