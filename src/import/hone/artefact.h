// The .hone artefact: a safetensors file whose metadata holds the graph as text. Portable, with the
// weights as every machine takes them; or compiled, lowered for one set of kernels, with the packed
// weights in the place of the others.
//
// Metadata keys, all texts:
//   hone.version  "1"
//   hone.kind     "portable" or "compiled"
//   hone.text     the model in the text form; named constants are span(0, 0, LENGTH): where their
//                 bytes lie is said by the container, which any tool may rewrite in another order
//   hone.hashes   SHA-256 of the bytes of each tensor, one line "HEX NAME" each, sorted by name
//   hone.sha256   SHA-256 over text, tensor table and hone.hashes: the content hash of the model
// What is attached to the model, its tokenizer say, are U8 tensors of the names __attached__.NAME.
// The content hash is checked whenever the file is opened; the bytes of the tensors when asked, for
// that reads all of the file. Element types that safetensors lacks are stored as U8 bytes.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/limits.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "import/options.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone::artefact {

bool looks_like_artefact(std::span<const std::byte> file);
// Weights stay in the file.
Result<Model> import_mapped(const std::shared_ptr<const MappedFile>& file,
                            const Catalogue& catalogue, const ImportOptions& options);
Result<Model> import_file(const std::string& path, const Catalogue& catalogue,
                          const ImportOptions& options);
// Compares every tensor with its hash; fails with `bad_checksum` naming the first that differs.
Status verify_mapped(const MappedFile& file, const Limits& limits);

// Writes atomically; equal models give equal bytes. Reads all constants, and hashes them on so
// many threads: 0 for one for each CPU.
Status write(const Model& model, const std::string& path, int threads = 1);

// What identifies a model whatever file it lies in: hone.sha256 of its artefact. Reads all
// constants.
Result<std::string> content_hash(const Model& model, int threads = 1);

// The text form without where constants lie and without what they hold: equal for models that
// differ in nothing else.
Result<std::string> portable_text(const Model& model);

}  // namespace hone::artefact
