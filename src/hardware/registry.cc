#include "hardware/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/check.h"
#include "base/text.h"
#include "base/user_folder.h"
#include "hardware/device_file.h"
#include "hardware/host_device.h"

namespace hone {
namespace {

constexpr size_t kMostUserFiles = 10'000;
constexpr int kDeepestFolder = 4;

std::string normal(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-' || c == ' ') c = '_';
  }
  return out;
}

std::vector<std::string_view> words_in(std::string_view list) {
  std::vector<std::string_view> words;
  while (!list.empty()) {
    const size_t end = std::min(list.find_first_of(", "), list.size());
    if (end > 0) words.push_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return words;
}

bool is_path(std::string_view name) {
  return name.find('/') != std::string_view::npos || name.ends_with(".yaml") ||
         name.ends_with(".yml");
}

std::string stem(const std::string& path) { return std::filesystem::path(path).stem().string(); }

// A folder that is not there, or may not be read, has none.
std::vector<std::string> yaml_files(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code failure;
  if (folder.empty()) return files;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied,
                                      failure);
  for (; !failure && it != fs::recursive_directory_iterator(); it.increment(failure)) {
    if (files.size() == kMostUserFiles) break;
    if (it.depth() >= kDeepestFolder) it.disable_recursion_pending();
    const fs::path ending = it->path().extension();
    std::error_code ignored;
    if ((ending == ".yaml" || ending == ".yml") && it->is_regular_file(ignored))
      files.push_back(it->path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Their tests parse all of them.
Device parse(const BuiltInDevice& built_in) {
  auto device = parse_device(built_in.text, built_in.file());
  CHECK(device.ok());
  return device.take();
}

Error unknown(std::string_view name, std::span<const std::string> user_names) {
  std::vector<std::string_view> known{"host"};
  for (const BuiltInDevice& d : built_in_devices()) {
    known.push_back(d.id);
    for (const std::string_view alias : words_in(d.aliases)) known.push_back(alias);
  }
  known.insert(known.end(), user_names.begin(), user_names.end());
  Error error =
      fail(ErrorId::unknown_device, fmt::format("there is no device {}", printable(name)));
  const std::string wanted = normal(name);
  auto near = closest(wanted, known.data(), known.size());
  // People leave out the vendor: "rtx_4090", "platinum_8380".
  if (!near && wanted.size() >= 3) {
    const auto it = std::find_if(known.begin(), known.end(), [&](std::string_view candidate) {
      return candidate.find(wanted) != std::string_view::npos;
    });
    if (it != known.end()) near = *it;
  }
  if (near) error.hint = fmt::format("did you mean {}? `hone devices` lists all", *near);
  return error;
}

}  // namespace

std::string BuiltInDevice::file() const {
  return fmt::format("data/hardware/{}/{}.yaml", device_class, id);
}

std::string user_device_folder() { return user_data_folder("hardware"); }

DeviceRegistry::DeviceRegistry(std::string user_folder)
    : user_folder_(std::move(user_folder)), user_files_(yaml_files(user_folder_)) {}

Result<Device> DeviceRegistry::find(std::string_view name) const {
  if (is_path(name)) return read_device(std::string(name));
  const std::string wanted = normal(name);
  if (wanted == "host") return device_of(detect_host());
  for (const std::string& file : user_files_)
    if (stem(file) == wanted) return read_device(file);
  for (const BuiltInDevice& built_in : built_in_devices())
    if (built_in.id == wanted) return parse(built_in);
  for (const BuiltInDevice& built_in : built_in_devices()) {
    const auto aliases = words_in(built_in.aliases);
    if (std::find(aliases.begin(), aliases.end(), wanted) != aliases.end())
      return find(built_in.id);
  }
  // The user's files may have aliases too, and ids that are not their names.
  std::vector<std::string> user_names;
  for (const std::string& file : user_files_) {
    auto device = read_device(file);
    if (!device) continue;
    user_names.push_back(device->id);
    user_names.insert(user_names.end(), device->aliases.begin(), device->aliases.end());
    if (std::find(device->aliases.begin(), device->aliases.end(), wanted) !=
            device->aliases.end() ||
        device->id == wanted)
      return device;
  }
  return unknown(name, user_names);
}

DeviceRegistry::Listing DeviceRegistry::all() const {
  Listing listing;
  std::set<std::string, std::less<>> seen;
  for (const std::string& file : user_files_) {
    auto device = read_device(file);
    if (!device)
      listing.refused.push_back(device.take_error());
    else if (seen.insert(device->id).second)
      listing.devices.push_back(device.take());
  }
  for (const BuiltInDevice& built_in : built_in_devices())
    if (!seen.contains(built_in.id)) listing.devices.push_back(parse(built_in));
  std::sort(listing.devices.begin(), listing.devices.end(), [](const Device& a, const Device& b) {
    return std::pair(a.device_class, std::string_view(a.id)) <
           std::pair(b.device_class, std::string_view(b.id));
  });
  return listing;
}

}  // namespace hone
