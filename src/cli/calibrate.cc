// `hone calibrate`: measures operators of made-up sizes and fits what their time depends on.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <optional>

#include "backends/backends.h"
#include "base/atomic_file.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "calibrate/calibrations.h"
#include "calibrate/host_calibration.h"
#include "calibrate/host_machine.h"
#include "calibrate/profile.h"
#include "cli/commands.h"
#include "cli/estimates.h"
#include "cli/output.h"
#include "cli/published.h"
#include "estimate/energy.h"
#include "hardware/host.h"

namespace hone::cli {
namespace {

using calibrate::HostCalibration;

// More samples than this disagree with each other: their fit would say little.
constexpr double kTooNoisy = 0.25;
constexpr double kLeastBudget = 5, kMostBudget = 3600;  // of each number of threads, of all
constexpr int64_t kLeastShapes = 50;
constexpr double kUsualShapesPerSecond = 20, kMostShapesPerSecond = 40;

void write_power(JsonWriter& json, const HostCalibration& host) {
  json.key("power");
  if (!host.calibration.power) {
    json.null();
    if (!host.no_power.empty()) json.member("no_power", host.no_power);
    return;
  }
  const estimate::PowerFit& p = *host.calibration.power;
  json.begin_object();
  json.member("idle_w", p.idle_w);
  json.member("compute_w", p.compute_w);
  json.member("memory_w", p.memory_w);
  if (p.operation_j > 0) json.member("operation_j", p.operation_j);
  if (p.byte_j > 0) json.member("byte_j", p.byte_j);
  json.member("left_out_error", p.left_out_error);
  json.end_object();
}

std::string power_line(const HostCalibration& host) {
  if (host.calibration.power)
    return "power: " + estimate::power_text(*host.calibration.power) + "\n";
  return "no power" + (host.no_power.empty() ? "" : " (" + host.no_power + ")") +
         ": energy stays theoretical\n";
}

void write(JsonWriter& json, const HostCalibration& host, const std::string& path) {
  const estimate::Calibration& c = host.calibration;
  json.begin_object();
  json.member("file", path);
  json.member("threads", c.machine.threads);
  json.member("cpu", c.cpu);
  json.member("kernels", c.kernels);
  json.member("shapes", int64_t(c.shapes));
  json.member("samples", int64_t(c.samples));
  json.member("took_s", c.seconds);
  json.member("noise", c.noise);
  json.member("scale", c.scale);
  json.member("half_width_difficulty", c.half_width);
  write_power(json, host);
  json.key("families");
  json.begin_array();
  for (const estimate::FamilyFit& f : c.families) {
    json.begin_object();
    json.member("family", f.family);
    json.member("samples", int64_t(f.own));
    json.member("adopted", f.adopted);
    json.member("median_error", f.median_error);
    json.member("p90_error", f.p90_error);
    json.member("corrects", f.corrects);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

std::string text_of(const HostCalibration& host, const std::string& path) {
  const estimate::Calibration& c = host.calibration;
  std::string text = fmt::format(
      "{}, {} thread{}, {}\n{} shapes, {} samples in {:.0f} s, noise {:.1f} %\n",
      c.cpu.empty() ? "host" : c.cpu, c.machine.threads, c.machine.threads == 1 ? "" : "s",
      c.kernels, c.shapes, c.samples, c.seconds, c.noise * 100);
  std::vector<std::vector<std::string>> rows{{"family", "samples", "median error", "90 % below"}};
  for (const estimate::FamilyFit& f : c.families) {
    const bool known = f.half_width > 0;
    rows.push_back({f.family, std::to_string(f.own),
                    known ? fmt::format("{:.1f} %", f.median_error * 100) : "-",
                    known ? fmt::format("{:.0f} %", f.p90_error * 100) : "-"});
  }
  text += table(rows, {1, 2, 3});
  text +=
      c.half_width > 0
          ? fmt::format(
                "whole networks that the fit has not seen: 90 % within {:+.0f} % and {:+.0f} %\n",
                std::expm1(-c.network_half_width) * 100, std::expm1(c.network_half_width) * 100)
          : "whole networks: too few for a bound\n";
  return text + power_line(host) + "wrote " + std::string(printable(path)) + "\n";
}

calibrate::CalibrationOptions options_of(const Arguments& arguments) {
  calibrate::CalibrationOptions o;
  o.seed = uint64_t(arguments.integer("--seed"));
  o.limits = arguments.limits;
  o.backend = &cpu_backend();
  o.fallback = &reference_backend();
  return o;
}

// As many as there is time to run often, unless --shapes says how many.
Result<size_t> shapes_of(const Arguments& arguments, double seconds) {
  const int64_t given = arguments.integer("--shapes"), most = calibrate::kMostShapes;
  if (!arguments.has("--shapes"))
    return size_t(std::clamp(int64_t(kUsualShapesPerSecond * seconds), kLeastShapes, given));
  if (given < kLeastShapes || given > most)
    return fail(ErrorId::usage,
                fmt::format("--shapes takes {} to {}, not {}", kLeastShapes, most, given));
  if (double(given) <= kMostShapesPerSecond * seconds) return size_t(given);
  Error error = fail(ErrorId::usage, fmt::format("there is no time for {} shapes in {:g} seconds "
                                                 "for each number of threads",
                                                 given, seconds));
  error.hint = fmt::format("give {:g} seconds with --threads N --budget, or fewer shapes",
                           std::ceil(double(given) / kMostShapesPerSecond));
  return error;
}

Result<std::optional<estimate::Calibration>> prior_of(const Arguments& arguments,
                                                      const estimate::Machine& machine) {
  if (arguments.has("--no-prior")) return std::optional<estimate::Calibration>();
  return calibrate::prior_for(machine.vector, machine.threads);
}

Result<int> refit(const Arguments& arguments) {
  TRY(refuse_flags(arguments, {"--device", "--budget", "--shapes", "--seed"}, "with --refit"));
  const std::string output = arguments.text("--output");
  if (output.empty() || !arguments.has("--samples"))
    return fail(ErrorId::usage,
                "--refit needs the samples of that calibration, --samples FILE.csv, and -o FILE");
  TRY(refuse_same_file({{"--samples", arguments.text("--samples")}, {"-o", output}}));
  estimate::Calibration earlier =
      TRY(calibrate::read_calibration(arguments.text("--refit"), arguments.limits));
  const CsvTable samples = TRY(open_table(arguments.text("--samples"), arguments.limits));
  AtomicFile file = TRY(AtomicFile::create(output));
  calibrate::CalibrationOptions o = options_of(arguments);
  const auto prior = TRY(prior_of(arguments, earlier.machine));
  if (prior) o.prior = &*prior;
  o.threads = earlier.machine.threads;
  const HostCalibration host = TRY(calibrate::refit_host(std::move(earlier), samples, o));
  TRY(file.write(calibrate::print(host.calibration)));
  TRY(file.commit());
  if (arguments.json)
    put_json([&](JsonWriter& json) { write(json, host, output); });
  else
    put(text_of(host, output));
  return 0;
}

Result<int> fit_table(const Arguments& arguments) {
  TRY(refuse_flags(arguments,
                   {"--device", "--budget", "--shapes", "--seed", "--samples", "--no-prior"},
                   "with --table"));
  PublishedTable table = TRY(published_table(arguments));
  table.source = arguments.text("--source");
  table.output = arguments.text("--output");
  if (table.output.empty())
    return fail(ErrorId::usage, "--table needs -o FILE.csv for the prior that is fitted to it");
  TRY(refuse_same_file(
      {{"-o", table.output}, {"--table", table.table}, {"--features", table.features}}));
  return calibrate_table(table, arguments);
}

// What is written for one number of threads. The files are tried before anything is measured, and
// take their names when everything has been.
struct Output {
  int threads = 1;
  std::string path, samples_path;  // "": no samples are asked for
  std::optional<AtomicFile> file, samples;
};

// The user's folder, made where it is not there.
Result<std::string> home_of_calibrations() {
  const std::string folder = calibrate::user_calibration_folder();
  if (folder.empty()) {
    Error error = fail(ErrorId::usage, "there is no home folder for the calibration");
    error.hint = "name a file with -o and --threads, or set HOME to an absolute path";
    return error;
  }
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure)
    return fail(ErrorId::io,
                "cannot make the folder '" + printable(folder) + "': " + failure.message());
  return folder;
}

std::vector<int> threads_of(const Arguments& arguments) {
  if (arguments.threads > 0) return {arguments.threads};
  const int cpus = ThreadPool::usable_cpus();
  return cpus > 1 ? std::vector<int>{1, cpus} : std::vector<int>{1};
}

Result<std::vector<Output>> outputs_of(const Arguments& arguments,
                                       const std::vector<int>& threads) {
  const std::string given = arguments.text("--output"), samples = arguments.text("--samples");
  if (!given.empty() && threads.size() > 1)
    return fail(ErrorId::usage, "-o takes one calibration: say --threads N too");
  TRY(refuse_same_file({{"-o", given}, {"--samples", samples}}));
  if (given.empty()) TRY(home_of_calibrations());
  const std::string fingerprint = cpu_fingerprint();
  std::vector<Output> outputs;
  for (const int n : threads) {
    Output o{n, given.empty() ? calibrate::calibration_path(fingerprint, n) : given, "", {}, {}};
    o.file = TRY(AtomicFile::create(o.path));
    if (!samples.empty()) {
      o.samples_path = samples + (threads.size() > 1 ? fmt::format(".t{}", n) : "");
      o.samples = TRY(AtomicFile::create(o.samples_path));
    }
    outputs.push_back(std::move(o));
  }
  return outputs;
}

Status write(std::vector<Output>& outputs, const std::vector<HostCalibration>& done) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    TRY(outputs[i].file->write(calibrate::print(done[i].calibration)));
    TRY(outputs[i].file->settle());
    if (!outputs[i].samples) continue;
    TRY(outputs[i].samples->write(calibrate::samples_csv(done[i])));
    TRY(outputs[i].samples->settle());
  }
  for (Output& o : outputs) {
    TRY(o.file->commit());
    if (o.samples) TRY(o.samples->commit());
  }
  return ok();
}

Status refuse_noise(const estimate::Calibration& c) {
  if (c.noise <= kTooNoisy) return ok();
  Error error =
      fail(ErrorId::inconclusive,
           fmt::format("half of the samples with {} thread{} differ by more than {:.0f} "
                       "% from run to run: no calibration is written",
                       c.machine.threads, c.machine.threads == 1 ? "" : "s", 2 * c.noise * 100));
  error.hint = "stop what else runs on this machine, or give more time with --budget";
  return error;
}

// Each number of threads in its part of the time that is left.
Result<std::vector<HostCalibration>> measure(const Arguments& arguments, double budget,
                                             size_t shapes, const std::vector<Output>& outputs) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  std::vector<HostCalibration> done;
  Progress progress(arguments);
  const Host host = detect_host();
  for (const Output& output : outputs) {
    const auto prior = TRY(prior_of(arguments, calibrate::host_machine(host, output.threads)));
    calibrate::CalibrationOptions o = options_of(arguments);
    o.threads = output.threads;
    o.shapes = shapes;
    const double left = budget - std::chrono::duration<double>(Clock::now() - begin).count();
    o.seconds = left / double(outputs.size() - done.size());
    o.prior = prior ? &*prior : nullptr;
    o.progress = [&](double share) {
      progress.show(fmt::format("calibrating {} threads", output.threads), size_t(share * 100),
                    100);
    };
    done.push_back(TRY(calibrate::calibrate_host(o)));
    TRY(refuse_noise(done.back().calibration));
  }
  return done;
}

Result<int> run(const Arguments& arguments) {
  if (arguments.has("--refit") && arguments.has("--table"))
    return fail(ErrorId::usage, "--refit and --table are two things to do: one at a time");
  if (arguments.has("--table")) return fit_table(arguments);
  TRY(refuse_table_flags(arguments));
  TRY(refuse_flags(arguments, {"--source"}, "without --table"));
  if (arguments.has("--refit")) return refit(arguments);
  if (arguments.text("--device") != "host") {
    Error error = fail(ErrorId::usage, "only this machine can be measured: --device host");
    error.hint = "run `hone calibrate` on the device, and take its file along with --calibration";
    return error;
  }
  const std::vector<int> threads = threads_of(arguments);
  const auto count = double(threads.size());
  const double budget = TRY(seconds_of(arguments, "--budget", kLeastBudget * count, kMostBudget));
  const size_t shapes = TRY(shapes_of(arguments, budget / count));
  std::vector<Output> outputs = TRY(outputs_of(arguments, threads));
  const auto done = TRY(measure(arguments, budget, shapes, outputs));
  TRY(write(outputs, done));
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.key("calibrations");
      json.begin_array();
      for (size_t i = 0; i < done.size(); ++i) write(json, done[i], outputs[i].path);
      json.end_array();
      json.end_object();
    });
    return 0;
  }
  for (size_t i = 0; i < done.size(); ++i) put(text_of(done[i], outputs[i].path));
  return 0;
}

}  // namespace

const Command& calibrate_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "calibrate",
      .summary = "Measure this machine, so that estimates are those of its kernels.",
      .examples =
          "$ hone calibrate\n"
          "$ hone calibrate --threads 1 --budget 30\n"
          "$ hone calibrate --threads 1 -o machine.json --samples samples.csv\n"
          "$ hone calibrate --refit machine.json --samples samples.csv -o again.json\n"
          "$ hone calibrate --table latencies.csv --features networks.csv -o prior.csv",
      .details =
          "Runs operators and small networks of made-up sizes, drawn by --seed without regard to "
          "any\nmodel, and fits the time of each family of kernels to counts of its shapes. What "
          "the fits have\nnot seen tells how far estimates may lie off. Written to "
          "~/.local/share/hone/calibration, one file\nfor each number of threads: 1 and one for "
          "each CPU, where --threads says nothing else.\ndocs/estimation.md explains the method.",
      .flags = with_table_flags(
          {{"--device", Kind::text, "host", "what to calibrate", "host"},
           {"--budget", Kind::real, "SECONDS", "of all; 5 for each number of threads at least",
            "60"},
           {"--shapes", Kind::integer, "N",
            "operators of different sizes; fewer where a short budget says nothing else", "400"},
           {"--seed", Kind::integer, "N", "of the sizes", "0"},
           {"-o,--output", Kind::text, "FILE", "the file to write: JSON, and of --table CSV"},
           {"--samples", Kind::text, "FILE.csv", "write the times of every step too"},
           {"--refit", Kind::text, "FILE.json", "fit that calibration anew from its --samples"},
           {"--no-prior", Kind::on_off, "", "fit without what was found on other machines"},
           {"--source", Kind::text, "TEXT", "of --table: where it was published"}}),
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
