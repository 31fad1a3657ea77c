#include "cli/model_flags.h"

namespace hone::cli {

OpenOptions open_options(const Arguments& arguments) {
  return {.limits = arguments.limits,
          .links = arguments.config.boolean("follow_links") ? Links::follow : Links::refuse};
}

Result<v1::Model> open(const std::string& path, const OpenOptions& options) {
  v1::OpenOptions plain;
  for (const LimitInfo& limit : all_limits())
    plain.limits.emplace_back(limit.name, std::to_string(options.limits.*limit.field));
  plain.verify = options.verify;
  plain.follow_links = options.links == Links::follow;
  plain.without_weights = options.missing == MissingWeights::leave_out;
  return from(v1::Model::open(path, plain));
}

Error from(const v1::Error& error) {
  for (ErrorId id : all_errors())
    if (info(id).code == error.code) return {id, error.message, error.context, error.hint};
  return {ErrorId::internal, error.message, error.context, error.hint};
}

}  // namespace hone::cli
