// The text form of models: printing, and parsing back exactly. The grammar is in docs/text_form.md.
#pragma once

#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone {

struct PrintOptions {
  bool provenance = true;  // `from "node"` after each call
  // Elements of constants in memory, however many; else those beyond the small ones are named by a
  // span of a source without a name, which nothing can open.
  bool memory = true;
};

// print(parse(print(m))) == print(m), for every model.
std::string print(const Model& model, const PrintOptions& options = {});
std::string print(const Model& model, GraphId graph, const PrintOptions& options = {});

// Sources named in the text are declared, not opened: Model::read fails on them until they are.
// The ledger is that of the file which holds the text.
Result<Model> parse_model_text(std::string_view text, const Catalogue& catalogue, Ledger& ledger);
Result<Model> parse_model_text(std::string_view text, const Catalogue& catalogue,
                               const Limits& limits);

}  // namespace hone
