// Reads the text form into its syntax tree. Bounded: nesting, names and total size are limited, and
// what the tree takes is charged to a ledger.
#include <algorithm>

#include "base/text.h"
#include "ir/dim_text.h"
#include "ir/scanner.h"
#include "ir/syntax.h"

namespace hone::syntax {
namespace {

constexpr int kMaxCallDepth = 32;

class Parser : Scanner {
 public:
  Parser(std::string_view text, Ledger& ledger)
      : Scanner(text, ledger.limits()), limits_(ledger.limits()), ledger_(ledger) {}

  Result<ModelText> model() {
    if (size() > limits_.header)
      return fail(ErrorId::over_size, "the text has " + std::to_string(size()) +
                                          " bytes; the limit is " + std::to_string(limits_.header));
    TRY(ledger_.charge(size(), "the text's names"));  // each comes from a piece of its own
    ModelText m;
    TRY(expect("hone"));
    if (TRY(integer()) != 1)
      return fail(ErrorId::unsupported_version, "only version 1 of the text form is known");
    while (!at_end()) TRY(item(m));
    if (m.graphs.empty()) return wrong("there is no graph");
    return m;
  }

  Result<Type> only_type() {
    TypeText t = TRY(type(0));
    if (t.variable || !at_end()) return wrong("expected a type and nothing else");
    return std::move(t.type);
  }

  Result<GraphText> only_graph() {
    TRY(expect("graph"));
    GraphText g = TRY(graph());
    if (!at_end()) return wrong("text after the graph");
    return g;
  }

 private:
  template <class T>
  Status add(std::vector<T>& items, T item, std::string_view what) {
    TRY(reserve_charged(ledger_, items, 1, what));
    items.push_back(std::move(item));
    return ok();
  }

  Status item(ModelText& m) {
    if (eat_word("phase")) {
      m.phase = TRY(name());
    } else if (eat_word("target")) {
      m.target = TRY(quoted());
    } else if (eat_word("entry")) {
      m.entry = TRY(name());
    } else if (eat_word("meta")) {
      std::string key = TRY(quoted());
      TRY(expect("="));
      std::string text = TRY(quoted());
      TRY(add(m.metadata, {std::move(key), std::move(text)}, "metadata"));
    } else if (eat_word("symbol")) {
      TRY(symbol(m));
    } else if (eat_word("source")) {
      TRY(source(m));
    } else if (eat_word("const")) {
      TRY(constant(m));
    } else if (eat_word("graph")) {
      TRY(add(m.graphs, TRY(graph()), "graphs"));
    } else {
      return wrong("expected phase, target, entry, meta, symbol, source, const or graph");
    }
    return ok();
  }

  Status symbol(ModelText& m) {
    Symbol s;
    s.name = TRY(name());
    TRY(expect(":"));
    const std::string time = TRY(name());
    for (BindingTime t :
         {BindingTime::model, BindingTime::session, BindingTime::call, BindingTime::data})
      if (hone::name(t) == time) {
        s.time = t;
        return add(m.symbols, std::move(s), "symbols");
      }
    return wrong("a symbol is bound at model, session, call or data time");
  }

  Status source(ModelText& m) {
    const int64_t index = TRY(integer());
    if (index != int64_t(m.sources.size())) return wrong("sources must be numbered from 0");
    DataSource s;
    s.name = TRY(quoted());
    const int64_t size = TRY(integer());
    if (size < 0) return wrong("a source has a size >= 0");
    s.size = uint64_t(size);
    return add(m.sources, std::move(s), "sources");
  }

  Status constant(ModelText& m) {
    ConstantText c;
    TRY(expect("@"));
    c.name = TRY(name());
    TRY(expect(":"));
    c.type = TRY(type(0));
    TRY(expect("="));
    if (eat_word("span")) {
      TRY(expect("("));
      const int64_t source = TRY(integer());
      TRY(expect(","));
      const int64_t offset = TRY(integer());
      TRY(expect(","));
      const int64_t length = TRY(integer());
      TRY(expect(")"));
      if (source < 0 || source >= int64_t(m.sources.size()) || offset < 0 || length < 0)
        return wrong("a span is (source, offset, length) of a declared source");
      c.span = Constant::Span{uint32_t(source), uint64_t(offset), uint64_t(length)};
    } else {
      TRY(expect("{"));
      TRY(elements(c.literal, "}"));
    }
    if (eat_word("scale")) {
      TRY(expect("@"));
      c.scale = TRY(name());
    }
    if (eat_word("zero")) {
      TRY(expect("@"));
      c.zero_point = TRY(name());
    }
    TRY(ledger_.charge_tensors(1));
    return add(m.constants, std::move(c), "constants");
  }

  Result<GraphText> graph() {
    GraphText g;
    g.name = TRY(name());
    TRY(expect("("));
    while (!eat(")")) {
      TRY(add(g.inputs, TRY(parameter()), "inputs"));
      if (!eat(",")) {
        TRY(expect(")"));
        break;
      }
    }
    if (eat_word("state")) {
      do {
        TRY(add(g.states, TRY(parameter()), "states"));
        if (eat("=")) g.states.back().initial = TRY(argument(0));
      } while (eat(","));
    }
    TRY(expect("->"));
    TRY(expect("("));
    while (!eat(")")) {
      TRY(output(g));
      if (!eat(",")) {
        TRY(expect(")"));
        break;
      }
    }
    TRY(expect("{"));
    while (!eat("}")) {
      if (at_end()) return wrong("the graph does not end; expected '}'");
      TRY(add(g.statements, TRY(statement()), "statements"));
    }
    return g;
  }

  Result<Parameter> parameter() {
    Parameter p;
    p.numbered = peek() == '%';
    p.name = TRY(value_name());
    TRY(expect(":"));
    p.type = TRY(type(0));
    return p;
  }

  Status output(GraphText& g) {
    Argument a = TRY(argument(0));
    if (!eat("=")) {
      std::string named = a.name;
      return add(g.outputs, {std::move(named), std::move(a)}, "outputs");
    }
    if (a.kind != Argument::Kind::value) return wrong("an output is `name` or `name = value`");
    Argument given = TRY(argument(0));
    return add(g.outputs, {std::move(a.name), std::move(given)}, "outputs");
  }

  Result<Statement> statement() {
    Statement s;
    skip();
    s.line = line();
    if (eat_word("next")) {
      s.is_next = true;
      const bool numbered = peek() == '%';
      TRY(add(s.results, {TRY(value_name()), numbered, false, {}}, "results"));
      TRY(expect("="));
      s.next = TRY(argument(0));
      return s;
    }
    do {
      ResultName r;
      if (eat_word("_")) {
        r.unused = true;
      } else {
        r.numbered = peek() == '%';
        r.name = TRY(value_name());
      }
      if (eat(":")) r.type = TRY(type(0));
      TRY(add(s.results, std::move(r), "results"));
    } while (eat(","));
    TRY(expect("="));
    s.call = TRY(call(0));
    if (eat_word("from")) {
      do TRY(add(s.from, TRY(quoted()), "origins"));
      while (eat(","));
    }
    return s;
  }

  Result<Call> call(int depth) {
    if (depth > kMaxCallDepth) return fail(ErrorId::over_depth, "calls are nested too deep" + at());
    TRY(ledger_.charge_nodes(1));
    Call c;
    c.op = TRY(name());
    TRY(expect("("));
    while (!eat(")")) {
      TRY(add(c.arguments, TRY(argument(depth + 1)), "arguments"));
      if (!eat(",")) {
        TRY(expect(")"));
        break;
      }
    }
    if (!eat("<")) return c;
    while (!eat(">")) {
      std::string key = TRY(name());
      TRY(expect("="));
      auto value = TRY(attr());
      TRY(add(c.attrs, {std::move(key), std::move(value)}, "attributes"));
      if (!eat(",")) {
        TRY(expect(">"));
        break;
      }
    }
    return c;
  }

  Result<Argument> argument(int depth) {
    Argument a;
    skip();
    if (eat_word("_")) return a;
    if (eat("@")) {
      a.kind = Argument::Kind::constant;
      a.name = TRY(name());
      return a;
    }
    if (starts_number() || peek() == '$') {
      a.kind = Argument::Kind::literal;
      TRY(ledger_.charge_tensors(1));
      TRY(add(a.literal.elements, TRY(element()), "literals"));
      return a;
    }
    const char mark = peek();
    const size_t begin = place();
    std::string first = TRY(value_name());
    const bool bare = mark != '"' && mark != '%';
    if (bare && (peek_raw() == '{' || peek_raw() == '[')) {
      if (auto dtype = dtype_named(first)) {
        a.kind = Argument::Kind::literal;
        TRY(ledger_.charge_tensors(1));
        a.literal = TRY(literal(*dtype));
        return a;
      }
    }
    if (bare && peek_raw() == '(') {
      go_back(begin);
      a.kind = Argument::Kind::call;
      TRY(add(a.call, TRY(call(depth)), "calls"));
      return a;
    }
    a.kind = Argument::Kind::value;
    a.numbered = mark == '%';
    a.name = std::move(first);
    return a;
  }

  Result<Literal> literal(DType dtype) {
    Literal l;
    l.dtype = dtype;
    if (eat("[")) {
      while (!eat("]")) {
        const int64_t n = TRY(integer());
        if (n < 0) return wrong("an extent is >= 0");
        TRY(add(l.shape, n, "extents"));
        if (l.shape.size() > limits_.rank) return wrong("too many axes");
        eat(",");
      }
    }
    TRY(expect("{"));
    TRY(elements(l, "}"));
    return l;
  }

  Status elements(Literal& l, std::string_view close) {
    while (!eat(close)) {
      TRY(add(l.elements, TRY(element()), "elements"));
      if (!eat(",")) {
        TRY(expect(close));
        break;
      }
    }
    return ok();
  }

  Result<Element> element() {
    skip();
    Element e;
    if (peek() == '"') {
      e.kind = Element::Kind::text;
      e.text = TRY(quoted());
    } else if (eat("$")) {
      e.kind = Element::Kind::variable;
      e.text = TRY(name());
    } else {
      e.text = TRY(number());
    }
    return e;
  }

  Result<AttrText> attr() {
    AttrText a;
    skip();
    if (peek() == '"') {
      a.kind = AttrText::Kind::text;
      a.text = TRY(quoted());
    } else if (eat("$")) {
      a.kind = AttrText::Kind::variable;
      a.text = TRY(name());
    } else if (eat("[")) {
      a.kind = AttrText::Kind::list;
      Literal list;
      TRY(elements(list, "]"));
      a.list = std::move(list.elements);
    } else if (starts_number()) {
      a.text = TRY(number());
    } else if (eat_word("graph")) {
      a.kind = AttrText::Kind::graph;
      a.text = TRY(name());
    } else if (const size_t begin = place(); eat_word("f64") && peek_raw() == '{') {
      a.kind = AttrText::Kind::wide;
      TRY(expect("{"));
      a.text = TRY(number());
      TRY(expect("}"));
    } else {
      go_back(begin);
      a.kind = AttrText::Kind::word;
      TRY(type(0, true));
      a.text = std::string(since(begin));
    }
    return a;
  }

  // `f32[N,3]`, `sequence(f32[*])`, `map(string, f32[])`; a bare dtype where `dtype_only` allows.
  Result<TypeText> type(int depth, bool dtype_only = false) {
    if (depth > int(kMaxTypeDepth))
      return fail(ErrorId::over_depth, "types are nested too deep" + at());
    const std::string head = TRY(name());
    TypeText t;
    if (head == "sequence" || head == "optional" || head == "map") {
      TRY(expect("("));
      DType key = DType::i64;
      if (head == "map") {
        const auto named = dtype_named(TRY(name()));
        if (!named || !(is_integer(*named) || *named == DType::string))
          return wrong("the keys of a map are integers or strings");
        key = *named;
        TRY(expect(","));
      }
      t = TRY(type(depth + 1));
      TRY(expect(")"));
      const auto& inner = t.type.wrappers;
      if (head == "map" && std::ranges::find(inner, Type::Wrapper::map) != inner.end())
        return wrong("there are no maps inside of maps");
      t.type = head == "sequence"   ? Type::sequence_of(std::move(t.type))
               : head == "optional" ? Type::optional_of(std::move(t.type))
                                    : Type::map_of(key, std::move(t.type));
      return t;
    }
    if (auto dtype = dtype_named(head))
      t.type.tensor.dtype = *dtype;
    else if (head.size() == 1 && head[0] >= 'A' && head[0] <= 'Z')
      t.variable = head[0];
    else
      return wrong("there is no type '" + printable(head) + "'");
    if (peek() != '[') {
      if (dtype_only) return t;
      return wrong("expected '[' and a shape");
    }
    t.type.tensor.shape = TRY(shape());
    if (eat_word("affine")) t.type.tensor.encoding = TRY(affine());
    if (eat_word("blocks")) t.type.tensor.encoding = TRY(blocks());
    return t;
  }

  Result<Shape> shape() {
    TRY(expect("["));
    if (eat("*")) {
      TRY(expect("]"));
      return Shape::unranked();
    }
    Shape s;
    while (!eat("]")) {
      auto dim = this->dim();
      if (!dim) return std::move(dim).context("reading a shape" + at()).take_error();
      if (const auto n = dim->constant(); n && *n < 0) return wrong("an extent is >= 0");
      TRY(ledger_.charge(dim->footprint() - sizeof(Dim), "shapes"));
      TRY(add(s.dims, dim.take(), "shapes"));
      if (s.dims.size() > limits_.rank) return wrong("too many axes");
      if (!eat(",")) {
        TRY(expect("]"));
        break;
      }
    }
    return s;
  }

  // `affine(i8, axis=0, block=32, zero_point)`
  Result<Encoding> affine() {
    Encoding e;
    e.kind = Encoding::Kind::affine;
    TRY(expect("("));
    const auto storage = dtype_named(TRY(name()));
    if (!storage || !is_integer(*storage)) return wrong("affine encodings store integers");
    e.storage = *storage;
    while (eat(",")) {
      const std::string key = TRY(name());
      if (key == "zero_point") {
        e.has_zero_point = true;
        continue;
      }
      TRY(expect("="));
      const int64_t n = TRY(integer());
      if (n < 0 || n > INT32_MAX) return wrong("the number is out of range");
      if (key == "axis")
        e.axis = int32_t(n);
      else if (key == "block")
        e.block = int32_t(n);
      else
        return wrong("unknown field '" + printable(key) + "' of an encoding");
    }
    TRY(expect(")"));
    return e;
  }

  // `blocks(q4_k)`
  Result<Encoding> blocks() {
    TRY(expect("("));
    const std::string format = TRY(name());
    const BlockFormat* found = block_format(format);
    if (!found) return wrong("there is no format '" + printable(format) + "' of blocks");
    TRY(expect(")"));
    return Encoding::of_blocks(*found);
  }

  const Limits& limits_;
  Ledger& ledger_;
};

}  // namespace

Result<ModelText> parse(std::string_view text, Ledger& ledger) {
  return Parser(text, ledger).model();
}

Result<GraphText> parse_graph(std::string_view text, const Limits& limits) {
  Ledger ledger(limits);
  return Parser(text, ledger).only_graph();
}

Result<Type> parse_type(std::string_view text, const Limits& limits) {
  Ledger ledger(limits);
  return Parser(text, ledger).only_type();
}

}  // namespace hone::syntax
