// A size that may depend on inputs: an integer polynomial over symbols and atoms, in normal form.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

// When the value of a symbol becomes known.
enum class BindingTime : uint8_t { model, session, call, data };
std::string_view name(BindingTime time);

// Two equal polynomials are the same object, so comparison is equality of values for all bindings
// (the converse holds as far as the atoms' normal form goes). Arithmetic that overflows int64 or
// outgrows kMaxTerms, kMaxDegree, kMaxDepth or kMaxSize gives the unknown Dim: hostile graphs
// cannot make a Dim grow without bound. Symbols stand for sizes, which are >= 0.
class Dim {
 public:
  using Bindings = std::map<std::string, int64_t, std::less<>>;
  static constexpr size_t kMaxTerms = 32;
  static constexpr int kMaxDegree = 12;
  static constexpr int kMaxDepth = 6;
  static constexpr size_t kMaxSize = 512;  // terms, factors and 16-byte pieces of names, nested too

  Dim(int64_t constant = 0);  // NOLINT: numbers are Dims
  Dim(const Dim& other);
  Dim(Dim&& other) noexcept;
  Dim& operator=(const Dim& other);
  Dim& operator=(Dim&& other) noexcept;
  ~Dim();
  static Dim symbol(std::string name);
  static Dim unknown();

  bool is_unknown() const { return unknown_; }
  bool is_constant() const { return !unknown_ && terms_.empty(); }
  std::optional<int64_t> constant() const {
    return is_constant() ? std::optional(constant_) : std::nullopt;
  }
  bool is(int64_t value) const { return is_constant() && constant_ == value; }

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  // Rounded towards minus infinity, towards plus infinity, and the remainder that goes with the
  // former. Unknown when b is zero.
  friend Dim floor_div(const Dim& a, const Dim& b);
  friend Dim ceil_div(const Dim& a, const Dim& b);
  friend Dim mod(const Dim& a, const Dim& b);
  friend Dim min(const Dim& a, const Dim& b);
  friend Dim max(const Dim& a, const Dim& b);
  // The extent of two axes broadcast together: the one that is not 1. It is no maximum: 0 against 1
  // gives 0. Has no value where both differ and neither is 1.
  friend Dim broadcast(const Dim& a, const Dim& b);

  // Structural; unknown equals unknown here, but says nothing about the sizes.
  friend bool operator==(const Dim& a, const Dim& b) { return (a <=> b) == 0; }
  friend std::strong_ordering operator<=>(const Dim& a, const Dim& b);

  // The value under these bindings; none when a symbol is unbound, or on overflow.
  std::optional<int64_t> evaluate(const Bindings& bindings) const;
  // The same polynomial with symbols replaced.
  Dim substitute(const Bindings& bindings) const;
  // Calls `visit` with the name of each symbol, repeated as often as it occurs.
  void each_symbol(const std::function<void(const std::string&)>& visit) const;
  // Terms, factors and 16-byte pieces of names, nested too: at most 160 bytes of memory each.
  size_t size() const;
  // "N", "4743168*T", "2*N*T + 3", "floor_div(H + 1, 2)", "?".
  std::string str() const;
  // Bytes that it takes in all, at most.
  size_t footprint() const;
  // Quotient a/b if b divides a as a polynomial.
  static std::optional<Dim> exact_quotient(const Dim& a, const Dim& b);

 private:
  enum class AtomKind : uint8_t { symbol, floor_div, ceil_div, mod, min, max, broadcast };
  using Wide = __int128;  // so that only results, not what cancels on the way, must fit int64
  struct Atom;
  struct Factor;
  struct Term;
  static std::string_view name(AtomKind kind);
  static std::strong_ordering compare(const Atom& a, const Atom& b);
  static std::strong_ordering compare_monomials(const Term& a, const Term& b);
  static Dim from_atom(Atom atom);
  static Dim from_term(Term term);
  static Dim combine(AtomKind kind, const Dim& a, const Dim& b);
  static Dim divide(AtomKind kind, const Dim& a, const Dim& b);
  static Dim divide_by_constant(AtomKind kind, const Dim& a, int64_t b);
  static Dim divide_by_polynomial(AtomKind kind, const Dim& a, const Dim& b);
  static Dim select(AtomKind kind, const Dim& a, const Dim& b);
  static Dim unite(const Dim& a, const Dim& b);
  static Dim chain(AtomKind kind, std::vector<Dim> operands);
  static void collect_operands(AtomKind kind, const Dim& d, std::vector<Dim>& out);
  static Term common_factor(const Dim& a, const Dim& b);
  static bool never_negative(const Atom& atom);
  static std::optional<Wide> apply(AtomKind kind, Wide a, Wide b);
  static std::optional<Term> quotient(const Term& a, const Term& b);
  void add_term(Term term);
  Dim bounded() &&;  // itself, or unknown if it has outgrown a limit
  const Atom* as_atom() const;
  int64_t leading() const;
  bool never_negative() const;
  std::optional<Wide> evaluate_wide(const Bindings& bindings) const;
  int depth() const;

  bool unknown_ = false;
  int64_t constant_ = 0;
  std::vector<Term> terms_;  // highest degree first, no zero coefficients
};

struct Dim::Atom {
  AtomKind kind;
  std::string name;       // of a symbol
  std::vector<Dim> args;  // two, of the others
};
struct Dim::Factor {
  Atom atom;
  int power = 1;
};
struct Dim::Term {
  int64_t coefficient = 1;
  std::vector<Factor> factors;  // sorted by atom; empty only while dividing
};

// Here, where Term is complete. Copies and destruction are not inlined: every operator is full of
// them, and they double the time of compiling it.
inline Dim::Dim(int64_t constant) : constant_(constant) {}
inline Dim::Dim(Dim&&) noexcept = default;

}  // namespace hone
