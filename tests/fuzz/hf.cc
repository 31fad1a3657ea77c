// Fuzzes the reader of Hugging Face folders: the input is a config.json, and behind a zero byte an
// index of weights, beside one small file of weights. What is read is a sound model.
#include "import/hf/hf.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "formats/safetensors.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "target.h"

namespace {

// The tensors of a GPT-2 of one layer: what a config.json that fits them needs.
void write_weights(const std::string& path) {
  static const float kElements[4 * 12] = {};
  std::vector<hone::SafetensorsSource> tensors;
  const auto add = [&](const char* name, std::vector<int64_t> shape) {
    uint64_t size = sizeof(float);
    for (const int64_t extent : shape) size *= uint64_t(extent);
    tensors.push_back(
        {name, "F32", std::move(shape), size, std::as_bytes(std::span(kElements)).first(size)});
  };
  add("wte.weight", {4, 4});
  add("wpe.weight", {4, 4});
  for (const char* norm :
       {"ln_f.weight", "ln_f.bias", "h.0.ln_1.weight", "h.0.ln_1.bias", "h.0.ln_2.weight",
        "h.0.ln_2.bias", "h.0.attn.c_proj.bias", "h.0.mlp.c_fc.bias", "h.0.mlp.c_proj.bias"})
    add(norm, {4});
  add("h.0.attn.c_attn.weight", {4, 12});
  add("h.0.attn.c_attn.bias", {12});
  for (const char* product :
       {"h.0.attn.c_proj.weight", "h.0.mlp.c_fc.weight", "h.0.mlp.c_proj.weight"})
    add(product, {4, 4});
  hone::fuzz::require(hone::write_safetensors(path, tensors, {}).ok());
}

// A folder for this process, in memory where the system has such.
const std::string& folder() {
  static const std::string path = [] {
    const char* root = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
    std::string made = std::string(root) + "/hone_fuzz_hf_" + std::to_string(getpid());
    std::filesystem::create_directories(made);
    return made;
  }();
  return path;
}

void write(const std::string& name, std::string_view content) {
  std::ofstream(folder() + "/" + name, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = hone::fuzz::text(data, size);
  const size_t end = text.find('\0');
  const bool sharded = end != std::string_view::npos;
  if (text.substr(0, end).empty()) return 0;
  write("config.json", text.substr(0, end));
  std::filesystem::remove(folder() + "/model.safetensors");
  if (sharded) write("model.safetensors.index.json", text.substr(end + 1));
  const std::string weights = folder() + (sharded ? "/a.safetensors" : "/model.safetensors");
  if (!std::filesystem::exists(weights)) write_weights(weights);
  auto mapped = hone::MappedFile::open(folder() + "/config.json");
  if (!mapped) return 0;
  const auto file = std::make_shared<const hone::MappedFile>(mapped.take());
  (void)hone::hf::looks_like_hf(file->bytes());
  const auto model =
      hone::hf::import_mapped(file, hone::standard_catalogue(), {.limits = hone::fuzz::limits()});
  hone::fuzz::require_clean(model);
  if (model)
    hone::fuzz::require(hone::verify(*model, hone::standard_catalogue(), hone::Phase::import).ok());
  return 0;
}
