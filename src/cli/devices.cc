// `hone devices`: the hardware that hone knows, its figures with their evidence, and checks of
// them.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "hardware/device_check.h"
#include "hardware/device_file.h"
#include "hardware/host.h"
#include "hardware/host_device.h"
#include "hardware/registry.h"

namespace hone::cli {
namespace {

void write_strings(JsonWriter& json, std::string_view key, std::span<const std::string> values) {
  json.key(key);
  json.begin_array();
  for (const std::string& value : values) json.value(value);
  json.end_array();
}

void write_fields(JsonWriter& json, const Device& device) {
  json.key("fields");
  json.begin_object();
  for (const FieldInfo& field : all_fields()) {
    const auto& q = device[field.id];
    if (!q) continue;
    json.key(field.name);
    json.begin_object();
    json.member("value", q->value);
    json.member("unit", info(field.dimension).base);
    if (q->basis != Quantity::Basis::none) json.member("basis", name(q->basis));
    json.member("kind", name(q->kind));
    json.member("verified", q->verified);
    if (!q->formula.empty()) json.member("formula", q->formula);
    if (!q->source.empty()) json.member("source", q->source);
    if (!q->note.empty()) json.member("note", q->note);
    json.end_object();
  }
  json.end_object();
}

void write_json(JsonWriter& json, const Device& device) {
  json.begin_object();
  json.member("id", device.id);
  json.member("available", false);
  json.member("name", device.name);
  json.member("vendor", device.vendor);
  json.member("class", info(device.device_class).name);
  write_strings(json, "aliases", device.aliases);
  json.member("architecture", device.architecture);
  json.member("process", device.process);
  json.key("cores");
  device.cores > 0 ? json.value(device.cores) : json.null();
  json.key("threads");
  device.threads > 0 ? json.value(device.threads) : json.null();
  write_strings(json, "isa", device.isa);
  json.member("memory", device.memory);
  json.member("notes", device.notes);
  json.member("file", device.file);
  write_fields(json, device);
  json.end_object();
}

void write_json(JsonWriter& json, const Host& host) {
  json.begin_object();
  json.member("id", "host");
  json.member("available", true);
  json.member("class", info(DeviceClass::cpu).name);
  json.member("architecture", host.architecture);
  json.member("cpu", host.cpu);
  json.member("sockets", host.sockets);
  json.member("cores", host.cores);
  json.member("logical_cpus", host.logical_cpus);
  json.member("usable_cpus", host.usable_cpus);
  write_strings(json, "features", host.features);
  json.key("caches");
  json.begin_array();
  for (const Host::Cache& cache : host.caches) {
    json.begin_object();
    json.member("level", cache.level);
    json.member("type", cache.type);
    json.member("bytes", cache.bytes);
    json.member("shared_by", cache.shared_by);
    json.end_object();
  }
  json.end_array();
  json.member("memory_bytes", host.memory_bytes);
  json.member("available_bytes", host.available_bytes);
  json.member("kernel", host.kernel);
  write_fields(json, device_of(host));
  json.end_object();
}

std::string text_of(const Host& host) {
  std::string caches;
  for (const Host::Cache& cache : host.caches)
    caches += fmt::format("{}L{} {} {}", caches.empty() ? "" : ", ", cache.level,
                          cache.type == "Unified" ? ""
                          : cache.type == "Data"  ? "data"
                                                  : "code",
                          human_bytes(cache.bytes));
  std::vector<std::vector<std::string>> rows{
      {"cpu", fmt::format("{} ({})", host.cpu.empty() ? "unknown" : printable(host.cpu),
                          host.architecture)},
      {"cores", fmt::format("{} in {} sockets, {} logical CPUs, {} usable", host.cores,
                            host.sockets, host.logical_cpus, host.usable_cpus)},
      {"features", fmt::format("{}", fmt::join(host.features, " "))},
      {"caches", caches},
      {"memory", fmt::format("{}, {} available", human_bytes(host.memory_bytes),
                             human_bytes(host.available_bytes))},
      {"system", printable(host.kernel)}};
  return "host\n" + table(rows);
}

std::string fields_text(const Device& device, const Style& s) {
  std::vector<std::vector<std::string>> rows;
  for (const FieldInfo& field : all_fields()) {
    const auto& q = device[field.id];
    if (!q) continue;
    std::string evidence;
    for (const std::string& part :
         {q->formula.empty() ? "" : "= " + q->formula, q->source, q->note})
      if (!part.empty()) evidence += (evidence.empty() ? "" : "; ") + part;
    rows.push_back({std::string(field.name), human_quantity(q->value, field.dimension),
                    std::string(name(q->basis)), std::string(name(q->kind)),
                    q->verified ? "verified" : "",
                    fmt::format("{}{}{}", s.dim, evidence, s.reset)});
  }
  return table(rows, {1});
}

std::string text_of(const Device& device, const Style& s) {
  std::string text = fmt::format("{}{}{}\n", s.bold, device.id, s.reset);
  std::vector<std::vector<std::string>> rows;
  const auto row = [&](std::string_view key, std::string value) {
    if (!value.empty()) rows.push_back({std::string(key), std::move(value)});
  };
  row("name", device.name);
  row("vendor", device.vendor);
  row("class", std::string(info(device.device_class).name));
  row("aliases", fmt::format("{}", fmt::join(device.aliases, " ")));
  row("architecture", device.architecture);
  row("process", device.process);
  if (device.cores > 0)
    row("cores", fmt::format("{}{}", device.cores,
                             device.threads > 0 ? fmt::format(", {} threads", device.threads)
                                                : std::string()));
  row("isa", fmt::format("{}", fmt::join(device.isa, " ")));
  row("memory", device.memory);
  row("notes", device.notes);
  row("file", printable(device.file));
  const FigureCount count = count_figures(device);
  return text + table(rows) +
         fmt::format("figures, {} of {} verified\n", count.verified, count.all) +
         fields_text(device, s);
}

// Wide precisions of a device, dense, with the letter of the prefix.
std::string peak_text(const Device& device, std::initializer_list<FieldId> fields) {
  double most = 0;
  for (const FieldId field : fields) most = std::max(most, device.dense(field).value_or(0));
  return most > 0 ? human_count(most) : "-";
}

std::string listing_text(std::span<const Device> devices) {
  std::vector<std::vector<std::string>> rows{{"device", "class", "fp32 FLOP/s", "16-bit FLOP/s",
                                              "int8 OP/s", "bandwidth", "memory", "verified"}};
  const auto figure = [](const Device& device, FieldId field) {
    const auto value = device.value(field);
    return value ? human_quantity(*value, info(field).dimension) : "-";
  };
  for (const Device& device : devices) {
    const FigureCount count = count_figures(device);
    rows.push_back({device.id, std::string(info(device.device_class).name),
                    peak_text(device, {FieldId::peak_fp32}),
                    peak_text(device, {FieldId::peak_fp16, FieldId::peak_bf16}),
                    peak_text(device, {FieldId::peak_int8}),
                    figure(device, FieldId::memory_bandwidth),
                    figure(device, FieldId::memory_capacity),
                    fmt::format("{}/{}", count.verified, count.all)});
  }
  return table(rows, {2, 3, 4, 5, 6, 7}, "");
}

Result<int> run_list(const Arguments& arguments) {
  DeviceRegistry::Listing listing = DeviceRegistry().all();
  bool with_host = true;
  if (const auto wanted = device_class_named(arguments.text("--class"))) {
    std::erase_if(listing.devices, [&](const Device& d) { return d.device_class != *wanted; });
    with_host = *wanted == DeviceClass::cpu;
  }
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.key("devices");
      json.begin_array();
      if (with_host) write_json(json, detect_host());
      for (const Device& device : listing.devices) write_json(json, device);
      json.end_array();
      json.key("refused");
      json.begin_array();
      for (const Error& error : listing.refused) write_error(json, error);
      json.end_array();
      json.end_object();
    });
    return 0;
  }
  if (with_host) put(text_of(detect_host()) + "\n");
  put(listing_text(listing.devices));
  if (!listing.refused.empty())
    note(arguments, fmt::format("files of the user's folder that cannot be read: {}; `hone devices "
                                "--check` says why",
                                listing.refused.size()));
  return 0;
}

Result<int> run_show(const Arguments& arguments) {
  const DeviceRegistry registry;
  std::vector<Device> devices;
  for (const std::string& name : arguments.positionals())
    devices.push_back(TRY(registry.find(name)));
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.key("devices");
      json.begin_array();
      for (const Device& device : devices)
        device.id == "host" ? write_json(json, detect_host()) : write_json(json, device);
      json.end_array();
      json.end_object();
    });
    return 0;
  }
  const Style s = style(arguments.config);
  for (size_t i = 0; i < devices.size(); ++i) {
    if (i > 0) put("\n");
    put(devices[i].id == "host" ? text_of(detect_host()) + fields_text(devices[i], s)
                                : text_of(devices[i], s));
  }
  return 0;
}

// What `--check` has looked at.
struct Checked {
  size_t devices = 0;
  std::vector<Finding> findings;
  std::vector<Error> refused;  // files that cannot be read

  void add(Result<Device> device) {
    if (!device) return refused.push_back(device.take_error());
    ++devices;
    const auto found = check_device(*device);
    findings.insert(findings.end(), found.begin(), found.end());
  }
  size_t count(Finding::Severity severity) const {
    return static_cast<size_t>(
        std::count_if(findings.begin(), findings.end(),
                      [&](const Finding& f) { return f.severity == severity; }));
  }
};

std::string_view name(Finding::Severity severity) {
  return severity == Finding::Severity::error ? "error" : "warning";
}

void write_json(JsonWriter& json, const Checked& checked) {
  json.begin_object();
  json.member("devices", checked.devices);
  json.member("errors", checked.count(Finding::Severity::error));
  json.member("warnings", checked.count(Finding::Severity::warning));
  json.key("findings");
  json.begin_array();
  for (const Finding& f : checked.findings) {
    json.begin_object();
    json.member("severity", name(f.severity));
    json.member("rule", f.rule);
    json.member("file", f.file);
    json.member("line", f.line);
    json.member("field", f.field);
    json.member("message", f.message);
    json.end_object();
  }
  json.end_array();
  json.key("refused");
  json.begin_array();
  for (const Error& error : checked.refused) write_error(json, error);
  json.end_array();
  json.end_object();
}

Result<int> run_check(const Arguments& arguments) {
  const DeviceRegistry registry;
  Checked checked;
  for (const std::string& given : arguments.positionals()) checked.add(registry.find(given));
  if (arguments.positionals().empty()) {
    for (const BuiltInDevice& built_in : built_in_devices())
      checked.add(parse_device(built_in.text, built_in.file()));
    for (const std::string& file : registry.user_files()) checked.add(read_device(file));
  }
  // One file that cannot be read is all there is to say.
  if (arguments.positionals().size() == 1 && !checked.refused.empty())
    return std::move(checked.refused[0]);
  const size_t errors = checked.count(Finding::Severity::error);
  if (arguments.json) {
    put_json([&](JsonWriter& json) { write_json(json, checked); });
  } else {
    const Style s = style(arguments.config);
    for (const Finding& f : checked.findings)
      put(fmt::format("{}{}{}: {}:{}: {}: {} [{}]\n",
                      f.severity == Finding::Severity::error ? s.red : s.yellow, name(f.severity),
                      s.reset, printable(f.file), f.line, f.field, f.message, f.rule));
    put(fmt::format("devices checked: {}; errors: {}; warnings: {}\n", checked.devices, errors,
                    checked.count(Finding::Severity::warning)));
    for (const Error& error : checked.refused)
      print_error(error, false, style(arguments.config, 2));
  }
  if (!checked.refused.empty()) return exit_code(info(checked.refused[0].id).blame);
  return errors > 0 ? exit_code(Blame::check) : 0;
}

Result<int> run(const Arguments& arguments) {
  const bool named = !arguments.positionals().empty();
  if (arguments.has("--class") && (named || arguments.on("--check")))
    return fail(ErrorId::usage, "--class goes with the list of all devices only");
  if (arguments.on("--check")) return run_check(arguments);
  return named ? run_show(arguments) : run_list(arguments);
}

std::string class_choices() {
  std::string choices;
  for (const DeviceClassInfo& c : all_device_classes())
    choices += (choices.empty() ? "" : "|") + std::string(c.name);
  return choices;
}

}  // namespace

const Command& devices_command() {
  static const std::string classes = class_choices();
  static const Command command{
      .name = "devices",
      .summary = "List the hardware that hone knows; `host` is this machine.",
      .examples =
          "$ hone devices\n"
          "$ hone devices --class gpu\n"
          "$ hone devices rpi5 nvidia_h100_sxm5_80gb\n"
          "$ hone devices --check\n"
          "$ hone devices --check my_board.yaml",
      .details =
          "A device is a file: those of hone are built in, yours lie in\n"
          "$XDG_DATA_HOME/hone/hardware (~/.local/share/hone/hardware), or are named by path.\n"
          "--check tries figures against each other: exit 1 where they cannot be right, 3 where a\n"
          "file does not follow the schema (docs/hardware.md).",
      .positionals = {{"DEVICE", "an id, an alias or a file: shows all figures of it", 0, kAny}},
      .flags = {{"--class", Flag::Kind::text, "CLASS", "only devices of this class", {}, classes},
                {"--check", Flag::Kind::on_off, "",
                 "whether the figures are plausible: of all devices, or of those named"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
