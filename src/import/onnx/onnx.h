// Reads ONNX models: opsets 1 to 28, external data in the model's folder, functions, nested graphs.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "import/options.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone::onnx {

// Does the file look like an ONNX model (a protobuf with plausible leading fields)?
bool looks_like_onnx(std::span<const std::byte> bytes);

// Weights stay in the file. Operators without translation are all named in one error.
Result<Model> import_mapped(const std::shared_ptr<const MappedFile>& file,
                            const Catalogue& catalogue, const ImportOptions& options);
Result<Model> import_file(const std::string& path, const Catalogue& catalogue,
                          const ImportOptions& options);
// The same from memory, which the model then holds. External data are refused.
Result<Model> import_bytes(std::vector<std::byte> bytes, const Catalogue& catalogue,
                           const Limits& limits);

// A TensorProto, SequenceProto, OptionalProto … as found in test data (*.pb).
Result<Datum> read_datum(std::span<const std::byte> bytes, const Type& expected,
                         const Limits& limits);
// A tensor as TensorProto bytes.
std::vector<std::byte> write_tensor(const Tensor& tensor, const std::string& name);

}  // namespace hone::onnx
