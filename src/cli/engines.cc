// `hone engines`: what runs whole models, and whether it is there.
#include "workers/engines.h"

#include "cli/commands.h"
#include "cli/output.h"
#include "workers/shared_memory.h"

namespace hone::cli {
namespace {

struct Found {
  const workers::Engine* engine;
  std::string version;  // "" where it is not there
  std::string reason;   // why not
};

std::string install_line(const std::string& python, const workers::Engine& engine) {
  return python + " -m pip install " + std::string(engine.install);
}

Result<std::string> version_of(const workers::Engine& engine, const std::string& python) {
  const auto memory = TRY(workers::SharedMemory::make(64));
  const auto worker = TRY(workers::Worker::start(workers::launch_of(engine, python), memory));
  constexpr workers::Worker::Seconds kPatience(60);
  const JsonDocument hello = TRY(worker->call("hello", kPatience));
  return std::string(TRY(TRY(hello.root().get("version")).as_string()));
}

Result<int> run(const Arguments& arguments) {
  const std::string python = arguments.config.text("engines.python");
  std::vector<Found> all;
  for (const workers::Engine& engine : workers::all_engines()) {
    auto version = version_of(engine, python);
    all.push_back({&engine, version ? *version : "", version ? "" : version.error().message});
  }
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.key("engines");
      json.begin_array();
      for (const Found& found : all) {
        json.begin_object();
        json.member("name", found.engine->name);
        json.member("available", found.reason.empty());
        json.member("version", found.version);
        json.member("doc", found.engine->doc);
        if (!found.reason.empty()) {
          json.member("reason", found.reason);
          json.member("install", install_line(python, *found.engine));
        }
        json.end_object();
      }
      json.end_array();
      json.end_object();
    });
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"engine", "version", ""}};
  for (const Found& found : all) {
    const bool there = found.reason.empty();
    rows.push_back({std::string(found.engine->name), there ? found.version : "missing",
                    there ? std::string(found.engine->doc)
                          : "to install: " + install_line(python, *found.engine)});
  }
  put(table(rows, {}, ""));
  return 0;
}

}  // namespace

const Command& engines_command() {
  static const Command command{
      .name = "engines",
      .summary = "What can run whole models, and how to install what is missing.",
      .examples =
          "$ hone engines\n"
          "$ HONE_ENGINES_PYTHON=~/engines/bin/python3 hone engines",
      .details =
          "Engines are measured by `hone benchmark`, each in a process of its own. Those that are "
          "Python\nmodules run in the Python that the setting engines.python names.",
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
