// The tokenizer of a model: attached to its artefact, in its GGUF file, or in its folder.
#pragma once

#include <memory>
#include <string>

#include "api/open.h"
#include "base/mapped_file.h"
#include "ir/model.h"
#include "text/tokenizer/tokenizer.h"

namespace hone {

// Of the file or folder at `path`: an artefact, or what read_tokenizer() takes.
Result<Tokenizer> open_tokenizer(const std::string& path, const Limits& limits, Links links);
// What is attached to the model that was opened from `path`.
Result<Tokenizer> tokenizer_of(const Model& model, const std::string& path, const Limits& limits);

// Attaches the tokenizer of a GGUF file, or of the folder of a config.json. It is read when the
// model is written: who only opens it does not wait. Where there is none, or one that hone does
// not read, of which a warning tells, artefacts have none.
void attach_tokenizer(Model& model, const std::shared_ptr<const MappedFile>& file,
                      std::string_view format, const OpenOptions& options);

}  // namespace hone
