// Tests of the registry: what is built in, names, and the user's folder.
#include "hardware/registry.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/scratch_folder.h"
#include "hardware/device_check.h"
#include "hardware/device_file.h"

namespace hone {
namespace {

std::string file_of(const std::string& id, const std::string& more = "") {
  return "schema: 1\nid: " + id + "\nname: Mine\nvendor: me\nclass: npu\n" + more +
         "fields:\n  tdp: {value: 2, unit: W, kind: estimated, note: a guess}\n";
}

TEST(Registry, EveryBuiltInDeviceIsSound) {
  EXPECT_GE(built_in_devices().size(), 49u);
  std::set<std::string> names;
  for (const BuiltInDevice& built_in : built_in_devices()) {
    const auto device = parse_device(built_in.text, built_in.file());
    ASSERT_TRUE(device.ok()) << device.error().message;
    EXPECT_EQ(device->id, built_in.id);
    EXPECT_EQ(info(device->device_class).name, built_in.device_class) << built_in.file();
    std::string aliases;
    for (const std::string& alias : device->aliases)
      aliases += (aliases.empty() ? "" : ", ") + alias;
    EXPECT_EQ(aliases, built_in.aliases) << "the list stands on one line: aliases: [a, b]";
    EXPECT_TRUE(names.insert(device->id).second) << device->id;
    for (const std::string& alias : device->aliases) EXPECT_TRUE(names.insert(alias).second);
    for (const Finding& finding : check_device(*device))
      ADD_FAILURE() << finding.file << ":" << finding.line << ": " << finding.field << ": "
                    << finding.message;
  }
}

TEST(Registry, RecalledFiguresAreNotVerified) {
  const DeviceRegistry registry("");
  const auto xeon = registry.find("intel_xeon_platinum_8380");
  ASSERT_TRUE(xeon.ok());
  EXPECT_EQ(count_figures(*xeon).verified, 0);
  const auto loihi = registry.find("loihi1");
  ASSERT_TRUE(loihi.ok());
  const auto& energy = (*loihi)[FieldId::energy_per_synaptic_operation];
  ASSERT_TRUE(energy.has_value());
  EXPECT_DOUBLE_EQ(energy->value, 23.6e-12);
  EXPECT_FALSE(energy->verified);
  EXPECT_TRUE((*loihi)[FieldId::neurons_per_core]->verified);
}

TEST(Registry, NamesAliasesAndTheHost) {
  const DeviceRegistry registry("");
  for (const char* name : {"raspberry_pi_5", "rpi5", "RPI5", "Raspberry-Pi 5"}) {
    const auto device = registry.find(name);
    ASSERT_TRUE(device.ok()) << name;
    EXPECT_EQ(device->id, "raspberry_pi_5");
  }
  EXPECT_EQ(registry.find("loihi2")->id, "intel_loihi_2");
  const auto host = registry.find("host");
  ASSERT_TRUE(host.ok());
  EXPECT_EQ(host->id, "host");
  EXPECT_GT(host->value(FieldId::memory_capacity).value_or(0), 0);
  EXPECT_EQ((*host)[FieldId::memory_capacity]->kind, Quantity::Kind::detected);
}

TEST(Registry, UnknownNames) {
  const DeviceRegistry registry("");
  const auto hint = [&](std::string_view name) {
    const auto device = registry.find(name);
    EXPECT_FALSE(device.ok());
    EXPECT_EQ(device.error().id, ErrorId::unknown_device);
    return device.error().hint;
  };
  EXPECT_EQ(hint("raspbery_pi_5"), "did you mean raspberry_pi_5? `hone devices` lists all");
  EXPECT_EQ(hint("platinum-8380"),
            "did you mean intel_xeon_platinum_8380? `hone devices` lists all");
  EXPECT_EQ(hint("abacus"), "");
  EXPECT_FALSE(registry.find("").ok());
  EXPECT_FALSE(registry.find("\x1b[31m").ok());
}

TEST(Registry, FilesOfTheUser) {
  const ScratchFolder folder;
  folder.write("scratch_npu.yaml", file_of("scratch_npu", "aliases: [scratch_alias]\n"));
  std::filesystem::create_directory(folder / "cpu");
  folder.write("cpu/raspberry_pi_5.yaml", file_of("raspberry_pi_5"));
  folder.write("other_name.yml", file_of("third"));
  folder.write("broken.yaml", "schema: 2\n");
  folder.write("README.txt", "not a device");
  const DeviceRegistry registry(folder.path());
  EXPECT_EQ(registry.user_files().size(), 4u);
  EXPECT_EQ(registry.find("scratch_npu")->file, folder / "scratch_npu.yaml");
  EXPECT_EQ(registry.find("scratch_alias")->id, "scratch_npu");
  EXPECT_EQ(registry.find("third")->id, "third");
  EXPECT_EQ(registry.find("raspberry_pi_5")->name, "Mine");
  EXPECT_EQ(registry.find("rpi5")->name, "Mine") << "the alias leads to what stands in";
  EXPECT_EQ(registry.find("broken").error().id, ErrorId::bad_device);
  EXPECT_EQ(registry.find("scratch_npuu").error().hint,
            "did you mean scratch_npu? `hone devices` lists all");
  const auto listing = registry.all();
  EXPECT_EQ(listing.devices.size(), built_in_devices().size() + 2);
  ASSERT_EQ(listing.refused.size(), 1u);
  EXPECT_EQ(listing.refused[0].message.substr(0, (folder / "broken.yaml").size()),
            folder / "broken.yaml");
}

TEST(Registry, AFileByItsPath) {
  const ScratchFolder folder;
  const std::string path = folder.write("x.yaml", file_of("scratch_npu"));
  const DeviceRegistry registry("");
  EXPECT_EQ(registry.find(path)->id, "scratch_npu");
  EXPECT_EQ(registry.find("none.yaml").error().id, ErrorId::not_found);
  EXPECT_EQ(registry.find("./none").error().id, ErrorId::not_found);
}

TEST(Registry, FoldersThatAreNotThere) {
  EXPECT_TRUE(DeviceRegistry("/no/such/folder").user_files().empty());
  EXPECT_EQ(DeviceRegistry("").all().devices.size(), built_in_devices().size());
}

}  // namespace
}  // namespace hone
