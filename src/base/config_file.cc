// The leaves of a settings file, from its tree.
#include "base/config_file.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/yaml.h"

namespace hone {
namespace {

void collect(const YamlNode& map, const std::string& prefix, std::vector<ConfigEntry>& entries) {
  for (const YamlNode& node : map.children) {
    const std::string key = prefix.empty() ? node.key : fmt::format("{}.{}", prefix, node.key);
    if (node.kind == YamlNode::Kind::map) {
      collect(node, key, entries);
      continue;
    }
    ConfigEntry entry{.key = key, .text = node.text, .line = node.line};
    switch (node.kind) {
      case YamlNode::Kind::plain: entry.kind = ConfigEntry::Kind::plain; break;
      case YamlNode::Kind::quoted: entry.kind = ConfigEntry::Kind::quoted; break;
      case YamlNode::Kind::list: entry.kind = ConfigEntry::Kind::list; break;
      case YamlNode::Kind::map:
      case YamlNode::Kind::nothing: entry.kind = ConfigEntry::Kind::nothing; break;
    }
    entries.push_back(std::move(entry));
  }
}

}  // namespace

Result<std::vector<ConfigEntry>> read_config(std::string_view text, const std::string& name) {
  std::vector<ConfigEntry> entries;
  const YamlNode document = TRY(read_yaml(text, name, ErrorId::bad_config));
  if (document.kind == YamlNode::Kind::nothing) return entries;
  if (document.kind != YamlNode::Kind::map)
    return fail(ErrorId::bad_config,
                fmt::format("{}:{}: expected `key: value` lines", printable(name), document.line));
  collect(document, "", entries);
  return entries;
}

}  // namespace hone
