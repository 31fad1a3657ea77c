// A model in GGUF: one file, or several of which each holds a part of the tensors.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "formats/gguf.h"

namespace hone {

class GgufFiles {
 public:
  struct Part {
    std::string name;  // of the file, within its folder
    std::shared_ptr<const MappedFile> file;
    Gguf content;
  };
  struct Tensor {
    size_t part;
    const GgufTensor* entry;
  };

  GgufFiles() = default;
  explicit GgufFiles(std::vector<Part> parts) : parts_(std::move(parts)) {}

  // A file named NAME-00002-of-00003.gguf is opened with the others of its folder. The parts must
  // agree on how many they are, be in the order of their names, have all tensors and no name twice.
  static Result<GgufFiles> open(const std::string& path, Ledger& ledger);
  // The same where the file at `path` is mapped already.
  static Result<GgufFiles> open(std::shared_ptr<const MappedFile> file, Ledger& ledger,
                                Links links = Links::refuse);

  const std::vector<Part>& parts() const { return parts_; }
  const Gguf& first() const { return parts_.front().content; }  // has the metadata
  // All tensors, in the order of the parts.
  std::vector<Tensor> tensors() const;
  std::span<const std::byte> bytes(const Tensor& tensor) const {
    return parts_[tensor.part].file->bytes().subspan(tensor.entry->offset, tensor.entry->bytes);
  }

 private:
  std::vector<Part> parts_;
};

}  // namespace hone
