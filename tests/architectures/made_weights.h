// Tiny models made up for tests: which tensors an architecture has, with random numbers in them,
// and folders that hold them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/scratch_folder.h"
#include "import/arch/decoder.h"
#include "import/arch/encoder.h"
#include "import/arch/weights.h"

namespace hone::testing {

struct MadeTensor {
  Extents shape;
  std::vector<float> elements;
};
using MadeTensors = std::map<std::string, MadeTensor>;

// Elements are drawn by the name: the same wherever a tensor of that name is made.
void add_tensor(MadeTensors& tensors, const std::string& name, const Extents& shape);

// A configuration of a few layers, with what is special about the architecture in it.
arch::DecoderConfig made_config(const arch::Decoder& decoder);
// Under the names of GGUF files.
MadeTensors decoder_tensors(const arch::DecoderConfig& config);
// Under the names of checkpoints; products [in, out] where the architecture has them so, norms
// without what is added to them.
MadeTensors checkpoint_of(const MadeTensors& tensors, const arch::Decoder& decoder);
// The config.json that says the same.
std::string config_json(const arch::DecoderConfig& config, std::string_view model_type);

// The tensors as constants of `model`.
arch::Weights weights_of(const MadeTensors& tensors, Model& model);
// "F32", "F16", "BF16".
Status write_weights(const std::string& path, const MadeTensors& tensors,
                     const std::string& dtype = "F32");
// NAME/config.json and NAME/model.safetensors; the path of NAME.
std::string write_folder(const ScratchFolder& folder, const std::string& name,
                         const std::string& config, const MadeTensors& tensors,
                         const std::string& dtype = "F32");

Result<std::vector<Datum>> run_on(std::string_view backends, const Model& model,
                                  const std::vector<Datum>& inputs, int64_t pages = 0);
// One step that takes `tokens`, in pages of 64.
std::vector<Datum> step_inputs(const std::vector<int64_t>& tokens);

// Runs on the usual backends and on `reference` alone; both have to give the same, which is
// returned.
std::vector<Datum> expect_same_everywhere(const Model& model, const std::vector<Datum>& inputs,
                                          int64_t pages = 0);

}  // namespace hone::testing
