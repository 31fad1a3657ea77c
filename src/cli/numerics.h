// `hone opt --check-numerics`: do the results stay what they were before the first pass?
#pragma once

#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "ir/model.h"

namespace hone::cli {

class NumericsCheck {
 public:
  // Runs the model on made-up inputs with the reference backend.
  Status record(const Model& model, const Limits& limits);
  // Runs it again; fails with `check_failed` naming the pass and the output.
  Status compare(const Model& model, std::string_view pass) const;

 private:
  Limits limits_;
  std::vector<Datum> inputs_, outputs_;
};

}  // namespace hone::cli
