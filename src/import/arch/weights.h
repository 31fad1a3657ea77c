// The weights of a language model by their names, whatever file they come from.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ir/builder.h"

namespace hone::arch {

// Named as in GGUF files: "blk.0.attn_q.weight". Shapes are [out, in].
class Weights {
 public:
  // `constant` is not part of a model yet; its span names a source of the model that it will be.
  // Fails with `bad_data` where the name is taken.
  Status add(std::string name, Constant constant);

  bool has(std::string_view name) const { return weights_.contains(name); }
  // Null when there is none.
  const TensorType* type(std::string_view name) const;
  // Makes it a constant of the model. Fails, naming it, where there is none, or where its shape is
  // another one.
  Result<ValueId> take(Builder& builder, const std::string& name, const Extents& shape);
  // Its elements, for what depends on them while building.
  Result<Tensor> read(Builder& builder, const std::string& name, const Extents& shape);
  // Fails, naming them, where some have not been asked for: the model would not be what it is.
  Status all_taken() const;
  // These need not be asked for.
  void ignore(std::string_view name);
  void ignore_all(std::string_view begin);  // all whose names begin so
  // How messages name tensors, where files name them in another way than we do.
  void show_as(std::function<std::string(std::string_view)> shown) { shown_ = std::move(shown); }
  std::string shown(std::string_view name) const;

 private:
  struct Entry {
    Constant constant;
    ValueId value;
    bool taken = false;
  };
  Result<Entry*> find(const std::string& name, const Extents& shape);
  std::map<std::string, Entry, std::less<>> weights_;
  std::function<std::string(std::string_view)> shown_;
};

}  // namespace hone::arch
