#include "import/hf/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/text.h"
#include "formats/json.h"
#include "formats/safetensors.h"

namespace hone::hf {
namespace {

constexpr const char* kWhole = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

Error in_file(Error error, std::string_view name) {
  error.context.push_back("reading '" + printable(name) + "'");
  return error;
}

// The file, or nothing where there is none of that name.
Result<std::optional<MappedFile>> look_for(const Folder& folder, const std::string& name,
                                           Links links) {
  auto mapped = folder.map(name, links);
  if (mapped) return std::optional(mapped.take());
  if (mapped.error().id == ErrorId::not_found) return std::optional<MappedFile>();
  return mapped.take_error();
}

constexpr std::string_view kSave =
    "save them as safetensors with the library that made them, by "
    "`model.save_pretrained(DIR, safe_serialization=True)`";

Error no_weights(const Folder& folder, Links links) {
  struct Other {
    const char *name, *kind;
    std::string_view hint;
  };
  static constexpr std::array kOthers{
      Other{"pytorch_model.bin", "pickled by PyTorch", kFromPickle},
      Other{"pytorch_model.bin.index.json", "pickled by PyTorch", kFromPickle},
      Other{"adapter_model.safetensors", "an adapter of another model",
            "merge it into its model, and save that: "
            "`model.merge_and_unload().save_pretrained(DIR, safe_serialization=True)`"},
      Other{"tf_model.h5", "of TensorFlow", kSave},
      Other{"flax_model.msgpack", "of Flax", kSave},
  };
  for (const Other& other : kOthers) {
    const auto found = look_for(folder, other.name, links);
    if (!found || !*found) continue;
    Error error = fail(ErrorId::unsupported_feature,
                       fmt::format("the weights beside config.json are {} ({}), which hone does "
                                   "not read",
                                   other.kind, other.name));
    error.hint = other.hint;
    return error;
  }
  Error error =
      fail(ErrorId::not_found, fmt::format("there are no weights in {}: neither {} nor {}",
                                           printable(folder.path()), kWhole, kIndex));
  error.hint = "put the safetensors files beside config.json";
  return error;
}

class Reader {
 public:
  Reader(const Folder& folder, const ImportOptions& options, Ledger& ledger)
      : folder_(folder), options_(options), ledger_(ledger) {}

  Result<Checkpoint> read() {
    if (auto whole = TRY(look_for(folder_, kWhole, options_.links))) {
      TRY(add(std::move(*whole), kWhole));
      return std::move(found_);
    }
    const auto index = TRY(look_for(folder_, kIndex, options_.links));
    if (!index) return no_weights(folder_, options_.links);
    auto read = read_index(text_of(*index));
    if (!read) return in_file(read.take_error(), kIndex);
    return std::move(found_);
  }

 private:
  Status add(MappedFile file, const std::string& name) {
    auto content = read_safetensors(file.bytes(), ledger_);
    if (!content) return in_file(content.take_error(), name);
    const auto source = static_cast<uint32_t>(found_.sources.size());
    TRY(reserve_charged(ledger_, found_.tensors, content->tensors.size(), "tensors"));
    for (SafetensorsTensor& t : content->tensors)
      found_.tensors.push_back({std::move(t.name),
                                std::move(t.dtype),
                                std::move(t.shape),
                                {source, content->data_offset + t.begin, t.end - t.begin}});
    DataSource made;
    made.name = name;
    made.size = file.size();
    made.mapped = std::make_shared<const MappedFile>(std::move(file));
    found_.sources.push_back(std::move(made));
    return ok();
  }

  Status read_index(std::string_view text) {
    const JsonDocument document = TRY(JsonDocument::parse(text, ledger_));
    const Json map = TRY(document.root().get("weight_map"));
    if (!map.is_object()) return fail(ErrorId::malformed, "\"weight_map\" is not an object");
    // The document owns the texts. A tree's node is some words more than what it holds.
    TRY(ledger_.charge(map.size() * 128, "the index of weights"));
    std::map<std::string_view, std::string_view> shard_of;
    for (const auto [tensor, shard] : map.members())
      shard_of.emplace(tensor, TRY(shard.as_string()));
    if (shard_of.empty()) return fail(ErrorId::bad_data, "\"weight_map\" names no tensors");
    TRY(add_shards(map));
    return compare(shard_of);
  }

  // In the order in which the index names them first.
  Status add_shards(const Json& map) {
    std::map<std::string_view, bool> opened;
    for (const auto [tensor, shard] : map.members()) {
      const std::string_view name = TRY(shard.as_string());
      if (!opened.emplace(name, true).second) continue;
      auto file = folder_.map(std::string(name), options_.links);
      if (!file) {
        Error error = file.take_error();
        if (error.id == ErrorId::not_found) error.hint = "fetch all files of the model";
        return error;
      }
      TRY(add(file.take(), std::string(name)));
    }
    return ok();
  }

  // Every tensor lies where the index says, and there is no other.
  Status compare(const std::map<std::string_view, std::string_view>& shard_of) {
    for (const StoredTensor& t : found_.tensors) {
      const std::string& lies_in = found_.sources[t.source()].name;
      const auto at = shard_of.find(t.name);
      if (at == shard_of.end())
        return fail(ErrorId::bad_data, fmt::format("'{}' holds the tensor '{}', which the index "
                                                   "does not name",
                                                   printable(lies_in), printable(t.name)));
      if (at->second != lies_in)
        return fail(ErrorId::bad_data,
                    fmt::format("the tensor '{}' lies in '{}', the index says '{}'",
                                printable(t.name), printable(lies_in), printable(at->second)));
    }
    // Names are unique within a shard, and each lies where the index says: none is there twice.
    if (found_.tensors.size() == shard_of.size()) return ok();
    TRY(ledger_.charge(found_.tensors.size() * 64, "the index of weights"));
    std::map<std::string_view, bool> held;
    for (const StoredTensor& t : found_.tensors) held.emplace(t.name, true);
    const auto missing = std::find_if(shard_of.begin(), shard_of.end(), [&](const auto& entry) {
      return !held.contains(entry.first);
    });
    return fail(ErrorId::bad_data,
                fmt::format("'{}' does not hold the tensor '{}', as the index says",
                            printable(missing->second), printable(missing->first)));
  }

  const Folder& folder_;
  const ImportOptions& options_;
  Ledger& ledger_;
  Checkpoint found_;
};

const BlockFormat* format_of(std::string_view dtype) {
  if (dtype == "F16") return block_format("f16");
  return dtype == "BF16" ? block_format("bf16") : nullptr;
}

}  // namespace

Result<Checkpoint> open_checkpoint(const Folder& folder, const ImportOptions& options,
                                   Ledger& ledger) {
  return Reader(folder, options, ledger).read();
}

Result<Constant> constant_of(const StoredTensor& tensor) {
  Constant constant;
  constant.name = tensor.name;
  constant.data = tensor.span;
  constant.type = TensorType{DType::f32, Shape::of(tensor.shape), {}};
  const BlockFormat* format = format_of(tensor.dtype);
  if (format && !tensor.shape.empty()) {
    constant.type.encoding = Encoding::of_blocks(*format);
  } else if (format) {  // blocks lie along an axis
    constant.type.dtype = tensor.dtype == "F16" ? DType::f16 : DType::bf16;
  } else if (tensor.dtype != "F32") {
    Error error = fail(ErrorId::unsupported_feature,
                       fmt::format("the tensor '{}' is of dtype {}; weights have to be F32, F16 or "
                                   "BF16",
                                   printable(tensor.name), tensor.dtype));
    error.hint = "save the model in one of these";
    return error;
  }
  return constant;
}

}  // namespace hone::hf
