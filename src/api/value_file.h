// Inputs and outputs as files: NumPy arrays and the protobuf messages of ONNX test data.
#pragma once

#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "hone/hone.h"
#include "ir/tensor.h"

namespace hone {

// Told apart by content; `expected` is the type of the input or output that the file is for. An
// array of another dtype is refused, except that bytes stand for the types that .npy does not have.
Result<Datum> load_datum(const std::string& path, const Type& expected, const Limits& limits);

// The same for an input, which may also be a PNG image or a WAV recording (api/media.h).
Result<Datum> load_input_file(const std::string& path, const Type& expected,
                              const v1::LoadOptions& options, const Limits& limits);

// As .npy, or as the ONNX message where the name ends in .pb. Atomically.
Status save_datum(const Datum& datum, const std::string& path);
// Can .npy hold it?
bool fits_npy(const Datum& datum);

}  // namespace hone
