// Counts of n-grams.
#include <algorithm>
#include <map>
#include <set>

#include "ops/common.h"

namespace hone {
namespace {

constexpr int64_t kMaxColumns = int64_t{1} << 31;

struct Settings {
  int64_t shortest, longest, skips, columns;
  bool strings;
};

Result<Settings> settings(const Infer& c) {
  Settings s{c.integer("min_gram_length"), c.integer("max_gram_length"),
             c.integer("max_skip_count"), 0, c.dtype(0) == DType::string};
  if (s.shortest < 1 || s.longest < s.shortest)
    return attribute_error(c, "n-grams of " + std::to_string(s.shortest) + " to " +
                                  std::to_string(s.longest) + " items");
  if (s.skips < 0) return attribute_error(c, "max_skip_count is " + std::to_string(s.skips));
  const std::string& mode = c.text("mode");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    return attribute_error(c, "mode is \"" + mode + "\"");
  const Integers& columns = c.list("ngram_indexes");
  for (int64_t k : columns) {
    if (k < 0 || k >= kMaxColumns)
      return attribute_error(c, "ngram_indexes holds " + std::to_string(k));
    s.columns = std::max(s.columns, k + 1);
  }
  if (c.given("weights") && c.reals("weights").size() != columns.size())
    return attribute_error(c, std::to_string(c.reals("weights").size()) + " weights for " +
                                  std::to_string(columns.size()) + " n-grams");
  if (c.given("pool_strings") == c.given("pool_int64s"))
    return attribute_error(c, "one of pool_strings and pool_int64s is needed");
  if (c.given("pool_strings") != s.strings)
    return attribute_error(c, "the pool is not of the kind of x");
  return s;
}

Result<Types> infer(const Infer& c) {
  const Settings s = TRY(settings(c));
  Shape shape = c.shape(0);
  if (shape.ranked && shape.rank() > 2)
    return shape_error(c, "x must have one or two axes, has shape " + shape.str());
  if (shape.ranked && shape.rank() == 0) return Types{Type(DType::f32, {s.columns})};
  if (shape.ranked) shape.dims.back() = s.columns;
  return Types{Type(DType::f32, std::move(shape))};
}

// Items as numbers: words get the number of their first place in the pool, unknown ones -1.
using Gram = std::vector<int64_t>;

// The n-grams of the pool with their number. ngram_counts says where the n-grams of each length
// start; they are numbered in order.
Result<std::map<Gram, size_t>> grams(const Call& c, const Integers& items) {
  const Integers& starts = c.list("ngram_counts");
  const auto total = int64_t(items.size());
  std::map<Gram, size_t> numbers;
  size_t number = 0;
  for (size_t n = 1; n <= starts.size(); ++n) {
    const int64_t first = starts[n - 1], last = n < starts.size() ? starts[n] : total;
    if (first < 0 || last < first || last > total || (last - first) % int64_t(n) != 0)
      return attribute_error(c, "ngram_counts does not divide a pool of " + std::to_string(total) +
                                    " items into n-grams");
    for (int64_t at = first; at < last; at += int64_t(n))
      numbers.emplace(Gram(items.begin() + at, items.begin() + at + int64_t(n)), number++);
  }
  if (number != c.list("ngram_indexes").size())
    return attribute_error(c, std::to_string(number) + " n-grams in the pool, but " +
                                  std::to_string(c.list("ngram_indexes").size()) +
                                  " ngram_indexes");
  return numbers;
}

Status reference(Call& c) {
  const Settings s = TRY(settings(c));
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  Integers pool, items;
  if (s.strings) {
    std::map<std::string, int64_t> words;
    for (const std::string& word : c.texts("pool_strings"))
      pool.push_back(words.emplace(word, int64_t(words.size())).first->second);
    for (const std::string& word : x.strings()) {
      const auto it = words.find(word);
      items.push_back(it == words.end() ? -1 : it->second);
    }
  } else {
    pool = c.list("pool_int64s");
    items = integers(x);
  }
  const auto numbers = TRY(grams(c, pool));
  const Integers& columns = c.list("ngram_indexes");
  const std::string& mode = c.text("mode");
  const int64_t rows = x.rank() == 2 ? x.shape()[0] : 1;
  const int64_t length = x.rank() == 0 ? 1 : x.shape().back();
  const auto longest = std::min<int64_t>(s.longest, int64_t(c.list("ngram_counts").size()));
  for (int64_t r = 0; r < rows; ++r) {
    std::set<int64_t> found;  // columns
    for (int64_t n = s.shortest; n <= std::min(longest, length); ++n) {
      // Items a distance of skip + 1 apart; single items have no distance.
      const int64_t skips = n == 1 ? 0 : std::min(s.skips, (length - 1) / (n - 1) - 1);
      for (int64_t skip = 0; skip <= skips; ++skip) {
        const int64_t reach = (n - 1) * (skip + 1);
        for (int64_t start = 0; start + reach < length; ++start) {
          Gram gram;
          for (int64_t k = 0; k < n; ++k)
            gram.push_back(items[size_t(r * length + start + k * (skip + 1))]);
          const auto it = numbers.find(gram);
          if (it == numbers.end()) continue;
          const int64_t column = columns[it->second], at = r * s.columns + column;
          store_real(y, at, load_real(y, at) + 1);
          found.insert(column);
        }
      }
    }
    if (mode == "TF") continue;
    for (int64_t column : found) {
      // By column, as the existing implementations do.
      const double weight = c.given("weights") && size_t(column) < c.reals("weights").size()
                                ? c.reals("weights")[size_t(column)]
                                : 1;
      const int64_t at = r * s.columns + column;
      store_real(y, at, mode == "IDF" ? weight : load_real(y, at) * weight);
    }
  }
  return ok();
}

}  // namespace

const OpDef& tf_idf_vectorizer_op() {
  static const OpDef def{
      .name = "tf_idf_vectorizer",
      .doc =
          "For each row of x ([C] or [N,C]) how often each n-gram of the pool occurs, with up to "
          "max_skip_count items left out between neighbours (\"TF\"), its weight (\"IDF\") or "
          "their product (\"TFIDF\").",
      .inputs = {{"x", DType::string | DType::i32 | DTypes(DType::i64)}},
      .outputs = {{"y", DType::f32}},
      .attrs = {{"max_gram_length", AttrKind::integer, true},
                {"max_skip_count", AttrKind::integer, true},
                {"min_gram_length", AttrKind::integer, true},
                {"mode", AttrKind::text, true},
                {"ngram_counts", AttrKind::integers, true},
                {"ngram_indexes", AttrKind::integers, true},
                {"pool_int64s", AttrKind::integers},
                {"pool_strings", AttrKind::texts},
                {"weights", AttrKind::reals}},
      .infer = infer,
      .reference = reference,
      .examples = {R"(graph bigrams(x: i64[2,8]) -> (y) {
        y = tf_idf_vectorizer(x) <max_gram_length=2, max_skip_count=3, min_gram_length=1, mode="TF",
            ngram_counts=[0, 2], ngram_indexes=[0, 1, 2, 3], pool_int64s=[1, 2, 3, 4, 5, 6]>
      })"},
  };
  return def;
}

}  // namespace hone
