// Plays the library of NVML for tests: two devices, the second of which counts its energy, 250 mJ
// from one reading to the next.
#include <cstdio>

extern "C" {

int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }

int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  static int devices[2];
  *device = &devices[index];
  devices[index] = int(index);
  return 0;
}

int nvmlDeviceGetName(void* device, char* name, unsigned length) {
  std::snprintf(name, length, "Fake %d000", 1 + *static_cast<int*>(device));
  return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  static unsigned long long total = 1000;
  if (*static_cast<int*>(device) == 0) return 3;  // not supported
  *millijoules = total += 250;
  return 0;
}
}
