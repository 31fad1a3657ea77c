// What `hone benchmark` measures, made ready: models with inputs and the outputs that every engine
// has to give, operators as models, artefacts of models.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/benchmark_rows.h"
#include "cli/command.h"
#include "cli/compiler.h"
#include "workers/engines.h"

namespace hone::cli {

// "hone,onnxruntime". Fails with `usage`.
Result<std::vector<const workers::Engine*>> engines_in(std::string_view text);

// Makes up inputs by --seed and computes what to expect, as --expected says. `binds`: SYMBOL=SIZE.
Result<ModelUnderTest> prepare_subject(const Arguments& arguments, const std::string& path,
                                       const std::vector<std::string>& binds);

// The files that are made for the measurements; gone with it.
class Workshop {
 public:
  explicit Workshop(const Arguments& arguments);
  ~Workshop();
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  // The file of a model of one operator.
  Result<std::string> operator_file(const std::string& op, const std::string& dims);
  Result<Compiled> compile(const std::string& path);

 private:
  Result<std::string> next_file();

  const Arguments& arguments_;
  std::string folder_;  // "": there is none yet
  std::optional<Compiler> compiler_;
  size_t files_ = 0;
};

}  // namespace hone::cli
