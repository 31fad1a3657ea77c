// The weights beside a config.json: one safetensors file, or several with an index.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "import/options.h"
#include "ir/model.h"

namespace hone::hf {

// What to do with pickled weights, in one file or several: a pickle is a program, which hone does
// not run. PyTorch reads those that hold tensors alone without running others (1.13 and later).
inline constexpr std::string_view kFromPickle =
    "convert them: in their folder, with the packages torch and safetensors, run "
    "`python3 -c \"import glob, torch, safetensors.torch as s; "
    "s.save_file({k: v.contiguous().clone() for f in glob.glob('pytorch_model*.bin') "
    "for k, v in torch.load(f, map_location='cpu', weights_only=True).items()}, "
    "'model.safetensors')\"`, and give hone the folder";

struct StoredTensor {
  std::string name;   // as in the file
  std::string dtype;  // as in the file, "BF16"
  std::vector<int64_t> shape;
  Constant::Span span;
  uint32_t source() const { return span.source; }
};

struct Checkpoint {
  std::vector<DataSource> sources;
  std::vector<StoredTensor> tensors;
};

// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names: it and they
// have to tell the same tensors. Files of other kinds are refused by what they are.
Result<Checkpoint> open_checkpoint(const Folder& folder, const ImportOptions& options,
                                   Ledger& ledger);

// A constant of the tensor, under the name that it has in the file. Numbers of 16 bits are f32 in
// their encoding. Fails with `unsupported_feature` for other dtypes.
Result<Constant> constant_of(const StoredTensor& tensor);

}  // namespace hone::hf
