#include "cli/benchmark_rows.h"

#include <fmt/format.h>

#include <cmath>

#include "backends/backends.h"
#include "base/text.h"
#include "calibrate/host_calibration.h"
#include "cli/output.h"
#include "hardware/host.h"
#include "hone/hone.h"
#include "measure/operator_model.h"
#include "measure/suite_session.h"

namespace hone::cli {

using measure::Interval;
using measure::Measured;

namespace {

std::optional<double> fraction_of(const Row& row, double peak) {
  if (!row.model->macs || row.measured.latency.median <= 0 || peak <= 0) return std::nullopt;
  return 2 * double(*row.model->macs) / row.measured.latency.median / peak;
}

}  // namespace

// Of the peak of multiply-adds of floats.
std::optional<double> fraction_of_peak(const Row& row) {
  return fraction_of(row, row.peaks->f32_flops);
}

namespace {

void write(JsonWriter& json, const Interval& interval) {
  json.begin_object();
  json.member("median", interval.median);
  json.member("low", interval.low);
  json.member("high", interval.high);
  json.member("n", interval.n);
  json.end_object();
}

// (load + first inference) / a steady one.
double first_in_runs(const Measured& m) { return (m.load_s + m.first_s) / m.latency.median; }

// Operations a second: those that the operator declares where it has no multiply-adds.
double flops_per_s(const Row& row) {
  const int64_t macs = row.model->macs.value_or(0);
  const double flops = macs > 0 ? 2 * double(macs) : double(row.model->flops.value_or(0));
  return flops / row.measured.latency.median;
}

struct Traffic {
  measure::Level level;
  double bytes_per_s = 0;
  double fraction() const { return level.bytes_per_s > 0 ? bytes_per_s / level.bytes_per_s : 0; }
};
Traffic traffic_of(const Row& row) {
  return {measure::level_of(*row.peaks, detect_host(), row.model->touched, row.threads),
          double(row.model->touched) / row.measured.latency.median};
}

void write_operator(JsonWriter& json, const Row& row) {
  const Traffic traffic = traffic_of(row);
  json.member("op", row.model->op);
  json.member("dims", row.model->dims);
  json.member("flops_per_s", flops_per_s(row));
  json.member("bytes", row.model->touched);
  json.member("bytes_per_s", traffic.bytes_per_s);
  json.member("level", traffic.level.name);
  json.member("fraction_of_bandwidth", traffic.fraction());
}

void write_compiled(JsonWriter& json, const Compiled& compiled) {
  json.member("artefact_bytes", compiled.bytes);
  json.member("compile_s", compiled.seconds);
  json.member("compile_cached", compiled.cached);
}

}  // namespace

void write_machine(JsonWriter& json) {
  const Host host = detect_host();
  json.key("machine");
  json.begin_object();
  json.member("cpu", host.cpu);
  json.member("usable_cpus", host.usable_cpus);
  json.member("kernel", host.kernel);
  json.end_object();
}

void write(JsonWriter& json, const measure::MachinePeaks& peaks, int threads) {
  json.begin_object();
  json.member("threads", threads);
  json.member("f32_flops", peaks.f32_flops);
  json.member("int8_ops", peaks.int8_ops);
  json.member("l2_bytes_per_s", peaks.l2_bytes_per_s);
  json.member("l3_bytes_per_s", peaks.l3_bytes_per_s);
  json.member("dram_bytes_per_s", peaks.dram_bytes_per_s);
  json.end_object();
}

void write(JsonWriter& json, const Row& row) {
  const Measured& m = row.measured;
  json.begin_object();
  json.member("model", row.model->name);
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
    json.member("first_in_runs", first_in_runs(m));
    json.member("cpu_s", m.cpu_s);
    json.member("disturbed", m.disturbed);
    json.member("peak_memory_bytes", m.peak_memory_bytes);
    json.member("idle_memory_bytes", m.idle_memory_bytes);
    json.member("resident_memory_bytes", m.resident_memory_bytes);
    json.member("file_bytes", row.model->file_bytes);
    if (m.engine->compiled) write_compiled(json, row.model->compiled);
    if (row.model->macs) json.member("macs", *row.model->macs);
    if (!row.model->op.empty()) write_operator(json, row);
    if (const auto fraction = fraction_of_peak(row)) json.member("fraction_of_f32_peak", *fraction);
    if (const auto fraction = fraction_of(row, row.peaks->int8_ops);
        fraction && measure::multiplies_bytes(row.model->op))
      json.member("fraction_of_int8_peak", *fraction);
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

namespace {

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
  all.push_back(fmt::format("{:.2f}", first_in_runs(m)));
  all.push_back(
      human_bytes(m.peak_memory_bytes - std::min(m.peak_memory_bytes, m.idle_memory_bytes)));
  all.push_back(fmt::format("{:.1e}", m.parity.largest));
  return all;
}

}  // namespace

std::string report_operators(const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> lines{{"operator", "engine", "threads", "median",
                                               "95 % interval", "GFLOP/s", "of the peak of",
                                               "bytes", "GB/s", "of the rate of", "largest error"}};
  for (const Row& row : rows) {
    const Measured& m = row.measured;
    lines.push_back({row.model->name, std::string(m.engine->name), std::to_string(row.threads)});
    auto& cells = lines.back();
    if (m.latency.n == 0) {
      cells.push_back(m.error.empty() ? m.parity.reason : m.error);
      continue;
    }
    const Traffic traffic = traffic_of(row);
    const bool bytes = measure::multiplies_bytes(row.model->op);
    const auto fraction = fraction_of(row, bytes ? row.peaks->int8_ops : row.peaks->f32_flops);
    cells.push_back(human_seconds(m.latency.median));
    cells.push_back(m.latency.low > 0
                        ? human_seconds(m.latency.low) + " to " + human_seconds(m.latency.high)
                        : "-");
    cells.push_back(fmt::format("{:.1f}", flops_per_s(row) / 1e9));
    cells.push_back(fraction && *row.model->macs > 0
                        ? fmt::format("{}: {:.0f} %", bytes ? "int8" : "f32", 100 * *fraction)
                        : "-");
    cells.push_back(human_bytes(row.model->touched));
    cells.push_back(fmt::format("{:.1f}", traffic.bytes_per_s / 1e9));
    cells.push_back(traffic.level.bytes_per_s > 0
                        ? fmt::format("{}: {:.0f} %", traffic.level.name, 100 * traffic.fraction())
                        : "-");
    cells.push_back(fmt::format("{:.1e}", m.parity.largest));
  }
  return table(lines, {2, 3, 5, 6, 7, 8, 9, 10});
}

std::string report(const ModelUnderTest& model, const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> lines{
      {"engine", "version", "threads", "median", "95 % interval", "of the first's time",
       "of f32 peak", "load", "first", "memory", "largest error"}};
  for (const Row& row : rows)
    if (row.model == &model) lines.push_back(cells(row));
  return fmt::format("{}{}, outputs as {} gives them\n{}", printable(model.name),
                     model.macs ? fmt::format(", {:.3g} GMAC", double(*model.macs) / 1e9) : "",
                     model.expected_from, table(lines, {2, 3, 6, 7, 8, 9, 10}));
}

std::string report(const measure::MachinePeaks& peaks, int threads) {
  return fmt::format(
      "machine, {} threads: {:.1f} GFLOP/s f32, {:.0f} GOP/s int8, reading {:.1f} GB/s from L2, "
      "{:.1f} GB/s from L3, {:.1f} GB/s from memory\n",
      threads, peaks.f32_flops / 1e9, peaks.int8_ops / 1e9, peaks.l2_bytes_per_s / 1e9,
      peaks.l3_bytes_per_s / 1e9, peaks.dram_bytes_per_s / 1e9);
}

measure::VisitKey environment_of(const std::string& command) {
  measure::VisitKey key;
  const Host host = detect_host();
  key.utc = measure::utc_now();
  key.cpu = printable(host.cpu.empty() ? host.cpu_version : host.cpu);
  key.kernels = calibrate::kernels_of(cpu_backend());
  key.hone = v1::version();
  key.load_average = measure::load_average();
  key.command = printable(command);
  return key;
}

Status append_samples(const std::string& path, const std::vector<Row>& rows,
                      const std::string& command) {
  std::vector<measure::Visit> visits;
  measure::Visit visit;
  visit.key = environment_of(command);
  visit.key.session = measure::new_session(visit.key.utc, command);
  for (const Row& row : rows) {
    const Measured& m = row.measured;
    visit.key.subject = printable(row.model->name);
    visit.key.engine = m.engine->name;
    visit.key.version = m.version;
    visit.key.threads = row.threads;
    visit.load_s = m.load_s;
    visit.first_s = m.first_s;
    visit.idle_memory_bytes = m.idle_memory_bytes;
    visit.resident_memory_bytes = m.resident_memory_bytes;
    visit.peak_memory_bytes = m.peak_memory_bytes;
    for (size_t round = 0; round < m.samples.size(); ++round) {
      visit.key.round = int(round);
      visit.samples = m.samples[round];
      visits.push_back(visit);
    }
  }
  return measure::append_visits(path, visits);
}

}  // namespace hone::cli
