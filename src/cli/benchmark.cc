// `hone benchmark`: models in several engines, timed in turn.
#include "measure/benchmark.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "api/open.h"
#include "api/random_input.h"
#include "backends/backends.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "hardware/host.h"
#include "measure/machine_peaks.h"
#include "measure/macs.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/session.h"

namespace hone::cli {
namespace {

using measure::Interval;
using measure::Measured;

// Multiply-adds up to which the plain loops of `reference` give the expected outputs in seconds.
constexpr int64_t kReferenceMacs = 1'000'000'000;

struct ModelUnderTest {
  measure::Subject subject;
  std::string expected_from;  // the backend
  std::string precision;      // what most bytes of the weights are stored as
  std::optional<int64_t> macs;
};

struct Row {
  const ModelUnderTest* model;
  int threads;
  const measure::MachinePeaks* peaks;
  Measured measured;
  bool first = false;             // the engine that others are compared with
  std::optional<Interval> ratio;  // of the time to that of the first engine, in the same rounds
};

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

Result<std::vector<const workers::Engine*>> engines_in(std::string_view text) {
  std::vector<const workers::Engine*> engines;
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    const workers::Engine* engine = TRY(workers::engine_named(text.substr(0, comma)));
    if (std::find(engines.begin(), engines.end(), engine) != engines.end())
      return fail(ErrorId::usage, "--engines names " + std::string(engine->name) + " twice");
    engines.push_back(engine);
    if (comma == text.size()) return engines;
    text.remove_prefix(comma + 1);
  }
}

std::string precision_of(const Model& model) {
  std::map<std::string_view, uint64_t> bytes;
  for (uint32_t i = 0; i < model.constants.size(); ++i) {
    const Constant& c = model.constants[i];
    const Encoding& encoding = c.type.encoding;
    if (c.type.dtype == DType::string) continue;
    const auto stored = model.stored(ConstantId{i});
    if (stored)
      bytes[name(encoding.is_dense() ? c.type.dtype : encoding.storage)] += stored->size();
  }
  const auto most = std::max_element(
      bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? "" : std::string(most->first);
}

// Inputs, and the outputs that every engine has to give.
Result<ModelUnderTest> prepare(const Arguments& arguments, const std::string& path) {
  Model model = TRY(open_model(path, open_options(arguments)));
  std::vector<std::string> symbols;
  for (const Symbol& symbol : model.symbols) symbols.push_back(symbol.name);
  const v1::Bindings given = TRY(bindings_of(arguments.texts("--bind"), symbols));
  Dim::Bindings bindings;
  for (const auto& [name, size] : given) bindings[name] = size;
  ModelUnderTest result;
  result.subject.path = path;
  result.precision = precision_of(model);
  result.subject.tolerance = arguments.real("--tolerance");
  if (model.phase != "lower")
    TRY(run_pipeline(model, "clean", standard_catalogue(), arguments.limits));
  const Graph& graph = model.main();
  std::vector<Datum> inputs;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const Value& input = graph[graph.inputs[i]];
    inputs.push_back(TRY(random_datum(input.type, uint64_t(arguments.integer("--seed")) + i,
                                      bindings, arguments.limits)
                             .context("making up input '" + printable(input.name) + "'")));
    if (inputs.back().kind != Datum::Kind::tensor || inputs.back().tensor.dtype() == DType::string)
      return fail(ErrorId::unsupported_feature, "engines are fed tensors of numbers, and input '" +
                                                    printable(input.name) + "' is " +
                                                    input.type.str());
    result.subject.inputs.push_back({input.name, inputs.back().tensor});
  }
  for (const Symbol& symbol : model.symbols) bindings.emplace(symbol.name, 1);
  result.macs = measure::macs_of(model, bindings);
  const bool small = result.macs && *result.macs <= kReferenceMacs;
  result.expected_from = arguments.has("--expected")       ? arguments.text("--expected")
                         : small || model.phase == "lower" ? "reference"
                                                           : "cpu";
  auto backends = TRY(backends_for(result.expected_from));
  if (result.expected_from == "cpu") backends = all_backends();  // it does not run everything
  const auto shared = std::make_shared<const Model>(std::move(model));
  const auto program = TRY(Program::make(shared, backends, arguments.limits));
  ThreadPool pool(0);
  Session session(program, pool);
  const auto outputs = TRY(session.run(inputs).context("computing the outputs to expect"));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].kind != Datum::Kind::tensor || outputs[i].tensor.dtype() == DType::string)
      return fail(ErrorId::unsupported_feature, "engines give back tensors of numbers only");
    result.subject.expected.push_back({shared->main().output_names()[i], outputs[i].tensor});
  }
  return result;
}

// Of the peak of multiply-adds of floats.
std::optional<double> fraction_of_peak(const Row& row) {
  if (!row.model->macs || row.measured.latency.median <= 0) return std::nullopt;
  if (row.peaks->f32_flops <= 0) return std::nullopt;
  return 2 * double(*row.model->macs) / row.measured.latency.median / row.peaks->f32_flops;
}

void write(JsonWriter& json, const Interval& interval) {
  json.begin_object();
  json.member("median", interval.median);
  json.member("low", interval.low);
  json.member("high", interval.high);
  json.member("n", interval.n);
  json.end_object();
}

void write(JsonWriter& json, const measure::MachinePeaks& peaks, int threads) {
  json.begin_object();
  json.member("threads", threads);
  json.member("f32_flops", peaks.f32_flops);
  json.member("int8_ops", peaks.int8_ops);
  json.member("l3_bytes_per_s", peaks.l3_bytes_per_s);
  json.member("dram_bytes_per_s", peaks.dram_bytes_per_s);
  json.end_object();
}

void write(JsonWriter& json, const Row& row) {
  const Measured& m = row.measured;
  json.begin_object();
  json.member("model", row.model->subject.path);
  json.member("engine", m.engine->name);
  json.member("version", m.version);
  json.member("threads", row.threads);
  json.member("precision", row.model->precision);
  json.key("parity");
  json.begin_object();
  json.member("equal", m.parity.equal);
  json.member("largest_relative", m.parity.largest);
  json.member("expected_from", row.model->expected_from);
  if (!m.parity.reason.empty()) json.member("reason", m.parity.reason);
  json.end_object();
  if (!m.error.empty()) json.member("error", m.error);
  if (m.latency.n > 0) {
    json.key("latency_s");
    write(json, m.latency);
    json.member("load_s", m.load_s);
    json.member("first_s", m.first_s);
    json.member("cpu_s", m.cpu_s);
    json.member("peak_memory_bytes", m.peak_memory_bytes);
    json.member("idle_memory_bytes", m.idle_memory_bytes);
    if (row.model->macs) json.member("macs", *row.model->macs);
    if (const auto fraction = fraction_of_peak(row)) json.member("fraction_of_f32_peak", *fraction);
    if (row.ratio) {
      json.key("ratio_to_first");
      write(json, *row.ratio);
    }
    json.key("rounds_s");
    json.begin_array();
    for (const auto& round : m.seconds) {
      json.begin_array();
      for (const double sample : round) json.value(sample);
      json.end_array();
    }
    json.end_array();
  }
  json.end_object();
}

std::string ratio_text(const Interval& ratio) {
  if (std::isnan(ratio.low)) return fmt::format("{:.2f}", ratio.median);
  return fmt::format("{:.2f} ({:.2f} to {:.2f})", ratio.median, ratio.low, ratio.high);
}

std::vector<std::string> cells(const Row& row) {
  const Measured& m = row.measured;
  std::vector<std::string> all{std::string(m.engine->name), m.version, std::to_string(row.threads)};
  if (m.latency.n == 0) {
    all.push_back(m.error.empty() ? m.parity.reason : m.error);
    return all;
  }
  const auto fraction = fraction_of_peak(row);
  all.push_back(human_seconds(m.latency.median));
  all.push_back(m.latency.low > 0
                    ? human_seconds(m.latency.low) + " to " + human_seconds(m.latency.high)
                    : "-");
  all.push_back(row.first ? "1" : row.ratio ? ratio_text(*row.ratio) : "-");
  all.push_back(fraction ? fmt::format("{:.0f} %", 100 * *fraction) : "-");
  all.push_back(human_seconds(m.load_s));
  all.push_back(
      human_bytes(m.peak_memory_bytes - std::min(m.peak_memory_bytes, m.idle_memory_bytes)));
  all.push_back(fmt::format("{:.1e}", m.parity.largest));
  return all;
}

std::string report(const ModelUnderTest& model, const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> lines{{"engine", "version", "threads", "median",
                                               "95 % interval", "of the first's time",
                                               "of f32 peak", "load", "memory", "largest error"}};
  for (const Row& row : rows)
    if (row.model == &model) lines.push_back(cells(row));
  return fmt::format("{}{}, outputs as {} gives them\n{}", printable(model.subject.path),
                     model.macs ? fmt::format(", {:.3g} GMAC", double(*model.macs) / 1e9) : "",
                     model.expected_from, table(lines, {2, 3, 6, 7, 8, 9}));
}

std::string report(const measure::MachinePeaks& peaks, int threads) {
  return fmt::format(
      "machine, {} threads: {:.1f} GFLOP/s f32, {:.0f} GOP/s int8, reading {:.1f} GB/s from L3, "
      "{:.1f} GB/s from memory\n",
      threads, peaks.f32_flops / 1e9, peaks.int8_ops / 1e9, peaks.l3_bytes_per_s / 1e9,
      peaks.dram_bytes_per_s / 1e9);
}

std::string csv(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

// Appends all samples; a fresh file gets a head.
Status append_samples(const std::string& path, const std::vector<Row>& rows,
                      const std::string& command) {
  std::error_code error;
  const bool fresh =
      !std::filesystem::exists(path, error) || std::filesystem::is_empty(path, error);
  std::ofstream file(path, std::ios::app);
  if (fresh) file << "utc,cpu,command,model,engine,version,threads,round,seconds\n";
  const std::string cpu = detect_host().cpu;
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char time[32];
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &utc);
  for (const Row& row : rows)
    for (size_t round = 0; round < row.measured.seconds.size(); ++round)
      for (const double sample : row.measured.seconds[round])
        file << fmt::format("{},{},{},{},{},{},{},{},{:.9f}\n", time, csv(cpu), csv(command),
                            csv(row.model->subject.path), row.measured.engine->name,
                            csv(row.measured.version), row.threads, round, sample);
  file.flush();
  if (!file) return fail(ErrorId::io, "cannot append the samples to '" + printable(path) + "'");
  return ok();
}

std::string command_line(const Arguments& arguments) {
  std::string text = "hone benchmark";
  for (const std::string& model : arguments.positionals()) text += " " + model;
  for (const char* flag : {"--engines", "--sweep-threads", "--expected"})
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

Status check_flags(const Arguments& arguments) {
  if (arguments.integer("--rounds") < 1 || arguments.integer("--rounds") > 1000)
    return fail(ErrorId::usage, "--rounds takes a number from 1 to 1000");
  if (!(arguments.real("--seconds") > 0 && arguments.real("--seconds") <= 3600))
    return fail(ErrorId::usage, "--seconds takes a number above 0, at most 3600");
  if (!(arguments.real("--tolerance") >= 0))
    return fail(ErrorId::usage, "--tolerance takes a number from 0 on");
  return ok();
}

Result<int> run(const Arguments& arguments) {
  TRY(check_flags(arguments));
  measure::Plan plan;
  plan.engines = TRY(engines_in(arguments.text("--engines")));
  plan.python = arguments.config.text("engines.python");
  plan.rounds = int(arguments.integer("--rounds"));
  plan.seconds = arguments.real("--seconds");
  plan.limits = arguments.limits;
  plan.follow_links = arguments.config.boolean("follow_links");
  const v1::CompileOptions compiling = compile_options(arguments.config, "cached");
  if (compiling.measure != "never") plan.measurements = compiling.cache;
  const std::vector<int> counts =
      arguments.has("--sweep-threads")
          ? TRY(numbers_in(arguments.text("--sweep-threads"), "--sweep-threads"))
          : std::vector<int>{ThreadPool(arguments.threads).size()};
  std::vector<ModelUnderTest> models;
  for (const std::string& path : arguments.positionals())
    models.push_back(TRY(prepare(arguments, path)));
  std::map<int, measure::MachinePeaks> peaks;
  for (const int threads : counts) {
    ThreadPool pool(threads);
    peaks[threads] = measure::measure_peaks(pool);
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
    if (!arguments.json) put("\n" + report(model, rows));
  }
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.key("machine");
      json.begin_object();
      const Host host = detect_host();
      json.member("cpu", host.cpu);
      json.member("usable_cpus", host.usable_cpus);
      json.member("kernel", host.kernel);
      json.end_object();
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

}  // namespace

const Command& benchmark_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "benchmark",
      .summary = "Time models in hone and in other engines, the same way.",
      .examples =
          "$ hone benchmark model.onnx\n"
          "$ hone benchmark model.onnx --engines hone,onnxruntime --sweep-threads 1,2\n"
          "$ hone benchmark model.onnx --bind S=128 --rounds 9 --samples samples.csv --json",
      .details =
          "Each engine runs in a process of its own, on the same made-up inputs. One whose outputs "
          "are not\nthose expected is not timed; the others run in turn, round by round, so that "
          "what disturbs the\nmachine disturbs all. Times are medians with an interval of 95 % "
          "confidence over rounds; memory is\nthe peak of the process less what the engine takes "
          "without a model. What the machine can do at\nbest is measured in the same run. Exits 1 "
          "where an engine fails or gives other outputs.",
      .positionals = {{"MODEL", "the model files", 1, kAny, true}},
      .flags = {{"--engines", Kind::text, "NAMES",
                 "what to measure; the first is what others are "
                 "compared with",
                 "hone,onnxruntime"},
                {"--sweep-threads", Kind::text, "N,N",
                 "measure with each of these numbers of threads"},
                {"--rounds", Kind::integer, "N", "times that each engine has its turn", "5"},
                {"--seconds", Kind::real, "S", "how long a turn is, at least three runs", "1"},
                {"--bind", Kind::texts, "SYMBOL=SIZE",
                 "the size of a symbolic dimension; 1 without"},
                {"--seed", Kind::integer, "N", "of the made-up inputs", "0"},
                {"--tolerance", Kind::real, "X",
                 "largest error of an output, as a part of its largest element", "0.001"},
                {"--expected", Kind::text, "BACKEND",
                 "who computes the outputs to expect; cpu where reference would take long", "",
                 "reference|cpu"},
                {"--samples", Kind::text, "FILE.csv", "append every measured time"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
