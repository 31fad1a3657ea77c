// Builds models from the syntax tree of the text form: names, types, attributes, nested graphs.
#include <charconv>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "base/checked.h"
#include "base/hash.h"
#include "base/text.h"
#include "ir/body.h"
#include "ir/text.h"
#include "ir/verify.h"

namespace hone {
namespace {

using syntax::Argument;
using syntax::AttrText;
using syntax::Element;

Error bad_number(const std::string& text, std::string_view what) {
  return fail(ErrorId::syntax, "'" + printable(text) + "' is not " + std::string(what));
}

template <class T>
Result<T> number(const std::string& text, std::string_view what) {
  T n{};
  const char* end = text.data() + text.size();
  const auto r = std::from_chars(text.data(), end, n);
  if (r.ec != std::errc{} || r.ptr != end) return bad_number(text, what);
  return n;
}

template <class T>
Result<T> real_number(const std::string& text) {
  if (text == "nan") return std::numeric_limits<T>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<T>::infinity();
  if (text == "-inf") return -std::numeric_limits<T>::infinity();
  return number<T>(text, "a number");
}

Status store_bits(Tensor& t, int64_t i, const std::string& text) {
  uint64_t pattern = 0;
  const char* end = text.data() + text.size();
  const auto r = std::from_chars(text.data() + 2, end, pattern, 16);
  const int width = bits(t.dtype());
  if (r.ec != std::errc{} || r.ptr != end || width < 8 || width > 64 ||
      (width < 64 && pattern >> width != 0))
    return bad_number(text, "a bit pattern of " + std::string(name(t.dtype())));
  std::memcpy(t.mutable_data() + size_t(i) * size_t(width) / 8, &pattern, size_t(width) / 8);
  return ok();
}

Status store_text(Tensor& t, int64_t i, const std::string& text) {
  const DType d = t.dtype();
  if (text.starts_with("0x")) return store_bits(t, i, text);
  if (d == DType::u64) {
    store_integer(t, i, int64_t(TRY(number<uint64_t>(text, "an unsigned integer"))));
  } else if (is_integer(d) || d == DType::boolean) {
    const int64_t n = TRY(number<int64_t>(text, "an integer"));
    store_integer(t, i, n);
    if (load_integer(t, i) != n) return bad_number(text, "in the range of " + std::string(name(d)));
  } else if (d == DType::f64) {
    store_real(t, i, TRY(real_number<double>(text)));
  } else {
    const float x = TRY(real_number<float>(text));
    // Storing saturates some of the float8; an infinity that is written is meant.
    if (std::isinf(x) && kFloat8s.has(d))
      t.mutable_data()[i] = std::byte{f32_to_minifloat(d, x, false)};
    else
      store_real(t, i, x);
    if (std::isinf(x) != std::isinf(load_real(t, i)))
      return bad_number(text, "in the range of " + std::string(name(d)));
  }
  return ok();
}

Status fill_complex(Tensor& t, const std::vector<Element>& elements) {
  for (size_t i = 0; i < elements.size(); ++i) {
    if (t.dtype() == DType::c64)
      reinterpret_cast<float*>(t.mutable_data())[i] = TRY(real_number<float>(elements[i].text));
    else
      reinterpret_cast<double*>(t.mutable_data())[i] = TRY(real_number<double>(elements[i].text));
  }
  return ok();
}

// `$name` elements replaced by what the attributes of the operator say.
Result<std::vector<Element>> substitute(const std::vector<Element>& elements, const Infer* attrs) {
  std::vector<Element> out;
  for (const Element& e : elements) {
    if (e.kind != Element::Kind::variable) {
      out.push_back(e);
      continue;
    }
    if (!attrs) return fail(ErrorId::syntax, "'$" + e.text + "' stands outside a body");
    const AttrDef* def = nullptr;
    for (const AttrDef& d : attrs->op().attrs)
      if (d.name == e.text) def = &d;
    if (!def || !attrs->given(def->name))
      return fail(ErrorId::syntax, "'$" + e.text + "' is not given");
    auto add = [&](std::string text) { out.push_back({Element::Kind::number, std::move(text)}); };
    switch (def->kind) {
      case AttrKind::integer: add(std::to_string(attrs->integer(def->name))); break;
      case AttrKind::real: add(exact(attrs->real(def->name))); break;
      case AttrKind::integers:
        for (int64_t n : attrs->list(def->name)) add(std::to_string(n));
        break;
      default: return fail(ErrorId::syntax, "'$" + e.text + "' is not a number");
    }
  }
  return out;
}

Result<Tensor> make_tensor(DType dtype, Extents shape, const std::vector<Element>& elements) {
  const auto count = checked_product(shape);
  const size_t per_element = is_complex(dtype) ? 2 : 1;
  if (!count || uint64_t(*count) != elements.size() / per_element ||
      elements.size() % per_element != 0)
    return fail(ErrorId::syntax, std::to_string(elements.size()) + " elements do not fill " +
                                     std::string(name(dtype)) + Shape::of(shape).str());
  if (dtype == DType::string) {
    std::vector<std::string> texts;
    for (const Element& e : elements) {
      if (e.kind != Element::Kind::text)
        return fail(ErrorId::syntax, "'" + printable(e.text) + "' should be a text in quotes");
      texts.push_back(e.text);
    }
    return Tensor::of_strings(std::move(shape), std::move(texts));
  }
  for (const Element& e : elements)
    if (e.kind == Element::Kind::text)
      return fail(ErrorId::syntax, "a text where a number is needed");
  Tensor t = TRY(Tensor::make(dtype, std::move(shape)));
  if (per_element == 2) {
    TRY(fill_complex(t, elements));
    return t;
  }
  for (size_t i = 0; i < elements.size(); ++i) TRY(store_text(t, int64_t(i), elements[i].text));
  return t;
}

Result<Attr> convert_attr(const AttrText& a, const AttrDef& def, const Model& model,
                          const Limits& limits) {
  auto wrong = [&] {
    return fail(ErrorId::syntax, "attribute '" + std::string(def.name) + "' must be of kind " +
                                     std::string(name(def.kind)));
  };
  using Kind = AttrText::Kind;
  switch (def.kind) {
    case AttrKind::integer:
      if (a.kind != Kind::number) return wrong();
      return Attr(TRY(number<int64_t>(a.text, "an integer")));
    case AttrKind::real:
      if (a.kind == Kind::wide) return Attr(TRY(real_number<double>(a.text)));
      if (a.kind != Kind::number) return wrong();
      return Attr(TRY(real_number<float>(a.text)));
    case AttrKind::text:
      if (a.kind != Kind::text) return wrong();
      return Attr(a.text);
    case AttrKind::dtype: {
      const auto dtype = dtype_named(a.text);
      if (a.kind != Kind::word || !dtype) return wrong();
      return Attr(*dtype);
    }
    case AttrKind::type:
      if (a.kind != Kind::word) return wrong();
      return Attr(TRY(syntax::parse_type(a.text, limits)));
    case AttrKind::graph: {
      const GraphId id = model.graph_named(a.text);
      if (a.kind != Kind::graph) return wrong();
      if (!id.valid())
        return fail(ErrorId::undefined_name, "there is no graph '" + printable(a.text) + "'");
      if (!model.graphs[id.index].states().empty())
        return fail(
            ErrorId::invalid_graph,
            "graph '" + printable(a.text) + "' has states and is nested: none would carry them");
      return Attr(id);
    }
    default: break;
  }
  if (a.kind != Kind::list) return wrong();
  Integers integers;
  Reals reals;
  Texts texts;
  for (const Element& e : a.list) {
    const bool is_text = e.kind == Element::Kind::text;
    if (e.kind == Element::Kind::variable || is_text != (def.kind == AttrKind::texts))
      return wrong();
    if (def.kind == AttrKind::integers)
      integers.push_back(TRY(number<int64_t>(e.text, "an integer")));
    else if (def.kind == AttrKind::reals)
      reals.push_back(TRY(real_number<float>(e.text)));
    else
      texts.push_back(e.text);
  }
  if (def.kind == AttrKind::integers) return Attr(std::move(integers));
  if (def.kind == AttrKind::reals) return Attr(std::move(reals));
  return Attr(std::move(texts));
}

constexpr uint64_t kEntry = 64;  // of a hash table, without what its strings own

using NameSet = std::unordered_set<std::string, SeededHash, std::equal_to<>>;
using Names = std::unordered_map<std::string, ValueId, SeededHash, std::equal_to<>>;

// Adds statements to the builder's graph. `scope` is the operator whose body this is, or null.
class GraphMaker {
 public:
  // `ledger` is charged with what the graph takes; a body needs none.
  GraphMaker(Builder& builder, const Infer* scope, Ledger* ledger)
      : builder_(builder), scope_(scope), ledger_(ledger) {}

  Status define(const std::string& value_name, bool numbered, ValueId v) {
    if (ledger_) TRY(ledger_->charge(kEntry + 2 * value_name.size(), "names of values"));
    if (!(numbered ? numbers_ : names_).emplace(value_name, v).second)
      return fail(ErrorId::duplicate_name, "two values are called '" + printable(value_name) + "'");
    if (!scope_ && !numbered) builder_.graph().at(v).name = value_name;
    return ok();
  }

  Status statement(const syntax::Statement& s, const std::string& node_name) {
    if (s.is_next) return next(s);
    const auto results = TRY(call(s.call, s.results.size(), node_name));
    if (!s.from.empty())
      builder_.graph()
          .at(builder_.graph()[results[0]].producer)
          .provenance.assign(s.from.begin() + 1, s.from.end());
    for (size_t i = 0; i < s.results.size(); ++i) {
      if (s.results[i].type) TRY(refine(results[i], s.results[i].type->type));
      if (!s.results[i].unused) TRY(define(s.results[i].name, s.results[i].numbered, results[i]));
    }
    return ok();
  }

  Result<ValueId> value(const Argument& a, DType fallback) {
    switch (a.kind) {
      case Argument::Kind::missing: return ValueId{};
      case Argument::Kind::value: {
        const Names& names = a.numbered ? numbers_ : names_;
        auto it = names.find(a.name);
        if (it == names.end())
          return fail(ErrorId::undefined_name, "there is no value '" + printable(a.name) + "'");
        return it->second;
      }
      case Argument::Kind::constant:
        TRY(charge_constant());
        return builder_.constant(TRY(constant(a)));
      case Argument::Kind::literal:
        TRY(charge_constant());
        return builder_.constant(TRY(literal_tensor(a.literal, fallback, scope_)));
      case Argument::Kind::call: return TRY(call(a.call[0], 1, node_name_))[0];
    }
    return ValueId{};
  }

  // The value of a constant, whose elements were charged with the text.
  Status charge_constant() {
    return ledger_ ? ledger_->charge(sizeof(Constant) + sizeof(Value) + kEntry, "constants") : ok();
  }

  // Of the argument of a state: `@name` or a literal.
  Result<ConstantId> constant(const Argument& a) {
    if (a.kind == Argument::Kind::literal)
      return builder_.model().add_constant("", TRY(literal_tensor(a.literal, DType::f32, nullptr)));
    const ConstantId id = builder_.model().constant_named(a.name);
    if (a.kind != Argument::Kind::constant || !id.valid())
      return fail(ErrorId::undefined_name, "there is no constant '@" + printable(a.name) + "'");
    return id;
  }

 private:
  Status next(const syntax::Statement& s) {
    Argument state;
    state.kind = Argument::Kind::value;
    state.name = s.results[0].name;
    state.numbered = s.results[0].numbered;
    const ValueId now = TRY(value(state, DType::f32));
    const ValueId next = TRY(value(s.next, DType::f32));
    if (builder_.graph()[now].kind != Value::Kind::state)
      return fail(ErrorId::undefined_name, "'" + printable(s.results[0].name) + "' is not a state");
    if (!next.valid())
      return fail(ErrorId::undefined_name,
                  "state '" + printable(s.results[0].name) + "' needs a next value");
    builder_.graph().set_next(now, next);
    return ok();
  }

  Result<std::vector<ValueId>> call(const syntax::Call& c, size_t outputs,
                                    const std::string& node_name) {
    node_name_ = node_name;
    const OpDef* op = builder_.catalogue().find(c.op);
    if (!op)
      return fail(ErrorId::unsupported_operator,
                  "there is no operator '" + printable(c.op) + "' in the catalogue");
    std::vector<ValueId> inputs(c.arguments.size());
    std::optional<DType> dtype;
    auto bare = [](const Argument& a) {
      return a.kind == Argument::Kind::literal && !a.literal.dtype;
    };
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (bare(c.arguments[i])) continue;
      inputs[i] = TRY(value(c.arguments[i], DType::f32));
      if (dtype || !inputs[i].valid()) continue;
      const DType d = builder_.graph()[inputs[i]].type.tensor.dtype;
      if (d != DType::boolean) dtype = d;
    }
    for (size_t i = 0; i < inputs.size(); ++i)
      if (bare(c.arguments[i])) inputs[i] = TRY(value(c.arguments[i], dtype.value_or(DType::f32)));
    Builder::Given given;
    for (const auto& [key, text] : c.attrs) {
      auto attr = TRY(attribute(*op, key, text));
      if (attr) given.emplace_back(key, std::move(*attr));
    }
    const auto results =
        TRY(builder_.emit(*op, std::move(inputs), std::move(given), outputs, node_name));
    TRY(charge(results));
    return results;
  }

  Status charge(const std::vector<ValueId>& results) {
    if (!ledger_) return ok();
    const Graph& g = builder_.graph();
    uint64_t bytes = results.empty() ? sizeof(Node) : footprint(g[g[results[0]].producer]);
    for (ValueId v : results) bytes += footprint(g[v]);
    return ledger_->charge(bytes, "nodes");
  }

  // None where `$name` stands for an attribute that is not given.
  Result<std::optional<Attr>> attribute(const OpDef& op, const std::string& key,
                                        const AttrText& text) {
    if (text.kind == AttrText::Kind::variable) {
      if (!scope_) return fail(ErrorId::syntax, "'$" + text.text + "' stands outside a body");
      return scope_->attribute(text.text);
    }
    for (const AttrDef& def : op.attrs)
      if (def.name == key)
        return std::optional(
            TRY(convert_attr(text, def, builder_.model(), ledger_ ? ledger_->limits() : Limits())));
    return fail(ErrorId::bad_attribute,
                std::string(op.name) + " has no attribute '" + printable(key) + "'");
  }

  Status refine(ValueId v, const Type& declared) {
    Value& value = builder_.graph().at(v);
    if (!refines(declared, value.type))
      return fail(ErrorId::type_mismatch,
                  "declared as " + declared.str() + ", but it is " + value.type.str());
    value.type = declared;
    return ok();
  }

  Builder& builder_;
  const Infer* scope_;
  Ledger* ledger_;
  Names names_, numbers_;
  std::string node_name_;
};

Status add_constants(Model& model, const syntax::ModelText& text, Ledger& ledger) {
  for (const syntax::ConstantText& c : text.constants) {
    TRY(ledger.charge(sizeof(Constant) + kEntry + 2 * c.name.size() +
                          c.type.type.tensor.shape.rank() * sizeof(Dim) +
                          c.literal.elements.size() * 2 * sizeof(double),
                      "constants"));
    if (!c.type.type.tensor.shape.is_fixed() || !c.type.type.is_tensor() || c.type.variable)
      return fail(ErrorId::type_mismatch,
                  "constant '@" + printable(c.name) + "' needs a tensor type with a fixed shape");
    const auto extents = stored_extents(c.type.type.tensor);
    if (!extents)
      return fail(ErrorId::malformed, "constant '@" + printable(c.name) + "' of type " +
                                          c.type.type.tensor.str() +
                                          " has rows that are no whole blocks");
    if (model.constant_named(c.name).valid())
      return fail(ErrorId::duplicate_name, "two constants are called '@" + printable(c.name) + "'");
    const TensorType& type = c.type.type.tensor;
    const DType stored = stored_dtype(type);
    const auto count = checked_product(*extents);
    const auto size = count ? bytes_for(stored, *count) : std::nullopt;
    if (!size) return fail(ErrorId::overflow, "constant '@" + printable(c.name) + "' is too large");
    Constant constant;
    constant.name = c.name;
    constant.type = type;
    if (c.span) {
      if (type.dtype == DType::string)
        return fail(ErrorId::malformed, "constant '@" + printable(c.name) +
                                            "' holds strings, which do not lie in a source");
      const uint64_t room = model.sources[c.span->source].size;
      if (c.span->length != uint64_t(*size) || c.span->offset > room ||
          c.span->length > room - c.span->offset)
        return fail(ErrorId::malformed, "constant '@" + printable(c.name) + "' of type " +
                                            type.str() + " needs " + std::to_string(*size) +
                                            " bytes inside its source");
      constant.data = *c.span;
    } else {
      Tensor t = TRY(make_tensor(stored, *extents, c.literal.elements)
                         .context("reading constant '@" + printable(c.name) + "'"));
      if (stored == DType::string)
        constant.data = t.strings();
      else
        constant.data = std::vector<std::byte>(t.data(), t.data() + t.byte_size());
    }
    for (auto [named, id] :
         {std::pair(&c.scale, &constant.scale), std::pair(&c.zero_point, &constant.zero_point)}) {
      if (named->empty()) continue;
      *id = model.constant_named(*named);
      if (!id->valid())
        return fail(ErrorId::undefined_name, "there is no constant '@" + printable(*named) + "'");
    }
    if (type.encoding.kind == Encoding::Kind::affine && !constant.scale.valid())
      return fail(ErrorId::malformed, "constant '@" + printable(c.name) + "' needs a scale");
    if (type.encoding.has_zero_point != constant.zero_point.valid())
      return fail(ErrorId::malformed,
                  "constant '@" + printable(c.name) + "' and its zero point do not agree");
    TRY(check_encoding(model, constant));
    model.add_constant(std::move(constant));
  }
  return ok();
}

void collect_graphs(const syntax::Call& top, std::vector<std::string>& names) {
  std::vector<const syntax::Call*> todo{&top};
  while (!todo.empty()) {
    const syntax::Call* c = todo.back();
    todo.pop_back();
    for (const auto& [key, attr] : c->attrs)
      if (attr.kind == AttrText::Kind::graph) names.push_back(attr.text);
    for (const Argument& a : c->arguments)
      if (a.kind == Argument::Kind::call) todo.push_back(&a.call[0]);
  }
}

// Graph indices, nested ones before those that use them.
Result<std::vector<uint32_t>> nesting_order(const Model& model, const syntax::ModelText& text) {
  const size_t n = text.graphs.size();
  std::vector<std::vector<uint32_t>> users(n);
  std::vector<size_t> waiting(n);
  for (uint32_t g = 0; g < n; ++g) {
    std::vector<std::string> used;
    for (const auto& s : text.graphs[g].statements) collect_graphs(s.call, used);
    for (const std::string& other : used) {
      const GraphId id = model.graph_named(other);
      if (!id.valid())
        return fail(ErrorId::undefined_name, "there is no graph '" + printable(other) + "'");
      users[id.index].push_back(g);
      ++waiting[g];
    }
  }
  std::vector<uint32_t> order;
  for (uint32_t g = 0; g < n; ++g)
    if (waiting[g] == 0) order.push_back(g);
  for (size_t i = 0; i < order.size(); ++i)
    for (uint32_t user : users[order[i]])
      if (--waiting[user] == 0) order.push_back(user);
  if (order.size() != n) return fail(ErrorId::cycle, "graphs are nested in themselves");
  return order;
}

Status build_graph(Model& model, GraphId id, const syntax::GraphText& text,
                   const Catalogue& catalogue, Ledger& ledger) {
  Builder builder(model, id, catalogue);
  GraphMaker maker(builder, nullptr, &ledger);
  for (const auto& p : text.inputs) {
    if (p.type.variable) return fail(ErrorId::syntax, "a type variable stands outside a body");
    const ValueId input = builder.graph().add_input("", p.type.type);
    TRY(ledger.charge(footprint(builder.graph()[input]), "inputs"));
    TRY(maker.define(p.name, p.numbered, input));
  }
  for (const auto& p : text.states) {
    ConstantId initial;
    if (p.initial.kind != Argument::Kind::missing) initial = TRY(maker.constant(p.initial));
    const ValueId state = builder.graph().add_state("", p.type.type, initial);
    TRY(ledger.charge(footprint(builder.graph()[state]), "states"));
    TRY(maker.define(p.name, p.numbered, state));
  }
  for (const auto& s : text.statements) {
    auto status = maker.statement(s, s.from.empty() ? std::string() : s.from[0]);
    if (!status)
      return std::move(status).context("reading line " + std::to_string(s.line)).take_error();
  }
  NameSet outputs;
  for (const auto& [interface, argument] : text.outputs) {
    const ValueId v = TRY(maker.value(argument, DType::f32).context("reading the outputs"));
    if (!v.valid()) return fail(ErrorId::syntax, "an output is missing");
    if (!outputs.insert(interface).second)
      return fail(ErrorId::duplicate_name, "two outputs are called '" + printable(interface) + "'");
    TRY(ledger.charge(kEntry + 2 * interface.size(), "outputs"));
    builder.graph().add_output(interface, v);
  }
  return ok();
}

}  // namespace

Result<Tensor> literal_tensor(const syntax::Literal& literal, DType fallback, const Infer* attrs) {
  const auto elements = TRY(substitute(literal.elements, attrs));
  Extents shape = literal.shape;
  // A list attribute fills a literal of one axis, whatever its length.
  if (shape.size() == 1 && literal.elements.size() == 1 &&
      literal.elements[0].kind == Element::Kind::variable)
    shape[0] = int64_t(elements.size());
  return make_tensor(literal.dtype.value_or(fallback), std::move(shape), elements);
}

Result<std::vector<ValueId>> build_body(Builder& builder, const OpDef& op,
                                        const syntax::GraphText& body, const Attrs& attrs,
                                        const std::vector<ValueId>& inputs,
                                        const std::string& node_name) {
  const Infer scope(op, attrs, {}, 0);
  GraphMaker maker(builder, &scope, nullptr);
  for (size_t i = 0; i < body.inputs.size(); ++i) {
    if (i >= inputs.size() || !inputs[i].valid())
      return fail(ErrorId::bad_arity, "the body of " + std::string(op.name) + " needs input '" +
                                          body.inputs[i].name + "'");
    TRY(maker.define(body.inputs[i].name, false, inputs[i]));
  }
  for (const auto& s : body.statements)
    TRY(maker.statement(s, node_name).context("expanding " + std::string(op.name)));
  std::vector<ValueId> outputs;
  for (const auto& [interface, argument] : body.outputs)
    outputs.push_back(TRY(maker.value(argument, DType::f32)));
  return outputs;
}

Result<Model> parse_model_text(std::string_view text, const Catalogue& catalogue,
                               const Limits& limits) {
  Ledger ledger(limits);
  return parse_model_text(text, catalogue, ledger);
}

// Symbols that types use without a declaration are bound by each call.
Status declare_symbols(Model& model, NameSet declared, Ledger& ledger) {
  std::vector<std::string> missing;
  for (const Graph& graph : model.graphs)
    for (uint32_t v = 0; v < graph.value_count(); ++v)
      for (const Dim& dim : graph[ValueId{v}].type.tensor.shape.dims)
        if (!dim.is_constant())
          dim.each_symbol([&](const std::string& symbol) {
            if (declared.insert(symbol).second) missing.push_back(symbol);
          });
  for (std::string& symbol : missing) {
    TRY(ledger.charge(kEntry + sizeof(Symbol) + 2 * symbol.size(), "symbols"));
    model.symbols.push_back({std::move(symbol), BindingTime::call});
  }
  return ok();
}

Result<Model> parse_model_text(std::string_view text, const Catalogue& catalogue, Ledger& ledger) {
  const syntax::ModelText parsed = TRY(syntax::parse(text, ledger));
  Model model;
  model.phase = parsed.phase;
  model.target = parsed.target;
  for (const auto& [key, value] : parsed.metadata) {
    TRY(ledger.charge(kEntry + 2 * sizeof key + key.size() + value.size(), "metadata"));
    model.metadata[key] = value;
  }
  NameSet symbols;
  for (const Symbol& s : parsed.symbols) {
    TRY(ledger.charge(kEntry + sizeof s + 2 * s.name.size(), "symbols"));
    if (!symbols.insert(s.name).second)
      return fail(ErrorId::duplicate_name, "two symbols are called '" + printable(s.name) + "'");
    model.symbols.push_back(s);
  }
  TRY(ledger.charge(parsed.sources.size() * sizeof(DataSource), "sources"));
  model.sources = parsed.sources;
  TRY(add_constants(model, parsed, ledger));
  for (const auto& g : parsed.graphs) {
    if (model.graph_named(g.name).valid())
      return fail(ErrorId::duplicate_name, "two graphs are called '" + printable(g.name) + "'");
    TRY(ledger.charge(sizeof(Graph) + kEntry + 2 * g.name.size(), "graphs"));
    model.add_graph(g.name);
  }
  for (uint32_t g : TRY(nesting_order(model, parsed)))
    TRY(build_graph(model, GraphId{g}, parsed.graphs[g], catalogue, ledger)
            .context("reading graph '" + printable(parsed.graphs[g].name) + "'"));
  if (!parsed.entry.empty()) {
    model.entry = model.graph_named(parsed.entry);
    if (!model.entry.valid())
      return fail(ErrorId::undefined_name, "there is no graph '" + printable(parsed.entry) + "'");
  }
  TRY(declare_symbols(model, std::move(symbols), ledger));
  // A text can say what no reader looks at.
  TRY(verify(model, catalogue, Phase::import));
  return model;
}

}  // namespace hone
