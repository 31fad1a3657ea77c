#include "workers/engines.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace hone::workers {
namespace {

constexpr std::array kEngines{
#define ENGINE(name, doc, module, install, compiled) Engine{#name, doc, module, install, compiled},
#include "workers/engines.def"
#undef ENGINE
};

}  // namespace

std::span<const Engine> all_engines() { return kEngines; }

Result<const Engine*> engine_named(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Engine& engine : kEngines) {
    if (engine.name == name) return &engine;
    names.push_back(engine.name);
  }
  Error error = fail(ErrorId::usage, "there is no engine '" + printable(name) + "'");
  const auto near = closest(name, names.data(), names.size());
  error.hint = near ? "did you mean " + std::string(*near) + "?" : "`hone engines` lists them";
  return error;
}

Launch launch_of(const Engine& engine, const std::string& python) {
  if (engine.module.empty()) return {{"/proc/self/exe", "worker"}, {}};
  return {{python, "-c", std::string(kPythonWorker), std::string(engine.module)}, {}};
}

}  // namespace hone::workers
