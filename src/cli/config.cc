// `hone config`: the settings, where each comes from, and files to start from.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

std::string value_of(const Config& config, const SettingInfo& info) {
  switch (info.type) {
    case SettingType::text: return quote(config.text(info.key));
    case SettingType::integer: return std::to_string(config.integer(info.key));
    case SettingType::boolean: return config.boolean(info.key) ? "true" : "false";
    case SettingType::bytes: return std::to_string(config.bytes(info.key));
    case SettingType::number: return exact(config.number(info.key));
  }
  return "";
}

// A file that gives these settings back: sections in the order of the table.
std::string exported(const Config& config) {
  std::string plain, sections, section;
  for (const SettingInfo& info : all_settings()) {
    const size_t dot = info.key.find('.');
    const std::string value = value_of(config, info);
    if (dot == std::string_view::npos) {
      plain += fmt::format("{}: {}\n", info.key, value);
      continue;
    }
    if (info.key.substr(0, dot) != section) {
      section = info.key.substr(0, dot);
      sections += section + ":\n";
    }
    sections += fmt::format("  {}: {}\n", info.key.substr(dot + 1), value);
  }
  return plain + sections;
}

// The same as JSON, which is a settings file too.
void export_json(JsonWriter& json, const Config& config) {
  std::string section;
  json.begin_object();
  for (const bool dotted : {false, true}) {
    for (const SettingInfo& info : all_settings()) {
      const size_t dot = info.key.find('.');
      if ((dot != std::string_view::npos) != dotted) continue;
      if (dotted && info.key.substr(0, dot) != section) {
        if (!section.empty()) json.end_object();
        section = info.key.substr(0, dot);
        json.key(section);
        json.begin_object();
      }
      json.key(dotted ? info.key.substr(dot + 1) : info.key);
      if (info.type == SettingType::text)
        json.value(config.text(info.key));
      else
        json.raw(value_of(config, info));
    }
  }
  if (!section.empty()) json.end_object();
  json.end_object();
}

void template_json(JsonWriter& json) {
  json.begin_object();
  json.key("settings");
  json.begin_array();
  for (const SettingInfo& info : all_settings()) {
    json.begin_object();
    json.member("key", info.key);
    json.member("default", info.initial);
    json.member("doc", info.doc);
    json.member("choices", info.choices);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

Result<int> run(const Arguments& arguments) {
  const std::string& action = arguments.positional(0);
  if (action == "show") {
    if (arguments.json)
      put_json([&](JsonWriter& json) { arguments.config.write_json(json); });
    else
      put(arguments.config.show());
  } else if (action == "export") {
    if (arguments.json)
      put_json([&](JsonWriter& json) { export_json(json, arguments.config); });
    else
      put(exported(arguments.config));
  } else if (action == "template") {
    if (arguments.json)
      put_json(template_json);
    else
      put(Config::file_template());
  } else {
    constexpr std::string_view kActions[] = {"show", "export", "template"};
    Error error = fail(ErrorId::usage, "`hone config` does not know '" + printable(action) + "'");
    const auto near = closest(action, kActions, std::size(kActions));
    error.hint = near ? "did you mean `hone config " + std::string(*near) + "`?"
                      : "it takes show, export or template";
    return error;
  }
  return 0;
}

}  // namespace

const Command& config_command() {
  static const Command command{
      .name = "config",
      .summary = "Show the settings and where they come from, or make a file of them.",
      .examples =
          "$ hone config show\n"
          "$ hone config show --json\n"
          "$ hone config template > hone.yaml\n"
          "$ hone config export > hone.yaml",
      .details =
          "Later ones win: defaults, hone.yaml or hone.json in the working directory (or "
          "--config,\nHONE_CONFIG), HONE_* in the environment, flags. A file beside a model "
          "may only set\nwhat is harmless and never raise a limit.",
      .positionals = {{"ACTION", "show, export (as a settings file) or template (all commented)"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
