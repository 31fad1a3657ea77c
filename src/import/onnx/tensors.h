// From TensorProto to constants that point into files, and to tensors in memory.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "import/onnx/proto.h"
#include "import/options.h"
#include "ir/model.h"

namespace hone::onnx {

// "tensor 'w' at byte 120".
std::string describe(const TensorProto& tensor);
// Element type and shape, checked: known type, extents >= 0, size addressable.
Result<TensorType> declared_type(const TensorProto& tensor);
// The elements, copied. External data are refused: only a model has a folder.
Result<Tensor> decode_tensor(const TensorProto& tensor, Ledger& ledger);

// Makes the constants of one model whose file is sources[0]. raw_data and external data stay where
// they are, whatever their alignment; the rest is decoded into memory.
class TensorLoader {
 public:
  // `model_path` names the folder of external data; empty: there is none. All must outlive this.
  TensorLoader(Model& model, Ledger& ledger, std::string model_path, const ImportOptions& options)
      : model_(model), ledger_(ledger), model_path_(std::move(model_path)), options_(options) {}

  // The constant of this tensor; asked again for the same message of the file, the same constant.
  Result<ConstantId> constant(const TensorProto& tensor, std::string name);
  // Made dense, as far as the limits allow.
  Result<ConstantId> constant(const SparseTensorProto& tensor, std::string name);
  // The elements, copied.
  Result<Tensor> tensor(const TensorProto& tensor);
  Result<Tensor> tensor(const SparseTensorProto& tensor);

  // Charges the constants that others have added to the model since the last call.
  Status charge_others();

 private:
  struct Stored {
    Constant::Span span;
    Bytes bytes;
    bool left_out = false;  // the file is missing: there are no bytes
  };
  // Where the elements lie as the IR stores them; none when they have to be decoded.
  Result<std::optional<Stored>> locate(const TensorProto& tensor, const TensorType& type);
  Result<Stored> locate_external(const TensorProto& tensor, uint64_t size);
  Result<uint32_t> source_of(const TensorProto& tensor);
  Status charge(const std::string& name);

  Model& model_;
  Ledger& ledger_;
  std::string model_path_;
  ImportOptions options_;
  std::optional<Folder> folder_;
  std::unordered_map<std::string, uint32_t, SeededHash, std::equal_to<>> external_;
  std::unordered_map<uint64_t, ConstantId> made_;  // by the offset of the message
  size_t charged_ = 0;                             // constants of the model, in its order
};

}  // namespace hone::onnx
