#include "hardware/device.h"

namespace hone {
namespace {

constexpr DeviceClassInfo kClasses[] = {
#define DEVICE_CLASS(id, what, cores, least, most) {#id, what, cores, least, most},
#include "hardware/device_classes.def"
#undef DEVICE_CLASS
};

constexpr FieldInfo kFields[] = {
#define FIELD(id, dimension, least, most, doc) \
  {FieldId::id, #id, Dimension::dimension, least, most, doc},
#include "hardware/fields.def"
#undef FIELD
};

}  // namespace

std::span<const DeviceClassInfo> all_device_classes() { return kClasses; }
const DeviceClassInfo& info(DeviceClass device_class) {
  return kClasses[static_cast<size_t>(device_class)];
}
std::optional<DeviceClass> device_class_named(std::string_view name) {
  for (size_t i = 0; i < std::size(kClasses); ++i)
    if (kClasses[i].name == name) return static_cast<DeviceClass>(i);
  return std::nullopt;
}

std::span<const FieldInfo> all_fields() { return kFields; }
const FieldInfo& info(FieldId field) { return kFields[static_cast<size_t>(field)]; }
std::optional<FieldId> field_named(std::string_view name) {
  for (const FieldInfo& field : kFields)
    if (field.name == name) return field.id;
  return std::nullopt;
}

std::string_view name(Quantity::Basis basis) {
  switch (basis) {
    case Quantity::Basis::none: break;
    case Quantity::Basis::dense: return "dense";
    case Quantity::Basis::sparse: return "sparse";
  }
  return "";
}

std::string_view name(Quantity::Kind kind) {
  switch (kind) {
    case Quantity::Kind::vendor: return "vendor";
    case Quantity::Kind::derived: return "derived";
    case Quantity::Kind::measured: return "measured";
    case Quantity::Kind::estimated: return "estimated";
    case Quantity::Kind::detected: return "detected";
  }
  return "";
}

std::optional<double> Device::value(FieldId field) const {
  const auto& quantity = (*this)[field];
  return quantity ? std::optional(quantity->value) : std::nullopt;
}

std::optional<double> Device::dense(FieldId peak) const {
  const auto& quantity = (*this)[peak];
  if (!quantity) return std::nullopt;
  return quantity->basis == Quantity::Basis::sparse ? quantity->value / 2 : quantity->value;
}

FigureCount count_figures(const Device& device) {
  FigureCount count;
  for (const auto& quantity : device.fields) {
    if (!quantity) continue;
    ++count.all;
    count.verified += quantity->verified ? 1 : 0;
  }
  return count;
}

}  // namespace hone
