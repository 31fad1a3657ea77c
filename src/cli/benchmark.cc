// `hone benchmark`: models in several engines, timed in turn.
#include "measure/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/mapped_file.h"
#include "base/text.h"
#include "cli/benchmark_language.h"
#include "cli/benchmark_rows.h"
#include "cli/benchmark_subjects.h"
#include "cli/benchmark_suite.h"
#include "cli/commands.h"
#include "cli/compiler.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "hardware/host.h"
#include "measure/machine_peaks.h"

namespace hone::cli {
namespace {

using measure::Measured;

Result<std::vector<int>> numbers_in(std::string_view text, std::string_view flag) {
  std::vector<int> numbers;
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    int n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + comma, n);
    if (error != std::errc() || end != text.data() + comma || n < 1 || n > 1024)
      return fail(ErrorId::usage,
                  fmt::format("{} takes numbers from 1 to 1024 with commas between, "
                              "not '{}'",
                              flag, printable(text)));
    numbers.push_back(n);
    if (comma == text.size()) return numbers;
    text.remove_prefix(comma + 1);
  }
}

Result<std::vector<ModelUnderTest>> prepare_all(const Arguments& arguments, Workshop& workshop,
                                                const measure::Plan& plan) {
  std::vector<ModelUnderTest> models;
  for (const std::string& path : arguments.positionals())
    models.push_back(TRY(prepare_subject(arguments, path, arguments.texts("--bind"))));
  const std::string op = arguments.text("--op");
  for (const std::string& dims : arguments.texts("--dims")) {
    models.push_back(TRY(prepare_subject(arguments, TRY(workshop.operator_file(op, dims)),
                                         arguments.texts("--bind"))));
    models.back().name = fmt::format("{} {}", op, dims);
    models.back().op = op;
    models.back().dims = dims;
  }
  const bool compiled = std::ranges::any_of(plan.engines, [](auto* e) { return e->compiled; });
  for (ModelUnderTest& model : models) {
    if (!compiled || !model.subject.compiled.empty()) continue;
    model.compiled = TRY(workshop.compile(model.subject.path));
    model.subject.compiled = model.compiled.output;
  }
  return models;
}

std::string command_line(const Arguments& arguments) {
  std::string text = "hone benchmark";
  for (const std::string& model : arguments.positionals()) text += " " + model;
  for (const std::string& dims : arguments.texts("--dims"))
    text += fmt::format(" --op {} --dims {}", arguments.text("--op"), dims);
  for (const char* flag : {"--engines", "--sweep-threads", "--expected", "--calibration"})
    if (arguments.has(flag)) text += fmt::format(" {} {}", flag, arguments.text(flag));
  for (const std::string& bind : arguments.texts("--bind")) text += " --bind " + bind;
  return text + fmt::format(" --threads {} --rounds {} --seconds {} --seed {} --tolerance {}",
                            arguments.threads, arguments.integer("--rounds"),
                            arguments.real("--seconds"), arguments.integer("--seed"),
                            arguments.real("--tolerance"));
}

// 0, or 1 where an engine gave other outputs or failed. Engines that nobody asked for by name may
// be missing.
int exit_code_of(const Arguments& arguments, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    if (row.measured.latency.n > 0) continue;
    const bool missing = row.measured.version.empty();
    if (!missing || arguments.has("--engines") || row.measured.engine->module.empty()) return 1;
  }
  return 0;
}

void add_ratios(std::vector<Row>& rows, size_t begin) {
  const Measured& first = rows[begin].measured;
  for (size_t i = begin + 1; i < rows.size(); ++i)
    if (first.latency.n > 0 && rows[i].measured.latency.n > 0)
      rows[i].ratio = measure::ratio_of(rows[i].measured.seconds, first.seconds);
}

Status check_subjects(const Arguments& arguments) {
  const bool op = arguments.has("--op");
  if (op != !arguments.texts("--dims").empty())
    return fail(ErrorId::usage, "--op and --dims go together: an operator, and its sizes");
  if (op && !arguments.positionals().empty())
    return fail(ErrorId::usage, "either models are measured, or an operator by --op");
  if (op || !arguments.positionals().empty()) return ok();
  Error error = fail(ErrorId::usage, "what is to be measured: MODEL is missing");
  error.hint = "name model files, or an operator: --op gemm --dims 128x768x768";
  return error;
}

Status check_flags(const Arguments& arguments) {
  if (!measures_suite(arguments)) {
    TRY(check_subjects(arguments));
    for (const char* flag : {"--resume", "--energy"})
      if (arguments.has(flag)) return fail(ErrorId::usage, std::string(flag) + " is for --suite");
  }
  if (arguments.integer("--rounds") < 1 || arguments.integer("--rounds") > 1000)
    return fail(ErrorId::usage, "--rounds takes a number from 1 to 1000");
  if (!(arguments.real("--seconds") > 0 && arguments.real("--seconds") <= 3600))
    return fail(ErrorId::usage, "--seconds takes a number above 0, at most 3600");
  if (!(arguments.real("--tolerance") >= 0))
    return fail(ErrorId::usage, "--tolerance takes a number from 0 on");
  return ok();
}

// As an earlier report has it.
Result<std::map<int, measure::MachinePeaks>> peaks_in(const std::string& path) {
  const MappedFile file = TRY(MappedFile::open(path));
  return TRY(measure::read_peaks({reinterpret_cast<const char*>(file.bytes().data()), file.size()},
                                 detect_host())
                 .context("reading the report '" + printable(path) + "'"));
}

Result<int> run(const Arguments& arguments) {
  TRY(check_flags(arguments));
  std::vector<int> counts;
  if (arguments.has("--sweep-threads"))
    counts = TRY(numbers_in(arguments.text("--sweep-threads"), "--sweep-threads"));
  if (measures_suite(arguments)) {
    if (counts.empty() && arguments.threads > 0) counts = {arguments.threads};
    return benchmark_suite(arguments, counts);
  }
  if (counts.empty()) counts = {ThreadPool(arguments.threads).size()};
  if (measures_language(arguments)) return benchmark_language(arguments, counts);
  measure::Plan plan;
  // Other engines do not read the models that are made of operators.
  const bool op = arguments.has("--op");
  plan.engines =
      TRY(engines_in(op && !arguments.has("--engines") ? "hone" : arguments.text("--engines")));
  plan.python = arguments.config.text("engines.python");
  plan.rounds = int(arguments.integer("--rounds"));
  plan.seconds = arguments.real("--seconds");
  plan.limits = arguments.limits;
  plan.follow_links = arguments.config.boolean("follow_links");
  const v1::CompileOptions compiling = compile_options(arguments.config, "cached");
  if (compiling.measure != "never") plan.measurements = compiling.cache;
  Workshop workshop(arguments);
  const std::vector<ModelUnderTest> models = TRY(prepare_all(arguments, workshop, plan));
  std::map<int, measure::MachinePeaks> peaks;
  if (arguments.has("--calibration")) peaks = TRY(peaks_in(arguments.text("--calibration")));
  std::erase_if(peaks, [&](const auto& p) { return std::ranges::count(counts, p.first) == 0; });
  for (const int threads : counts) {
    if (!peaks.contains(threads)) {
      ThreadPool pool(threads);
      peaks[threads] = measure::measure_peaks(pool);
    }
    if (!arguments.json) put(report(peaks[threads], threads));
  }
  std::vector<Row> rows;
  for (const ModelUnderTest& model : models) {
    for (const int threads : counts) {
      plan.threads = threads;
      const size_t begin = rows.size();
      Progress progress(arguments);
      for (Measured& m : measure::benchmark(model.subject, plan, [&](size_t done, size_t all) {
             progress.show("step", done, all);
           }))
        rows.push_back({&model, threads, &peaks[threads], std::move(m), rows.size() == begin, {}});
      add_ratios(rows, begin);
    }
    if (!arguments.json && !op) put("\n" + report(model, rows));
  }
  if (!arguments.json && op) put("\n" + report_operators(rows));
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      write_machine(json);
      json.member("command", command_line(arguments));
      json.key("calibration");
      write(json, peaks[counts.front()], counts.front());
      json.key("calibrations");
      json.begin_array();
      for (const auto& [threads, p] : peaks) write(json, p, threads);
      json.end_array();
      json.key("results");
      json.begin_array();
      for (const Row& row : rows) write(json, row);
      json.end_array();
      json.end_object();
    });
  }
  if (arguments.has("--samples"))
    TRY(append_samples(arguments.text("--samples"), rows, command_line(arguments)));
  return exit_code_of(arguments, rows);
}

std::vector<Flag> benchmark_flags(std::vector<Flag> flags) {
  for (const auto& more : {suite_flags(), language_benchmark_flags()})
    flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace

const Command& benchmark_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "benchmark",
      .summary = "Time models in hone and in other engines, the same way.",
      .examples =
          "$ hone benchmark model.onnx\n"
          "$ hone benchmark model.onnx --engines hone,onnxruntime --sweep-threads 1,2\n"
          "$ hone benchmark model.onnx --engines hone,hone-compiled,onnxruntime\n"
          "$ hone benchmark --op gemm --dims 128x768x768 --dims 128x768x3072\n"
          "$ hone benchmark --suite operators --threads 1\n"
          "$ hone benchmark --suite mine.yaml --resume --samples samples.csv\n"
          "$ hone benchmark model.gguf smollm-135m --prefill 512 --decode 128\n"
          "$ hone benchmark model.onnx --bind S=128 --rounds 9 --samples samples.csv --json",
      .details =
          "Each engine runs in a process of its own, on the same made-up inputs. One whose outputs "
          "are not\nthose expected is not timed; the others run in turn, round by round, so that "
          "what disturbs the\nmachine disturbs all. Times are medians with an interval of 95 % "
          "confidence over rounds; memory is\nthe peak of the process less what the engine takes "
          "without a model. What the machine can do at\nbest is measured in the same run. Exits 1 "
          "where an engine fails or gives other outputs.\n\n"
          "hone-compiled is given the artefact of `hone compile`, which is made through the cache "
          "first.\n\n"
          "--suite measures the cases of a suite, and MODELs with them, in rounds of a drawn "
          "order, each\nvisit in a fresh process. Samples in which the engine was switched out do "
          "not count; where all\nwere, the CPU time of one thread does; what is too noisy gets no "
          "number, and the exit code is 5.\nSamples are appended to "
          "~/.local/share/hone/measurements, or --samples; --resume goes on with the\nlast session "
          "of the suite. A suite is a name (--list-suites) or a file: docs/benchmark.md.\n\n"
          "--prefill, --decode and --depth measure language models, in this process: tokens a "
          "second "
          "of reading\na prompt and of going on one by one, behind so many tokens in the cache; a "
          "model file or the name of a\nshape (`hone shapes`). Several models are measured in "
          "turn.\n\n"
          "--op measures a single operator on made-up numbers, lowered and run as in a model: its "
          "operations\na second beside the peak of the machine, and the bytes of its inputs, "
          "weights and outputs a second\nbeside the rate of the level of memory that they fit in. "
          "--dims are, all f32 where nothing else is said:\n"
          "  gemm MxNxK                 [M, K] times constant weights [K, N]\n"
          "  conv NxCxHxWxFxK[xS]       F filters of K x K, stride S\n"
          "  depthwise NxCxHxWxK[xS]    one filter of K x K for each channel\n"
          "  quantized_gemm MxNxK       the same as gemm in bytes, quantized on the way\n"
          "  block4_gemm, block8_gemm MxNxK    weights of 4 or 8 bits in blocks of 32\n"
          "  attention NxHxSxD          H heads of width D, S queries and keys\n"
          "  softmax AxBx…, layer_normalization AxBx…, rms_normalization AxBx…    along the last "
          "axis\n"
          "  copy AxBx…, scale AxBx…, triad AxBx…    streams of memory: two tensors joined; x * 3; "
          "x + 3 * y\n"
          "  add AxBx…, gelu AxBx… and the other element-wise operators of one or two inputs",
      .positionals = {{"MODEL", "the model files", 0, kAny, true}},
      .flags = benchmark_flags(
          {{"--engines", Kind::text, "NAMES",
            "what to measure; the first is what others are "
            "compared with",
            "hone,onnxruntime"},
           {"--sweep-threads", Kind::text, "N,N", "measure with each of these numbers of threads"},
           {"--op", Kind::text, "OPERATOR", "measure this operator rather than models"},
           {"--dims", Kind::texts, "AxBxC", "its sizes; may be given several times"},
           {"--rounds", Kind::integer, "N", "times that each engine has its turn", "5"},
           {"--seconds", Kind::real, "S", "how long a turn is, at least three runs", "1"},
           {"--bind", Kind::texts, "SYMBOL=SIZE", "the size of a symbolic dimension; 1 without"},
           {"--seed", Kind::integer, "N", "of the made-up inputs", "0"},
           {"--tolerance", Kind::real, "X",
            "largest error of an output, as a part of its largest element", "0.001"},
           {"--expected", Kind::text, "BACKEND",
            "who computes the outputs to expect; cpu where reference would take long", "",
            "reference|cpu"},
           {"--calibration", Kind::text, "REPORT.json",
            "take what the machine can do at best from an earlier report of --json"},
           {"--samples", Kind::text, "FILE.csv",
            "append every measured time; of --suite there is a file without asking"}}),
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
