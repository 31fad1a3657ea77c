// From the words of the command line to an exit code: configuration, the command, errors.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>

#include "backends/backends.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/bus_error.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

namespace fs = std::filesystem;

// The settings file of a folder; "" when there is none.
std::string settings_in(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : {"hone.yaml", "hone.json"})
    if (fs::exists(folder / name, ignored)) return (folder / name).string();
  return "";
}

// Folders of the models that the command is given.
std::vector<fs::path> model_folders(const Command& command, const Arguments& arguments) {
  std::vector<fs::path> folders;
  if (command.positionals.empty() || !command.positionals[0].is_model) return folders;
  for (const std::string& path : arguments.positionals()) {
    std::error_code error;
    fs::path folder = fs::canonical(path, error);
    if (error) continue;
    if (!fs::is_directory(folder, error)) folder = folder.parent_path();
    if (std::find(folders.begin(), folders.end(), folder) == folders.end())
      folders.push_back(folder);
  }
  return folders;
}

// What helps with a broken settings file must not need one; a worker is told what it needs.
bool needs_settings(const Command& command, const Arguments& arguments) {
  if (command.name == "config") return arguments.positional(0) != "template";
  return command.name != "help" && command.name != "version" && command.name != "completion" &&
         command.name != "worker";
}

// Later ones win: defaults, files beside models, the user's file, environment, flags. What lies
// beside a model came with it, so it is not trusted even in the working directory.
Status load_config(const Command& command, Arguments& arguments) {
  Config& config = arguments.config;
  std::error_code error;
  const fs::path here = fs::current_path(error);
  bool here_has_model = false;
  const char* named = std::getenv("HONE_CONFIG");
  const std::string chosen = arguments.has("--config") ? arguments.text("--config")
                             : named                   ? named
                                                       : "";
  for (const fs::path& folder : model_folders(command, arguments)) {
    const std::string file = settings_in(folder);
    if (!file.empty() && fs::is_symlink(file, error))
      return fail(ErrorId::outside_folder,
                  "the settings file '" + printable(file) + "' beside the model is a link");
    if (!file.empty() && !(!chosen.empty() && fs::equivalent(file, chosen, error)))
      TRY(config.load_file(file, ConfigTrust::model_folder));
    here_has_model = here_has_model || folder == here;
  }
  if (!chosen.empty()) {
    TRY(config.load_file(chosen, ConfigTrust::user)
            .context(arguments.has("--config") ? "loading the settings that --config names"
                                               : "loading the settings that HONE_CONFIG names"));
  } else if (const std::string file = settings_in(here); !file.empty() && !here_has_model) {
    TRY(config.load_file(file, ConfigTrust::working_folder));
  }
  TRY(config.load_environment(environ));
  if (arguments.has("--threads"))
    TRY(config.set("threads", arguments.text("--threads"), "--threads"));
  if (arguments.has("--log-level"))
    TRY(config.set("log.level", arguments.text("--log-level"), "--log-level"));
  if (arguments.has("--log-format"))
    TRY(config.set("log.format", arguments.text("--log-format"), "--log-format"));
  if (arguments.has("--color")) TRY(config.set("color", arguments.text("--color"), "--color"));
  if (arguments.on("--follow-links")) TRY(config.set("follow_links", "true", "--follow-links"));
  for (const std::string& list : arguments.texts("--limits")) {
    for (size_t begin = 0; begin <= list.size();) {
      const size_t end = std::min(list.find(',', begin), list.size());
      const std::string item = list.substr(begin, end - begin);
      const size_t equal = item.find('=');
      if (equal == std::string::npos)
        return fail(ErrorId::usage, "--limits takes NAME=VALUE, not '" + printable(item) + "'");
      Limits probe;  // names the closest limit when there is none of this name
      TRY(set_limit(probe, item.substr(0, equal), item.substr(equal + 1)));
      TRY(config.set("limits." + item.substr(0, equal), item.substr(equal + 1), "--limits"));
      begin = end + 1;
    }
  }
  // Base knows no backends, so that the table of settings takes any name.
  if (const auto known = backends_for(config.text("backend")); !known) {
    Error error =
        fail(ErrorId::bad_config, config.source("backend") + ": " + known.error().message);
    error.hint = known.error().hint;
    return error;
  }
  arguments.limits = config.limits();
  arguments.threads = static_cast<int>(config.integer("threads"));
  return ok();
}

struct Invocation {
  std::string verb;
  std::vector<std::string> words;
};

// Looked for before anything is parsed, so that every error is told in the form that was asked for.
struct Form {
  bool json = false;  // --json
  LogFormat log = LogFormat::text;
};
Form form_of(int argc, char** argv) {
  Form form;
  const char* variable = std::getenv("HONE_LOG_FORMAT");
  form.log = parse_log_format(variable ? variable : "").value_or(LogFormat::text);
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    std::string_view word = argv[i];
    constexpr std::string_view kFormat = "--log-format";
    if (word == "--json") form.json = true;
    if (!word.starts_with(kFormat)) continue;
    word.remove_prefix(kFormat.size());
    const std::string_view value = word.starts_with('=')          ? word.substr(1)
                                   : word.empty() && i + 1 < argc ? argv[i + 1]
                                                                  : "";
    form.log = parse_log_format(value).value_or(form.log);
  }
  return form;
}

// Common flags may stand before the verb; they are moved behind it.
Result<Invocation> split(int argc, char** argv) {
  Invocation invocation;
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  size_t i = 0;
  for (; i < words.size() && words[i].size() > 1 && words[i][0] == '-'; ++i) {
    if (words[i] == "--version") words[i] = "version";
    if (words[i] == "--help" || words[i] == "-h") words[i] = "help";
    if (words[i][0] != '-') break;
    const Flag* found = nullptr;
    for (const Flag& flag : common_flags())
      if (words[i].substr(0, words[i].find('=')) == flag.long_name()) found = &flag;
    if (!found)
      return fail(ErrorId::usage, "the command comes first, not '" + printable(words[i]) + "'");
    invocation.words.push_back(words[i]);
    if (found->kind != Flag::Kind::on_off && words[i].find('=') == std::string::npos &&
        i + 1 < words.size())
      invocation.words.push_back(words[++i]);
  }
  if (i < words.size()) invocation.verb = words[i++];
  // In front: what stands behind the verb wins.
  invocation.words.insert(invocation.words.end(), words.begin() + std::min(i, words.size()),
                          words.end());
  return invocation;
}

Result<int> dispatch(const Invocation& invocation, Style& colours) {
  const Command* command = TRY(command_named(invocation.verb));
  Arguments arguments = TRY(parse_arguments(*command, invocation.words));
  if (arguments.on("--help")) {
    Arguments about =
        TRY(parse_arguments(*TRY(command_named("help")), {std::string(command->name)}));
    about.json = arguments.on("--json");
    return TRY(command_named("help"))->run(about);
  }
  arguments.json = arguments.on("--json");
  if (needs_settings(*command, arguments)) TRY(load_config(*command, arguments));
  colours = style(arguments.config, 2);
  configure_log(*parse_log_level(arguments.config.text("log.level")),
                *parse_log_format(arguments.config.text("log.format")));
  return command->run(arguments);
}

Result<int> guarded(const Invocation& invocation, Style& colours) {
  try {
    return dispatch(invocation, colours);
  } catch (const std::bad_alloc&) {
    return fail(ErrorId::over_memory, "the system gave no more memory");
  } catch (const std::exception& e) {
    return fail(ErrorId::internal, std::string("unexpected exception: ") + e.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Form form = form_of(argc, argv);
  configure_log(LogLevel::note, form.log);
  catch_bus_errors(form.json);
  Style colours;
  auto invocation = split(argc, argv);
  if (invocation && invocation->verb.empty()) {
    const std::string text = overview();
    if (form.json || form.log == LogFormat::json) {
      Error error = fail(ErrorId::usage, "no command is given");
      error.hint = "`hone help` lists the commands";
      print_error(error, form.json, colours);
    } else {
      std::fwrite(text.data(), 1, text.size(), stderr);
    }
    return 2;
  }
  Result<int> result =
      invocation ? guarded(*invocation, colours) : Result<int>(invocation.take_error());
  if (result && (std::fflush(stdout) != 0 || std::ferror(stdout)))
    result = errno == EBADF ? fail(ErrorId::io, "standard output is closed")
                            : fail(ErrorId::disk_full, "standard output cannot be written");
  if (result) return *result;
  const std::string_view hint = result.error().hint;
  if (result.error().id == ErrorId::usage && (hint.empty() || hint == info(ErrorId::usage).hint) &&
      invocation && command_named(invocation->verb).ok()) {
    Error error = result.take_error();
    error.hint = "see `hone help " + invocation->verb + "`";
    result = std::move(error);
  }
  std::fflush(stdout);
  print_error(result.error(), form.json, colours);
  return exit_code(info(result.error().id).blame);
}

}  // namespace hone::cli
