// `hone backends` and `hone shapes`: what executes models, and models by name.
#include <fmt/format.h>

#include "api/shapes.h"
#include "backends/backends.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

Result<int> run_backends(const Arguments& arguments) {
  if (arguments.json) {
    put_json([](JsonWriter& json) {
      json.begin_object();
      json.key("backends");
      json.begin_array();
      for (const Backend* b : all_backends()) {
        json.begin_object();
        json.member("name", b->name());
        json.member("available", true);
        json.member("doc", b->doc());
        json.end_object();
      }
      json.end_array();
      json.end_object();
    });
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"backend", "available", ""}};
  for (const Backend* b : all_backends())
    rows.push_back({std::string(b->name()), "yes", std::string(b->doc())});
  put(table(rows, {}, ""));
  return 0;
}

Result<int> run_shapes(const Arguments& arguments) {
  if (arguments.json) {
    put_json([](JsonWriter& json) {
      json.begin_object();
      json.key("shapes");
      json.begin_array();
      for (const ModelShape& s : all_shapes()) {
        json.begin_object();
        json.member("name", s.name);
        json.member("decoder", s.decoder);
        json.member("parameters", s.parameters());
        json.member("layers", s.layers);
        json.member("width", s.width);
        json.member("vocabulary", s.vocabulary);
        json.member("context", s.context);
        json.member("doc", s.doc);
        json.end_object();
      }
      json.end_array();
      json.end_object();
    });
    return 0;
  }
  std::vector<std::vector<std::string>> rows{
      {"shape", "decoder", "parameters", "layers", "width", "vocabulary", ""}};
  for (const ModelShape& s : all_shapes())
    rows.push_back({std::string(s.name), std::string(s.decoder),
                    human_count(double(s.parameters())), std::to_string(s.layers),
                    std::to_string(s.width), std::to_string(s.vocabulary), std::string(s.doc)});
  put(table(rows, {2, 3, 4, 5}, ""));
  return 0;
}

}  // namespace

const Command& shapes_command() {
  static const Command command{
      .name = "shapes",
      .summary = "List the shapes of published models that can be measured by name.",
      .examples =
          "$ hone shapes\n$ hone generate llama3-1b -p Hello -n 32 --timing\n"
          "$ hone benchmark smollm-135m:q8_0 --decode 64",
      .details =
          "Such a name stands for a model file wherever there is no file of that name. Weights "
          "are\n"
          "synthetic, in q4_0 or in the format behind a colon: nobody has trained them, and what "
          "the\n"
          "model says means nothing. Texts go in as bytes.",
      .run = run_shapes,
  };
  return command;
}

const Command& backends_command() {
  static const Command command{
      .name = "backends",
      .summary = "List what can execute models.",
      .examples = "$ hone backends\n$ hone backends --json",
      .run = run_backends,
  };
  return command;
}

}  // namespace hone::cli
