// Looks up how an operator of a domain and version is translated.
#include <algorithm>
#include <unordered_map>

#include "base/hash.h"
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

struct Key {
  std::string_view domain, op;
  bool operator==(const Key&) const = default;
};
struct KeyHash {
  size_t operator()(const Key& key) const {
    const SeededHash hash;
    return hash(key.op) * 31 + hash(key.domain);
  }
};
using Index = std::unordered_map<Key, std::vector<const Translation*>, KeyHash>;

Index make_index() {
  Index index;
  const auto add = [&](std::span<const Translation> table) {
    for (const Translation& row : table) index[{row.domain, row.op}].push_back(&row);
  };
#define TRANSLATIONS(family) add(family##_translations());
#include "import/onnx/translations.def"
#undef TRANSLATIONS
  for (auto& [key, rows] : index)
    std::stable_sort(rows.begin(), rows.end(), [](const Translation* a, const Translation* b) {
      return a->since < b->since;
    });
  return index;
}

}  // namespace

const Translation* find_translation(std::string_view domain, std::string_view op, int64_t opset) {
  static const Index index = make_index();
  const auto it = index.find({domain, op});
  if (it == index.end()) return nullptr;
  const auto& rows = it->second;
  const auto after = std::upper_bound(
      rows.begin(), rows.end(), opset,
      [](int64_t version, const Translation* row) { return version < row->since; });
  if (after == rows.begin()) return nullptr;
  const Translation* row = *(after - 1);
  // A row with neither says that the operator was taken out in this version.
  return row->translate || !row->direct.empty() ? row : nullptr;
}

}  // namespace hone::onnx
