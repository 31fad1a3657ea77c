// Arithmetic of polynomials in normal form, their evaluation and printing.
#include "ir/dim.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/checked.h"
#include "base/text.h"

namespace hone {

Dim::Dim(const Dim&) = default;
Dim& Dim::operator=(const Dim&) = default;
Dim& Dim::operator=(Dim&&) noexcept = default;
Dim::~Dim() = default;
namespace {

constexpr int64_t kMin64 = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax64 = std::numeric_limits<int64_t>::max();

bool fits64(__int128 value) { return value >= kMin64 && value <= kMax64; }

// By division where the product could wrap: clang without its own run-time library lacks the
// function behind __builtin_mul_overflow of 128 bits.
std::optional<__int128> wide_mul(__int128 a, __int128 b) {
  if (fits64(a) && fits64(b)) return a * b;
  if (a == 0 || b == 0) return __int128{0};
  const __int128 product =
      static_cast<__int128>(static_cast<unsigned __int128>(a) * static_cast<unsigned __int128>(b));
  if (product == 0 || product / b != a || product % b != 0) return std::nullopt;
  return product;
}

bool is_identifier(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (text.empty() || !letter(text[0])) return false;
  return std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

std::string_view name(BindingTime time) {
  switch (time) {
    case BindingTime::model: return "model";
    case BindingTime::session: return "session";
    case BindingTime::call: return "call";
    case BindingTime::data: return "data";
  }
  return "";
}

Dim Dim::symbol(std::string name) { return from_atom(Atom{AtomKind::symbol, std::move(name), {}}); }

Dim Dim::unknown() {
  Dim d;
  d.unknown_ = true;
  return d;
}

std::string_view Dim::name(AtomKind kind) {
  switch (kind) {
    case AtomKind::symbol: return "";
    case AtomKind::floor_div: return "floor_div";
    case AtomKind::ceil_div: return "ceil_div";
    case AtomKind::mod: return "mod";
    case AtomKind::min: return "min";
    case AtomKind::max: return "max";
    case AtomKind::broadcast: return "broadcast";
  }
  return "";
}

std::strong_ordering Dim::compare(const Atom& a, const Atom& b) {
  if (auto c = a.kind <=> b.kind; c != 0) return c;
  if (auto c = a.name <=> b.name; c != 0) return c;
  return a.args <=> b.args;
}

// Graded lexicographic, higher degrees first: an order that products keep, as division needs.
std::strong_ordering Dim::compare_monomials(const Term& a, const Term& b) {
  const auto degree = [](const Term& t) {
    int sum = 0;
    for (const Factor& f : t.factors) sum += f.power;
    return sum;
  };
  if (auto c = degree(b) <=> degree(a); c != 0) return c;
  for (size_t i = 0; i < a.factors.size() && i < b.factors.size(); ++i) {
    if (auto c = compare(a.factors[i].atom, b.factors[i].atom); c != 0) return c;
    if (auto c = b.factors[i].power <=> a.factors[i].power; c != 0) return c;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering operator<=>(const Dim& a, const Dim& b) {
  if (auto c = a.unknown_ <=> b.unknown_; c != 0) return c;
  for (size_t i = 0; i < a.terms_.size() && i < b.terms_.size(); ++i) {
    if (auto c = Dim::compare_monomials(a.terms_[i], b.terms_[i]); c != 0) return c;
    if (auto c = a.terms_[i].coefficient <=> b.terms_[i].coefficient; c != 0) return c;
  }
  if (auto c = a.terms_.size() <=> b.terms_.size(); c != 0) return c;
  return a.constant_ <=> b.constant_;
}

Dim Dim::from_term(Term term) {
  if (term.factors.empty()) return term.coefficient;
  Dim d;
  if (term.coefficient != 0) d.terms_.push_back(std::move(term));
  return std::move(d).bounded();
}

Dim Dim::from_atom(Atom atom) {
  Term term;
  term.factors.push_back(Factor{std::move(atom), 1});
  return from_term(std::move(term));
}

void Dim::add_term(Term term) {
  if (unknown_ || term.coefficient == 0) return;
  std::optional<int64_t> sum;
  if (term.factors.empty()) {
    sum = checked_add(constant_, term.coefficient);
    constant_ = sum.value_or(0);
  } else {
    const auto at = std::ranges::lower_bound(
        terms_, term, [](const Term& x, const Term& y) { return compare_monomials(x, y) < 0; });
    if (at == terms_.end() || compare_monomials(*at, term) != 0) {
      terms_.insert(at, std::move(term));
      return;
    }
    sum = checked_add(at->coefficient, term.coefficient);
    at->coefficient = sum.value_or(0);
    if (at->coefficient == 0) terms_.erase(at);
  }
  if (!sum) unknown_ = true;
}

int Dim::depth() const {
  int deepest = 0;
  for (const Term& term : terms_)
    for (const Factor& factor : term.factors)
      for (const Dim& arg : factor.atom.args) deepest = std::max(deepest, 1 + arg.depth());
  return deepest;
}

size_t Dim::size() const {
  size_t total = 0;
  for (const Term& term : terms_) {
    ++total;
    for (const Factor& factor : term.factors) {
      total += 1 + factor.atom.name.size() / 16;
      for (const Dim& arg : factor.atom.args) total += arg.size();
    }
  }
  return total;
}

size_t Dim::footprint() const {
  return sizeof(Dim) + size() * (sizeof(Term) + sizeof(Factor) + 2 * sizeof(Dim));
}

Dim Dim::bounded() && {
  if (unknown_ || terms_.size() > kMaxTerms) return unknown();
  for (const Term& term : terms_) {
    int degree = 0;
    for (const Factor& factor : term.factors) degree += factor.power;
    if (degree > kMaxDegree) return unknown();
  }
  if (depth() > kMaxDepth || size() > kMaxSize) return unknown();
  return std::move(*this);
}

Dim operator+(const Dim& a, const Dim& b) {
  if (a.unknown_ || b.unknown_) return Dim::unknown();
  Dim sum = a;
  for (const Dim::Term& term : b.terms_) sum.add_term(term);
  sum.add_term(Dim::Term{b.constant_, {}});
  return std::move(sum).bounded();
}

Dim operator-(const Dim& a, const Dim& b) {
  if (a.unknown_ || b.unknown_) return Dim::unknown();
  Dim difference = a;
  const auto subtract = [&](Dim::Term term) {
    if (term.coefficient == kMin64) {  // has no negative, but what it is taken from may be < 0
      difference.add_term(Dim::Term{kMax64, term.factors});
      term.coefficient = 1;
    } else {
      term.coefficient = -term.coefficient;
    }
    difference.add_term(std::move(term));
  };
  for (const Dim::Term& term : b.terms_) subtract(term);
  subtract(Dim::Term{b.constant_, {}});
  return std::move(difference).bounded();
}

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is(0) || b.is(0)) return 0;
  if (a.unknown_ || b.unknown_) return Dim::unknown();
  if (a.is(1)) return b;
  if (b.is(1)) return a;
  Dim product;
  const auto multiply = [&](int64_t x, const std::vector<Dim::Factor>& fx, int64_t y,
                            const std::vector<Dim::Factor>& fy) {
    const auto coefficient = checked_mul(x, y);
    if (!coefficient) {
      product.unknown_ = true;
      return;
    }
    Dim::Term term{*coefficient, {}};
    size_t i = 0, j = 0;
    while (i < fx.size() || j < fy.size()) {
      const auto order = i == fx.size()   ? std::strong_ordering::greater
                         : j == fy.size() ? std::strong_ordering::less
                                          : Dim::compare(fx[i].atom, fy[j].atom);
      term.factors.push_back(order > 0 ? fy[j] : fx[i]);
      if (order == 0) term.factors.back().power += fy[j].power;
      i += order <= 0;
      j += order >= 0;
    }
    product.add_term(std::move(term));
  };
  for (const Dim::Term& x : a.terms_)
    for (const Dim::Term& y : b.terms_)
      multiply(x.coefficient, x.factors, y.coefficient, y.factors);
  if (b.constant_ != 0)
    for (const Dim::Term& x : a.terms_) multiply(x.coefficient, x.factors, b.constant_, {});
  if (a.constant_ != 0)
    for (const Dim::Term& y : b.terms_) multiply(a.constant_, {}, y.coefficient, y.factors);
  multiply(a.constant_, {}, b.constant_, {});
  return std::move(product).bounded();
}

Dim floor_div(const Dim& a, const Dim& b) { return Dim::combine(Dim::AtomKind::floor_div, a, b); }
Dim ceil_div(const Dim& a, const Dim& b) { return Dim::combine(Dim::AtomKind::ceil_div, a, b); }
Dim mod(const Dim& a, const Dim& b) { return Dim::combine(Dim::AtomKind::mod, a, b); }
Dim min(const Dim& a, const Dim& b) { return Dim::combine(Dim::AtomKind::min, a, b); }
Dim max(const Dim& a, const Dim& b) { return Dim::combine(Dim::AtomKind::max, a, b); }
Dim broadcast(const Dim& a, const Dim& b) { return Dim::combine(Dim::AtomKind::broadcast, a, b); }

std::optional<Dim::Wide> Dim::apply(AtomKind kind, Wide a, Wide b) {
  switch (kind) {
    case AtomKind::symbol: return std::nullopt;
    case AtomKind::min: return std::min(a, b);
    case AtomKind::max: return std::max(a, b);
    case AtomKind::broadcast:
      if (a != 1 && b != 1 && a != b) return std::nullopt;
      return a == 1 ? b : a;
    case AtomKind::floor_div:
    case AtomKind::ceil_div:
    case AtomKind::mod: break;
  }
  if (b == 0) return std::nullopt;
  if (b == -1) {
    if (kind == AtomKind::mod) return Wide{0};
    return wide_mul(a, -1);
  }
  const Wide quotient = a / b, rest = a % b;
  const bool below = rest != 0 && (rest < 0) != (b < 0);  // the exact quotient is < 0
  if (kind == AtomKind::floor_div) return quotient - below;
  if (kind == AtomKind::ceil_div) return quotient + (rest != 0 && !below);
  return below ? rest + b : rest;
}

std::optional<Dim::Wide> Dim::evaluate_wide(const Bindings& bindings) const {
  if (unknown_) return std::nullopt;
  Wide sum = constant_;
  for (const Term& term : terms_) {
    Wide product = term.coefficient;
    for (const Factor& factor : term.factors) {
      Wide value = 0;
      if (factor.atom.kind == AtomKind::symbol) {
        const auto bound = bindings.find(factor.atom.name);
        if (bound == bindings.end()) return std::nullopt;
        value = bound->second;
      } else {
        const auto a = factor.atom.args[0].evaluate_wide(bindings);
        const auto b = factor.atom.args[1].evaluate_wide(bindings);
        if (!a || !b) return std::nullopt;
        const auto result = apply(factor.atom.kind, *a, *b);
        if (!result) return std::nullopt;
        value = *result;
      }
      for (int i = 0; i < factor.power; ++i) {
        const auto next = wide_mul(product, value);
        if (!next) return std::nullopt;
        product = *next;
      }
    }
    if (__builtin_add_overflow(sum, product, &sum)) return std::nullopt;
  }
  return sum;
}

std::optional<int64_t> Dim::evaluate(const Bindings& bindings) const {
  const auto value = evaluate_wide(bindings);
  if (!value || !fits64(*value)) return std::nullopt;
  return static_cast<int64_t>(*value);
}

Dim Dim::substitute(const Bindings& bindings) const {
  if (unknown_) return unknown();
  // A product with a symbol bound to zero is dropped whatever the rest of it is.
  Dim sum = constant_;
  for (const Term& term : terms_) {
    Dim product = term.coefficient;
    for (const Factor& factor : term.factors) {
      Dim value;
      if (factor.atom.kind == AtomKind::symbol) {
        const auto bound = bindings.find(factor.atom.name);
        value = bound == bindings.end() ? symbol(factor.atom.name) : Dim(bound->second);
      } else {
        value = combine(factor.atom.kind, factor.atom.args[0].substitute(bindings),
                        factor.atom.args[1].substitute(bindings));
      }
      for (int i = 0; i < factor.power; ++i) product = product * value;
    }
    sum = sum + product;
  }
  return sum;
}

void Dim::each_symbol(const std::function<void(const std::string&)>& visit) const {
  for (const Term& term : terms_)
    for (const Factor& factor : term.factors) {
      if (factor.atom.kind == AtomKind::symbol)
        for (int i = 0; i < factor.power; ++i) visit(factor.atom.name);
      for (const Dim& arg : factor.atom.args) arg.each_symbol(visit);
    }
}

std::string Dim::str() const {
  if (unknown_) return "?";
  if (terms_.empty()) return std::to_string(constant_);
  std::string out;
  const auto sign = [&](int64_t value) {
    if (out.empty()) {
      if (value < 0) out += '-';
    } else {
      out += value < 0 ? " - " : " + ";
    }
    return value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  };
  for (const Term& term : terms_) {
    const uint64_t magnitude = sign(term.coefficient);
    bool first = magnitude == 1;
    if (!first) out += std::to_string(magnitude);
    for (const Factor& factor : term.factors)
      for (int i = 0; i < factor.power; ++i) {
        if (!first) out += '*';
        first = false;
        if (factor.atom.kind == AtomKind::symbol) {
          out += is_identifier(factor.atom.name) ? factor.atom.name : quote(factor.atom.name);
        } else {
          out += name(factor.atom.kind);
          out += '(' + factor.atom.args[0].str() + ", " + factor.atom.args[1].str() + ')';
        }
      }
  }
  if (constant_ != 0) {
    const uint64_t magnitude = sign(constant_);
    out += std::to_string(magnitude);
  }
  return out;
}

}  // namespace hone
