#include "cli/model_flags.h"

namespace hone::cli {

Result<v1::Model> open(const Arguments& arguments, const std::string& path, bool verify) {
  v1::OpenOptions options;
  for (const LimitInfo& limit : all_limits())
    options.limits.emplace_back(limit.name, std::to_string(arguments.limits.*limit.field));
  options.verify = verify;
  return from(v1::Model::open(path, options));
}

Error from(const v1::Error& error) {
  for (ErrorId id : all_errors())
    if (info(id).code == error.code) return {id, error.message, error.context, error.hint};
  return {ErrorId::internal, error.message, error.context, error.hint};
}

}  // namespace hone::cli
