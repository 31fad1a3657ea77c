#include "import/arch/weights.h"

#include "base/text.h"

namespace hone::arch {

Status Weights::add(std::string name, Constant constant) {
  const auto [at, added] = weights_.try_emplace(std::move(name));
  if (!added) return fail(ErrorId::bad_data, "there are two tensors '" + shown(at->first) + "'");
  at->second.constant = std::move(constant);
  return ok();
}

std::string Weights::shown(std::string_view name) const {
  return printable(shown_ ? shown_(name) : std::string(name));
}

const TensorType* Weights::type(std::string_view name) const {
  const auto at = weights_.find(name);
  return at == weights_.end() ? nullptr : &at->second.constant.type;
}

Result<Weights::Entry*> Weights::find(const std::string& name, const Extents& shape) {
  const auto at = weights_.find(name);
  if (at == weights_.end())
    return fail(ErrorId::bad_data, "the tensor '" + shown(name) + "' is missing");
  const Shape& have = at->second.constant.type.shape;
  if (!(have == Shape::of(shape)))
    return fail(ErrorId::bad_data, "the tensor '" + shown(name) + "' has shape " + have.str() +
                                       ", expected " + Shape::of(shape).str());
  at->second.taken = true;
  return &at->second;
}

Result<ValueId> Weights::take(Builder& builder, const std::string& name, const Extents& shape) {
  Entry& entry = *TRY(find(name, shape));
  if (!entry.value.valid())
    entry.value = builder.constant(builder.model().add_constant(entry.constant));
  return entry.value;
}

Result<Tensor> Weights::read(Builder& builder, const std::string& name, const Extents& shape) {
  const Entry& entry = *TRY(find(name, shape));
  Model& model = builder.model();
  return model.read(model.add_constant(entry.constant), uint64_t{1} << 24);
}

Status Weights::all_taken() const {
  std::string names;
  size_t left = 0;
  for (const auto& [name, entry] : weights_) {
    if (entry.taken) continue;
    constexpr size_t kShown = 5;
    if (left++ < kShown) names += (names.empty() ? "'" : ", '") + shown(name) + "'";
  }
  if (left == 0) return ok();
  return fail(ErrorId::unsupported_feature,
              std::to_string(left) + " tensors have no place in this architecture: " + names +
                  (names.empty() || left <= 5 ? "" : ", …"));
}

void Weights::ignore(std::string_view name) {
  if (const auto at = weights_.find(name); at != weights_.end()) at->second.taken = true;
}

void Weights::ignore_all(std::string_view begin) {
  for (auto at = weights_.lower_bound(begin);
       at != weights_.end() && std::string_view(at->first).starts_with(begin); ++at)
    at->second.taken = true;
}

}  // namespace hone::arch
