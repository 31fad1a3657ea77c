// Division, remainder, minimum and maximum of polynomials, simplified where that is exact.
#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "base/checked.h"
#include "ir/dim.h"

namespace hone {
namespace {

uint64_t magnitude(int64_t value) {
  return value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

}  // namespace

int64_t Dim::leading() const { return terms_.empty() ? constant_ : terms_[0].coefficient; }

// The atom that this is, if it is nothing else.
const Dim::Atom* Dim::as_atom() const {
  if (unknown_ || constant_ != 0 || terms_.size() != 1) return nullptr;
  const Term& term = terms_[0];
  if (term.coefficient != 1 || term.factors.size() != 1 || term.factors[0].power != 1)
    return nullptr;
  return &term.factors[0].atom;
}

bool Dim::never_negative(const Atom& atom) {
  switch (atom.kind) {
    case AtomKind::symbol: return true;
    case AtomKind::floor_div:
    case AtomKind::ceil_div:
    case AtomKind::min:
    case AtomKind::broadcast: return atom.args[0].never_negative() && atom.args[1].never_negative();
    case AtomKind::mod: return atom.args[1].never_negative();
    case AtomKind::max: return atom.args[0].never_negative() || atom.args[1].never_negative();
  }
  return false;
}

// Provably >= 0 for sizes. May miss some, never errs.
bool Dim::never_negative() const {
  if (unknown_ || constant_ < 0) return false;
  for (const Term& term : terms_) {
    if (term.coefficient < 0) return false;
    for (const Factor& factor : term.factors)
      if (factor.power % 2 != 0 && !never_negative(factor.atom)) return false;
  }
  return true;
}

// a / b where b's atoms and coefficient divide a's.
std::optional<Dim::Term> Dim::quotient(const Term& a, const Term& b) {
  if (b.coefficient == 0) return std::nullopt;
  if (b.coefficient == -1 && a.coefficient == std::numeric_limits<int64_t>::min())
    return std::nullopt;
  if (a.coefficient % b.coefficient != 0) return std::nullopt;
  Term out{a.coefficient / b.coefficient, {}};
  size_t j = 0;
  for (const Factor& factor : a.factors) {
    int power = factor.power;
    if (j < b.factors.size() && compare(factor.atom, b.factors[j].atom) == 0)
      power -= b.factors[j++].power;
    if (power < 0) return std::nullopt;
    if (power > 0) out.factors.push_back(Factor{factor.atom, power});
  }
  if (j != b.factors.size()) return std::nullopt;
  return out;
}

std::optional<Dim> Dim::exact_quotient(const Dim& a, const Dim& b) {
  if (a.unknown_ || b.unknown_ || b.is(0)) return std::nullopt;
  const Term divisor = b.terms_.empty() ? Term{b.constant_, {}} : b.terms_[0];
  Dim result, rest = a;
  // Each step removes the leading term; what it brings is smaller, but may be a lot.
  for (size_t step = 0; !rest.is(0); ++step) {
    if (step > 2 * kMaxTerms) return std::nullopt;
    auto piece = quotient(rest.terms_.empty() ? Term{rest.constant_, {}} : rest.terms_[0], divisor);
    if (!piece) return std::nullopt;
    const Dim part = from_term(*std::move(piece));
    result = result + part;
    rest = rest - part * b;
    if (result.unknown_ || rest.unknown_) return std::nullopt;
  }
  return result;
}

Dim Dim::combine(AtomKind kind, const Dim& a, const Dim& b) {
  const bool divides =
      kind == AtomKind::floor_div || kind == AtomKind::ceil_div || kind == AtomKind::mod;
  if (a.unknown_ || b.unknown_ || (divides && b.is(0))) return unknown();
  if (a.terms_.empty() && b.terms_.empty()) {
    const auto value = apply(kind, a.constant_, b.constant_);
    if (!value || *value > std::numeric_limits<int64_t>::max()) return unknown();
    return static_cast<int64_t>(*value);
  }
  if (kind == AtomKind::broadcast) return unite(a, b);
  return divides ? divide(kind, a, b) : select(kind, a, b);
}

Dim Dim::divide(AtomKind kind, const Dim& a, const Dim& b) {
  if (a.unknown_ || b.unknown_) return unknown();
  if (a.is(0)) return 0;
  if (auto exact = exact_quotient(a, b)) return kind == AtomKind::mod ? Dim(0) : *exact;
  if (b.leading() < 0) {
    const Dim result = divide(kind, 0 - a, 0 - b);
    return kind == AtomKind::mod ? 0 - result : result;
  }
  if (b.terms_.empty()) return divide_by_constant(kind, a, b.constant_);
  return divide_by_polynomial(kind, a, b);
}

// b > 0. Atoms made here are floor_div and mod with 0 <= constant < b and |coefficient| < b of
// greatest common divisor 1 with b; floor_div has a positive leading coefficient.
Dim Dim::divide_by_constant(AtomKind kind, const Dim& a, int64_t b) {
  if (kind == AtomKind::ceil_div) return combine(AtomKind::floor_div, a + Dim(b - 1), b);
  Dim whole = hone::floor_div(a.constant_, b), rest = hone::floor_mod(a.constant_, b);
  Dim unwrapped;  // what replaces mod(x, k*b) under mod b
  uint64_t divisor = static_cast<uint64_t>(b);
  for (const Term& term : a.terms_) {
    whole.add_term(Term{term.coefficient / b, term.factors});
    const int64_t left = term.coefficient % b;
    if (left == 0) continue;
    const Atom* inner =
        term.factors.size() == 1 && term.factors[0].power == 1 ? &term.factors[0].atom : nullptr;
    if (kind == AtomKind::mod && inner != nullptr && inner->kind == AtomKind::mod) {
      const auto modulus = inner->args[1].constant();
      const Dim value = modulus && *modulus % b == 0 ? Dim(left) * inner->args[0] : unknown();
      if (!value.unknown_) {
        unwrapped = unwrapped + value;
        continue;
      }
    }
    divisor = std::gcd(divisor, magnitude(left));
    rest.add_term(Term{left, term.factors});
  }
  if (!unwrapped.is(0)) return divide(kind, rest + unwrapped, b);
  const auto finish = [&](const Dim& part) {
    return kind == AtomKind::mod ? part : std::move(whole).bounded() + part;
  };
  if (rest.terms_.empty()) return finish(kind == AtomKind::mod ? rest : Dim(0));
  if (divisor > 1) {
    const auto g = static_cast<int64_t>(divisor);
    const int64_t constant = rest.constant_;
    for (Term& term : rest.terms_) term.coefficient /= g;
    rest.constant_ = constant / g;
    const Dim part = combine(kind, rest, b / g);
    return finish(kind == AtomKind::mod ? part * Dim(g) + Dim(constant % g) : part);
  }
  if (kind == AtomKind::floor_div) {
    if (rest.leading() < 0)  // floor(-x / b) = -ceil(x / b)
      return finish(0 - combine(AtomKind::floor_div, Dim(b - 1) - rest, b));
    // floor((floor(x / c) + d) / b) = floor((x + c*d) / (c*b))
    Dim bare = rest;
    bare.constant_ = 0;
    const Atom* inner = bare.as_atom();
    if (inner != nullptr && inner->kind == AtomKind::floor_div && inner->args[1].is_constant()) {
      const int64_t c = inner->args[1].constant_;
      const auto product = checked_mul(c, b);
      const Dim shifted = inner->args[0] + Dim(c) * Dim(rest.constant_);
      if (c > 0 && product && !shifted.unknown_)
        return finish(combine(AtomKind::floor_div, shifted, *product));
    }
  }
  return finish(from_atom(Atom{kind, {}, {std::move(rest), b}}));
}

// The greatest common divisor of all terms of both, constants included.
Dim::Term Dim::common_factor(const Dim& a, const Dim& b) {
  Term common = b.terms_[0];
  uint64_t divisor = 0;
  const auto meet = [&](const Term& term) {
    divisor = std::gcd(divisor, magnitude(term.coefficient));
    std::vector<Factor> both;
    size_t j = 0;
    for (const Factor& factor : common.factors) {
      while (j < term.factors.size() && compare(term.factors[j].atom, factor.atom) < 0) ++j;
      if (j < term.factors.size() && compare(term.factors[j].atom, factor.atom) == 0)
        both.push_back(Factor{factor.atom, std::min(factor.power, term.factors[j].power)});
    }
    common.factors = std::move(both);
  };
  for (const Dim* d : {&a, &b}) {
    for (const Term& term : d->terms_) meet(term);
    if (d->constant_ != 0) meet(Term{d->constant_, {}});
  }
  common.coefficient = divisor >> 63 ? 1 : static_cast<int64_t>(divisor);
  return common;
}

// b holds an atom and has a positive leading coefficient.
Dim Dim::divide_by_polynomial(AtomKind kind, const Dim& a, const Dim& b) {
  const Term common = common_factor(a, b);
  if (common.coefficient != 1 || !common.factors.empty()) {
    const Dim g = from_term(common);
    const auto x = exact_quotient(a, g), y = exact_quotient(b, g);
    if (x && y) {
      const Dim part = combine(kind, *x, *y);
      return kind == AtomKind::mod ? g * part : part;
    }
  }
  if (b.terms_.size() == 1 && b.constant_ == 0) {  // terms that b divides stand outside
    const Term& divisor = b.terms_[0];
    Dim whole, rest = a.constant_;
    for (const Term& term : a.terms_) {
      Term left = term;
      left.coefficient %= divisor.coefficient;
      Term taken = term;
      taken.coefficient -= left.coefficient;
      auto piece = taken.coefficient == 0 ? std::nullopt : quotient(taken, divisor);
      if (piece) whole = whole + from_term(*std::move(piece));
      rest.add_term(piece ? std::move(left) : term);
    }
    if (!whole.is(0)) {
      const Dim part = combine(kind, rest, b);
      return kind == AtomKind::mod ? part : whole + part;
    }
  }
  if (kind != AtomKind::mod && a.leading() < 0) {
    const AtomKind other = kind == AtomKind::floor_div ? AtomKind::ceil_div : AtomKind::floor_div;
    return 0 - combine(other, 0 - a, b);
  }
  return from_atom(Atom{kind, {}, {a, b}});
}

void Dim::collect_operands(AtomKind kind, const Dim& d, std::vector<Dim>& out) {
  const Atom* atom = d.as_atom();
  if (atom == nullptr || atom->kind != kind) {
    out.push_back(d);
    return;
  }
  for (const Dim& arg : atom->args) collect_operands(kind, arg, out);
}

// Nested minima (maxima) become one sorted chain of operands, none of which another one decides.
Dim Dim::select(AtomKind kind, const Dim& a, const Dim& b) {
  std::vector<Dim> operands, kept;
  collect_operands(kind, a, operands);
  collect_operands(kind, b, operands);
  const auto decided = [kind](const Dim& loser, const Dim& winner) {
    return kind == AtomKind::max ? (winner - loser).never_negative()
                                 : (loser - winner).never_negative();
  };
  for (const Dim& operand : operands) {
    if (std::ranges::any_of(kept, [&](const Dim& k) { return decided(operand, k); })) continue;
    std::erase_if(kept, [&](const Dim& k) { return decided(k, operand); });
    kept.push_back(operand);
  }
  return chain(kind, std::move(kept));
}

// Nested broadcasts become one sorted chain of different operands, none of which is 1.
Dim Dim::unite(const Dim& a, const Dim& b) {
  std::vector<Dim> operands, kept;
  collect_operands(AtomKind::broadcast, a, operands);
  collect_operands(AtomKind::broadcast, b, operands);
  for (const Dim& operand : operands)
    if (!operand.is(1) && std::ranges::find(kept, operand) == kept.end()) kept.push_back(operand);
  return kept.empty() ? Dim(1) : chain(AtomKind::broadcast, std::move(kept));
}

Dim Dim::chain(AtomKind kind, std::vector<Dim> operands) {
  std::ranges::sort(operands, [](const Dim& x, const Dim& y) { return x < y; });
  Dim all = std::move(operands.back());
  for (size_t i = operands.size() - 1; i-- > 0;) {
    all = from_atom(Atom{kind, {}, {std::move(operands[i]), std::move(all)}});
    if (all.unknown_) break;
  }
  return all;
}

}  // namespace hone
