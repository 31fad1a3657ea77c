#include "hardware/host_device.h"

namespace hone {
namespace {

void set(Device& device, FieldId field, uint64_t bytes, std::string_view source) {
  if (bytes == 0) return;
  device[field] = Quantity{.value = static_cast<double>(bytes),
                           .kind = Quantity::Kind::detected,
                           .verified = true,
                           .source = std::string(source)};
}

}  // namespace

Device device_of(const Host& host) {
  Device device;
  device.id = "host";
  device.name = host.cpu.empty() ? "this machine" : host.cpu;
  device.device_class = DeviceClass::cpu;
  device.architecture = host.architecture;
  device.isa = host.features;
  device.cores = host.cores;
  device.threads = host.logical_cpus;
  set(device, FieldId::memory_capacity, host.memory_bytes, "/proc/meminfo");
  for (const Host::Cache& cache : host.caches) {
    if (cache.type == "Instruction") continue;
    // Those of the first CPU stand for all of their level.
    const uint64_t sharing = static_cast<uint64_t>(cache.shared_by > 0 ? cache.shared_by : 1);
    const uint64_t count = (static_cast<uint64_t>(host.logical_cpus) + sharing - 1) / sharing;
    constexpr std::string_view kSource = "/sys/devices/system/cpu";
    if (cache.level == 1) set(device, FieldId::l1_per_core, cache.bytes, kSource);
    if (cache.level == 2) set(device, FieldId::l2_total, cache.bytes * count, kSource);
    if (cache.level == 3) set(device, FieldId::l3_total, cache.bytes * count, kSource);
  }
  return device;
}

}  // namespace hone
