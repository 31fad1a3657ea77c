#include "import/weights.h"

namespace hone {

Result<std::shared_ptr<const MappedFile>> open_weights(const Folder& folder,
                                                       const std::string& name,
                                                       const ImportOptions& options) {
  auto mapped = folder.map(name, options.links);
  if (mapped) return std::make_shared<const MappedFile>(mapped.take());
  Error error = mapped.take_error();
  if (error.id != ErrorId::not_found) return error;
  if (options.missing == MissingWeights::leave_out) return std::shared_ptr<const MappedFile>();
  error.hint = "put the file of weights beside the model; `hone inspect` does without";
  return error;
}

}  // namespace hone
