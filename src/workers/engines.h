// What can run whole models: hone itself, and frameworks in processes of their own.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "workers/worker.h"

namespace hone::workers {

struct Engine {
  std::string_view name;     // "onnxruntime"
  std::string_view doc;      // one line
  std::string_view module;   // of Python that it needs; "" for hone itself
  std::string_view install;  // the packages of pip that bring it
  bool compiled = false;     // is given the compiled artefact of a model
};

// As listed in engines.def, hone first.
std::span<const Engine> all_engines();
// Fails with `usage` and the closest name.
Result<const Engine*> engine_named(std::string_view name);

// How its worker is started: this program again, or the interpreter `python` with the script below.
Launch launch_of(const Engine& engine, const std::string& python);

// The worker for engines that are Python modules. It needs Python alone and imports the module it
// is asked for.
extern const std::string_view kPythonWorker;

}  // namespace hone::workers
