#include "base/faults.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/text.h"

namespace hone {
namespace {

constexpr size_t kMostFaults = 20;
constexpr size_t kLongestWord = 64;

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kLongestWord && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

template <class T>
std::optional<T> parsed(const YamlNode& node) {
  T value{};
  const char *begin = node.text.data(), *end = begin + node.text.size();
  const auto [stop, failure] = std::from_chars(begin, end, value);
  if (node.kind != YamlNode::Kind::plain || failure != std::errc() || stop != end)
    return std::nullopt;
  return value;
}

}  // namespace

Faults::Faults(std::string_view file, ErrorId error) : file_(printable(file)), error_(error) {}

void Faults::add(int line, std::string_view key, std::string_view what) {
  if (faults_.size() == kMostFaults) {
    ++further_;
    return;
  }
  faults_.push_back(fmt::format("{}:{}: {}: {}", file_, line, printable(key), what));
}

void Faults::unknown_keys(const YamlNode& map, const std::string& prefix,
                          std::span<const std::string_view> known) {
  for (const YamlNode& node : map.children)
    if (std::ranges::find(known, node.key) == known.end())
      unknown(node, prefix + node.key, node.key, "key", known);
}

void Faults::unknown(const YamlNode& at, const std::string& key, std::string_view word,
                     std::string_view what, std::span<const std::string_view> known) {
  if (faults_.size() == kMostFaults) return add(at.line, key, what);  // no need to search
  const auto near = closest(word, known.data(), known.size());
  add(at.line, key,
      near ? fmt::format("there is no such {}; did you mean {}?", what, *near)
           : fmt::format("there is no such {}; expected one of {}", what, fmt::join(known, ", ")));
}

bool Faults::text(const YamlNode& node, const std::string& key, std::string& into) {
  const bool printed = printable(node.text) == node.text;  // also bounds the length
  if (!node.is_scalar() || node.text.empty() || !printed) {
    add(node.line, key, "expected a text of at most 256 bytes without control characters");
    return false;
  }
  into = node.text;
  return true;
}

bool Faults::word(const YamlNode& node, const std::string& key, std::string& into) {
  if (!node.is_scalar() || !is_word(node.text)) {
    add(node.line, key,
        fmt::format("expected a word of at most {} of a-z, 0-9 and _", kLongestWord));
    return false;
  }
  into = node.text;
  return true;
}

bool Faults::integer(const YamlNode& node, const std::string& key, int64_t least, int64_t most,
                     int64_t& into) {
  const auto value = parsed<int64_t>(node);
  if (!value || *value < least || *value > most) {
    add(node.line, key, fmt::format("expected a whole number from {} to {}", least, most));
    return false;
  }
  into = *value;
  return true;
}

bool Faults::real(const YamlNode& node, const std::string& key, double least, double most,
                  std::string_view unit, double& into) {
  const auto value = parsed<double>(node);
  if (!value || !(*value >= least && *value <= most)) {
    add(node.line, key, fmt::format("expected a number from {} to {}{}", least, most, unit));
    return false;
  }
  into = *value;
  return true;
}

Error Faults::take() const {
  std::string message = fmt::format("{}", fmt::join(faults_, "\n"));
  if (further_ > 0) message += fmt::format("\n… and {} more", further_);
  return fail(error_, std::move(message));
}

}  // namespace hone
