// YAML (and with it JSON) as a tree of texts that remember their lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone {

struct YamlNode {
  enum class Kind : uint8_t { plain, quoted, list, map, nothing };
  Kind kind = Kind::nothing;
  int line = 0;      // from 1; of the key where there is one
  std::string key;   // in a map
  std::string text;  // of a scalar
  std::vector<YamlNode> children;

  bool is_scalar() const { return kind == Kind::plain || kind == Kind::quoted; }
  // The child of this key, or null.
  const YamlNode* find(std::string_view name) const;
};

struct YamlLimits {
  int depth = 8;        // maps and lists within each other
  size_t nodes = 4096;  // of the whole document
  size_t bytes = 64 << 10;
};

// The one document of the text; kind `nothing` where there is none. Refuses what a file of settings
// or facts has no use for: anchors and aliases (which multiply), tags, keys that are not words,
// keys that stand twice in a map. Messages are "NAME:LINE: what", with the id `error`.
Result<YamlNode> read_yaml(std::string_view text, std::string_view name, ErrorId error,
                           const YamlLimits& limits = {});

}  // namespace hone
