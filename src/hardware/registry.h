// The devices that hone knows by name: those of data/hardware, which are part of the program, and
// those of the user's folder.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hardware/device.h"

namespace hone {

// A file of data/hardware, as it was when hone was built.
struct BuiltInDevice {
  std::string_view id, device_class;  // the names of the file and of its folder
  std::string_view aliases;           // "loihi1, loihi"
  std::string_view text;
  std::string file() const;  // "data/hardware/CLASS/ID.yaml"
};
std::span<const BuiltInDevice> built_in_devices();

// $XDG_DATA_HOME/hone/hardware, by default ~/.local/share/hone/hardware; empty without a home.
std::string user_device_folder();

// Reads a file when its device is asked for, and not before. A file of the user's folder stands in
// for the one of the same id that is built in.
class DeviceRegistry {
 public:
  explicit DeviceRegistry(std::string user_folder = user_device_folder());

  // By id, alias or path (with `/`, or ending in .yaml or .yml); `host` is this machine. Case and
  // the difference between - and _ do not matter in names. Fails with `unknown_device` and the
  // nearest name, or with why the file cannot be read.
  Result<Device> find(std::string_view name) const;

  struct Listing {
    std::vector<Device> devices;  // by class and id, without `host`
    std::vector<Error> refused;   // files of the user's folder that cannot be read
  };
  Listing all() const;

  const std::string& user_folder() const { return user_folder_; }
  // The YAML files of the user's folder, sorted.
  const std::vector<std::string>& user_files() const { return user_files_; }

 private:
  std::string user_folder_;
  std::vector<std::string> user_files_;
};

}  // namespace hone
