// All faults of a file of facts in one message: who writes a file corrects them in one go.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/yaml.h"

namespace hone {

class Faults {
 public:
  Faults(std::string_view file, ErrorId error);

  // "FILE:LINE: KEY: what".
  void add(int line, std::string_view key, std::string_view what);
  // A fault for each key of the map that is none of these, with the nearest.
  void unknown_keys(const YamlNode& map, const std::string& prefix,
                    std::span<const std::string_view> known);
  // A fault for a word that is none of these.
  void unknown(const YamlNode& at, const std::string& key, std::string_view word,
               std::string_view what, std::span<const std::string_view> known);

  // Each reads a value into its place, or adds the fault and returns false.
  bool text(const YamlNode& node, const std::string& key, std::string& into);
  bool word(const YamlNode& node, const std::string& key, std::string& into);
  bool integer(const YamlNode& node, const std::string& key, int64_t least, int64_t most,
               int64_t& into);
  // `unit` is part of what is expected: " seconds".
  bool real(const YamlNode& node, const std::string& key, double least, double most,
            std::string_view unit, double& into);

  bool none() const { return faults_.empty(); }
  Error take() const;

 private:
  std::string file_;
  ErrorId error_;
  std::vector<std::string> faults_;
  size_t further_ = 0;
};

}  // namespace hone
