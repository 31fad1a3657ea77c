// A device as data: what it is, and figures of which each has its evidence.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hardware/units.h"

namespace hone {

enum class DeviceClass : uint8_t {
#define DEVICE_CLASS(id, what, cores, least, most) id,
#include "hardware/device_classes.def"
#undef DEVICE_CLASS
};
struct DeviceClassInfo {
  std::string_view name, what, cores;
  double least_memory, most_memory;  // bytes that are plausible
};
std::span<const DeviceClassInfo> all_device_classes();
const DeviceClassInfo& info(DeviceClass device_class);
std::optional<DeviceClass> device_class_named(std::string_view name);

enum class FieldId : uint8_t {
#define FIELD(id, dimension, least, most, doc) id,
#include "hardware/fields.def"
#undef FIELD
};
struct FieldInfo {
  FieldId id;
  std::string_view name;
  Dimension dimension;
  double least, most;  // in the base unit
  std::string_view doc;
  bool is_peak() const { return name.starts_with("peak_"); }
};
std::span<const FieldInfo> all_fields();
const FieldInfo& info(FieldId field);
std::optional<FieldId> field_named(std::string_view name);
inline constexpr size_t kFieldCount = 0
#define FIELD(id, dimension, least, most, doc) +1
#include "hardware/fields.def"
#undef FIELD
    ;

// One figure, in the base unit of its field.
struct Quantity {
  // Of peaks: whether every operation counts, or also those that 2:4 sparsity leaves out.
  enum class Basis : uint8_t { none, dense, sparse };
  // Who says so: the vendor, a formula over other figures, a measurement, a guess, or the machine
  // itself (of `host` only).
  enum class Kind : uint8_t { vendor, derived, measured, estimated, detected };

  double value = 0;
  Basis basis = Basis::none;
  Kind kind = Kind::estimated;
  bool verified = false;  // somebody has read the figure in the source
  std::string source;     // documents
  std::string formula;    // of derived ones
  std::string note;
  int line = 0;  // of the file; 0 where there is none
};
std::string_view name(Quantity::Basis basis);
std::string_view name(Quantity::Kind kind);

struct Device {
  std::string id, name, vendor;
  DeviceClass device_class = DeviceClass::cpu;
  std::string architecture, process;  // empty where not known, as the next ones
  std::string memory;                 // type and bus: "DDR5-4800 x8"
  std::string notes;
  std::vector<std::string> aliases, isa;
  int64_t cores = 0, threads = 0;  // 0: not known
  std::array<std::optional<Quantity>, kFieldCount> fields;
  std::string file;  // where it was read
  int memory_line = 0, cores_line = 0, isa_line = 0;

  const std::optional<Quantity>& operator[](FieldId field) const {
    return fields[static_cast<size_t>(field)];
  }
  std::optional<Quantity>& operator[](FieldId field) { return fields[static_cast<size_t>(field)]; }
  std::optional<double> value(FieldId field) const;
  // Of a peak, without what sparsity leaves out: half of a sparse figure.
  std::optional<double> dense(FieldId peak) const;
};

// How many figures there are, and how many of them are verified.
struct FigureCount {
  int all = 0, verified = 0;
};
FigureCount count_figures(const Device& device);

}  // namespace hone
