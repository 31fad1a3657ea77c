#include "hardware/host.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace hone {
namespace {

constexpr std::array<std::string_view, 34> kFeatures{
    "sse4_2",   "avx",      "f16c",     "fma",         "avx2",        "avx_vnni",    "avx512f",
    "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile",
    "amx_int8", "amx_bf16", "amx_fp16", "sha_ni",      "neon",        "asimd",       "asimdhp",
    "asimddp",  "i8mm",     "bf16",     "sve",         "sve2",        "svei8mm",     "svebf16",
    "sme",      "sme2",     "v",        "zvfh",        "zvbb",        "crc32"};

// Of x86, and of Arm.
constexpr std::array<std::string_view, 8> kVersion{"vendor_id", "cpu family",      "model",
                                                   "stepping",  "CPU implementer", "CPU variant",
                                                   "CPU part",  "CPU revision"};

// /proc and /sys say no size: read to the end, of what is never large.
std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The first bytes of a file, at most.
std::string beginning(const std::string& path, size_t most) {
  std::ifstream file(path, std::ios::binary);
  std::string text(most, '\0');
  file.read(text.data(), static_cast<std::streamsize>(most));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  return text;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1);
}

uint64_t number(std::string_view text) {
  uint64_t value = 0;
  text = trimmed(text);
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

template <class Visit>
void each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (const size_t colon = line.find(':'); colon != std::string_view::npos)
      visit(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

uint64_t cache_size(std::string_view text) {  // "32K", "16M"
  text = trimmed(text);
  const uint64_t value = number(text);
  return text.ends_with('K') ? value << 10 : text.ends_with('M') ? value << 20 : value;
}

int cpus_in(std::string_view list) {  // "0-3,8"
  int count = 0;
  list = trimmed(list);
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    const size_t dash = item.find('-');
    count +=
        dash == std::string_view::npos
            ? 1
            : static_cast<int>(number(item.substr(dash + 1)) - number(item.substr(0, dash))) + 1;
    list.remove_prefix(std::min(item.size() + 1, list.size()));
  }
  return count;
}

void read_caches(Host& host) {
  namespace fs = std::filesystem;
  for (int i = 0; i < 16; ++i) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i);
    std::error_code ignored;
    if (!fs::exists(folder, ignored)) break;
    Host::Cache cache;
    cache.level = static_cast<int>(number(contents(folder + "/level")));
    cache.type = trimmed(contents(folder + "/type"));
    cache.bytes = cache_size(contents(folder + "/size"));
    cache.shared_by = std::max(1, cpus_in(contents(folder + "/shared_cpu_list")));
    host.caches.push_back(std::move(cache));
  }
}

}  // namespace

void read_cpuinfo(std::string_view text, Host& host) {
  std::set<std::string, std::less<>> flags;
  std::set<std::pair<uint64_t, uint64_t>> cores;
  std::set<uint64_t> sockets;
  uint64_t socket = 0;
  std::set<std::string, std::less<>> named;
  each_line(text, [&](std::string_view key, std::string_view value) {
    if (key == "model name" && host.cpu.empty()) host.cpu = value;
    if (std::ranges::find(kVersion, key) != kVersion.end() && named.emplace(key).second)
      host.cpu_version += (host.cpu_version.empty() ? "" : " ") + std::string(value);
    if (key == "physical id") sockets.insert(socket = number(value));
    if (key == "core id") cores.insert({socket, number(value)});
    if ((key == "flags" || key == "Features") && flags.empty()) {
      std::istringstream words{std::string(value)};
      for (std::string word; words >> word;) flags.insert(word);
    }
  });
  for (std::string_view feature : kFeatures)
    if (flags.contains(feature)) host.features.emplace_back(feature);
  if (!cores.empty()) host.cores = static_cast<int>(cores.size());
  if (!sockets.empty()) host.sockets = static_cast<int>(sockets.size());
}

void read_meminfo(std::string_view text, Host& host) {
  each_line(text, [&](std::string_view key, std::string_view value) {
    if (key == "MemTotal") host.memory_bytes = number(value) << 10;
    if (key == "MemAvailable") host.available_bytes = number(value) << 10;
  });
}

std::string cpu_fingerprint(const Host& host) {
  std::string text = host.cpu_version.empty() ? host.cpu : host.cpu_version;
  text += ';';
  for (const std::string& feature : host.features) text += " " + feature;
  text += ';';
  for (const Host::Cache& cache : host.caches)
    text += " L" + std::to_string(cache.level) + " " + cache.type + " " +
            std::to_string(cache.bytes >> 10) + "K";
  return text;
}

std::string cpu_fingerprint() {
  constexpr size_t kOneCpu = 8192;  // longer than what is said of one, also where there are many
  Host host;
  read_cpuinfo(beginning("/proc/cpuinfo", kOneCpu), host);
  read_caches(host);
  return cpu_fingerprint(host);
}

std::span<const std::string_view> known_cpu_features() { return kFeatures; }

Host detect_host() {
  Host host;
  utsname system{};
  if (uname(&system) == 0) {
    host.architecture = system.machine;
    host.kernel = std::string(system.sysname) + " " + system.release;
  }
  host.logical_cpus = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  host.cores = host.logical_cpus;
  cpu_set_t set;
  host.usable_cpus =
      sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : host.logical_cpus;
  read_cpuinfo(contents("/proc/cpuinfo"), host);
  read_meminfo(contents("/proc/meminfo"), host);
  read_caches(host);
  return host;
}

}  // namespace hone
