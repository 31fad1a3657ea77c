#include "import/hf/names.h"

#include <algorithm>
#include <array>

namespace hone::hf {
namespace {

// Longer ones first, where one begins another.
constexpr std::array<std::string_view, 5> kPrefixes{
    "model.language_model.", "language_model.model.", "language_model.", "model.", "transformer."};
constexpr std::string_view kHole = "{}";

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A name whose first part that is a number has become {}; the number.
struct Split {
  std::string pattern;
  std::string_view number;
};

Split split(std::string_view name) {
  for (size_t begin = 0; begin < name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (is_number(part))
      return {
          std::string(name.substr(0, begin)) + std::string(kHole) + std::string(name.substr(end)),
          part};
    begin = end + 1;
  }
  return {std::string(name), {}};
}

// The pattern with a number for its hole.
std::string filled(std::string_view pattern, std::string_view number) {
  std::string out(pattern);
  if (const size_t at = out.find(kHole); at != std::string::npos)
    out.replace(at, kHole.size(), number);
  return out;
}

}  // namespace

std::string_view without_prefix(std::string_view name) {
  for (const std::string_view prefix : kPrefixes)
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  return name;
}

bool is_buffer(std::string_view name) {
  constexpr std::array<std::string_view, 4> kEndings{"rotary_emb.inv_freq", ".attn.bias",
                                                     ".attn.masked_bias", "position_ids"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

std::vector<std::string_view> words_of(std::string_view list) {
  std::vector<std::string_view> out;
  while (!list.empty()) {
    const size_t end = std::min(list.find(' '), list.size());
    out.push_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

Names::Names(std::span<const arch::TensorName> table) : table_(table) {
  for (const arch::TensorName& entry : table)
    ours_.emplace(without_prefix(entry.theirs), entry.ours);
}

std::optional<std::string> Names::ours(std::string_view theirs) const {
  const Split name = split(without_prefix(theirs));
  const auto found = ours_.find(name.pattern);
  if (found == ours_.end()) return std::nullopt;
  return filled(found->second, name.number);
}

std::string Names::theirs(std::string_view ours) const {
  const Split name = split(ours);
  for (const arch::TensorName& entry : table_)
    if (entry.ours == name.pattern) return filled(entry.theirs, name.number);
  return std::string(ours);
}

}  // namespace hone::hf
