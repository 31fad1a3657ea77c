// Models to artefacts, through the cache of those that were made before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "hone/hone.h"
#include "store/cache.h"

namespace hone::cli {

struct CompilerOptions {
  bool portable = false;  // rather than for this machine
  bool clean = true;
  bool cached = true;
  std::string_view measure = "never";  // where the setting compile.measure is auto
  int measure_threads = 0;             // 0: one for each CPU that the process may use
  int threads = 0;  // of one compilation; 0: one for each CPU that the process may use
};

struct Compiled {
  std::string model, output, target;  // target: "" for a portable artefact
  uint64_t bytes = 0;
  size_t nodes_before = 0, nodes_after = 0;
  std::vector<v1::Choice> choices;
  bool cached = false;
  double seconds = 0;
};

// Several threads may use one.
class Compiler {
 public:
  // Where the cache cannot be had, a warning says why and everything is compiled.
  Compiler(const Arguments& arguments, const CompilerOptions& options);

  Result<Compiled> run(const std::string& path, const std::string& output) const;

 private:
  void open_the_cache();
  Result<std::string> key_of(const v1::Model& model) const;
  Status describe(const std::string& output, Compiled& result) const;
  Status compile(v1::Model model, const std::string& file, Compiled& result) const;

  const Arguments& arguments_;
  CompilerOptions options_;
  std::unique_ptr<Cache> cache_;  // null for none
  std::string program_;           // tells this build of hone from others in the keys of the cache
  v1::CompileOptions compiling_;
  std::string target_, machine_;  // machine: what is measured
};

}  // namespace hone::cli
