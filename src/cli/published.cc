#include "cli/published.h"

#include <fmt/format.h>

#include <cmath>

#include "base/atomic_file.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "calibrate/published/energy.h"
#include "calibrate/published/validation.h"
#include "cli/error_summary.h"
#include "cli/estimates.h"
#include "cli/output.h"
#include "cli/report_files.h"
#include "formats/csv.h"
#include "report/escape.h"

namespace hone::cli {

using namespace hone::calibrate;

Result<CsvTable> open_table(const std::string& path, const Limits& limits) {
  const MappedFile file = TRY(MappedFile::open(path));
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.size());
  Ledger ledger(limits);
  return CsvTable::parse(text, path, ledger);
}

namespace {

struct Inputs {
  Measurements table;
  std::vector<NetworkFeatures> features;
};

Result<Inputs> open_inputs(const PublishedTable& what, const Limits& limits) {
  const auto statistic = parse_statistic(what.statistic);
  if (!statistic)
    return fail(ErrorId::usage, fmt::format("\"{}\" is none of avg, min and max", what.statistic));
  Inputs inputs;
  inputs.table =
      TRY(read_measurements(TRY(open_table(what.table, limits)), *statistic, what.leave_out));
  if (!what.features.empty())
    inputs.features = TRY(read_features(TRY(open_table(what.features, limits))));
  return inputs;
}

// "7.3", in percent; "-" where there is nothing to tell.
std::string percent(double share) {
  return std::isnan(share) ? "-" : fmt::format("{:.1f}", 100 * share);
}

const std::vector<std::string> kHeads{"",     "n",     "median %", "mean %",  "p95 %",      "max %",
                                      "≤5 %", "≤10 %", "≤20 %",    "in 90 %", "interval %", "rank"};
const std::vector<size_t> kRight{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

std::vector<std::string> cells(std::string name, const ErrorSummary& s) {
  const std::string half = std::isnan(s.half_width) ? "-" : "±" + percent(s.half_width);
  return {std::move(name),
          fmt::format("{}", s.n),
          percent(s.median),
          percent(s.mean),
          percent(s.p95),
          percent(s.most),
          percent(s.within_5),
          percent(s.within_10),
          percent(s.within_20),
          percent(s.coverage),
          half,
          std::isnan(s.rank) ? "-" : fmt::format("{:.3f}", s.rank)};
}

void write_parts(JsonWriter& json, std::string_view key, const std::vector<PartResult>& parts) {
  json.key(key);
  json.begin_array();
  for (const PartResult& part : parts) {
    json.begin_object();
    json.member("name", part.name);
    write_members(json, part.summary);
    json.end_object();
  }
  json.end_array();
}

void write_validation(JsonWriter& json, const Validation& v, const PublishedTable& what) {
  json.begin_object();
  json.member("table", what.table);
  json.member("statistic", what.statistic);
  json.member("left_out", v.left_out ? what.leave_out : std::string());
  json.member("groups", v.groups);
  json.key("calibration");
  json.begin_array();
  for (const std::string& network : v.calibration) json.value(network);
  json.end_array();
  json.member("impossible", v.impossible);
  json.member("by_features", v.by_features);
  write_parts(json, "parts", v.parts);
  write_parts(json, "baselines", v.baselines);
  json.key("runs");
  json.begin_array();
  for (const RunResult& run : v.runs) {
    json.begin_object();
    json.member("device", run.device);
    json.member("run", run.run);
    json.member("threads", run.threads);
    json.member("gpu", run.gpu);
    write_members(json, run.summary);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

std::string print_validation(const Validation& v, const PublishedTable& what) {
  std::string text = fmt::format(
      "{} from {} networks of each run: {}\n",
      v.left_out ? fmt::format("{} {}s left out in turn, estimated", v.groups, what.leave_out)
                 : fmt::format("{} {}s, estimated with {},", v.groups, what.leave_out, what.prior),
      v.calibration.size(), printable(fmt::format("{}", fmt::join(v.calibration, ", "))));
  if (v.by_features > 0)
    text += fmt::format("{} by features, of networks the prior does not know\n", v.by_features);
  if (v.impossible > 0) text += fmt::format("{} could not be estimated\n", v.impossible);
  std::vector<std::vector<std::string>> runs{kHeads}, parts{kHeads};
  for (const RunResult& run : v.runs)
    runs.push_back(cells(fmt::format("{}: {}", printable(run.device), run.run), run.summary));
  for (const PartResult& part : v.parts) parts.push_back(cells(part.name, part.summary));
  for (const PartResult& part : v.baselines)
    parts.push_back(cells("baseline: " + part.name, part.summary));
  return text + "\n" + table(runs, kRight) + "\n" + table(parts, kRight);
}

// Errors of every run and over all: medians, means and the worst ones, as shades.
report::HeatMap heat_map_of(std::string title, std::string corner,
                            const std::vector<std::pair<std::string, ErrorSummary>>& rows) {
  report::HeatMap map{std::move(title),
                      std::move(corner),
                      {"median", "mean", "95 % below", "most"},
                      {},
                      {},
                      "Relative errors. Shades change at 2, 5, 10, 20 and 50 %."};
  for (const auto& [name, s] : rows) {
    map.rows.push_back(report::short_name(name));
    map.cells.push_back({s.median, s.mean, s.p95, s.most});
  }
  return map;
}

using Rows = std::vector<std::pair<std::string, ErrorSummary>>;

report::Report report_of(std::string title, std::string subtitle, const Rows& runs,
                         const Rows& parts) {
  report::Report report;
  report.document.title = std::move(title);
  report.document.subtitle = std::move(subtitle);
  report::Section section;
  section.parts.emplace_back(heat_map_of("Errors by part", "part", parts));
  if (!runs.empty()) section.parts.emplace_back(heat_map_of("Errors by run", "run", runs));
  report::Table table{"Summary", {{kHeads[0], false, true}}, {}, {}};
  for (size_t i = 1; i < kHeads.size(); ++i) table.columns.push_back({kHeads[i], true});
  report.records.columns = {"name",
                            "n",
                            "median",
                            "mean",
                            "p95",
                            "max",
                            "within_5_percent",
                            "within_10_percent",
                            "within_20_percent",
                            "interval_coverage",
                            "interval_half_width",
                            "rank_correlation"};
  for (const Rows& rows : {parts, runs})
    for (const auto& [name, s] : rows) {
      table.rows.push_back(cells(report::short_name(name), s));
      report.records.rows.push_back({name, double(s.n), s.median, s.mean, s.p95, s.most, s.within_5,
                                     s.within_10, s.within_20, s.coverage, s.half_width, s.rank});
    }
  section.parts.emplace_back(std::move(table));
  report.document.sections.push_back(std::move(section));
  return report;
}

report::Report report_of(const Validation& v, const PublishedTable& what) {
  Rows runs, parts;
  for (const RunResult& run : v.runs)
    runs.emplace_back(fmt::format("{}: {}", run.device, run.run), run.summary);
  for (const PartResult& part : v.parts) parts.emplace_back(part.name, part.summary);
  for (const PartResult& part : v.baselines)
    parts.emplace_back("baseline: " + part.name, part.summary);
  report::Report report = report_of("Estimates against published latencies",
                                    report::short_name(what.table), runs, parts);
  JsonWriter json(report.json);
  write_validation(json, v, what);
  return report;
}

void write_energy(JsonWriter& json, const EnergyValidation& v, const PublishedEnergy& what) {
  json.begin_object();
  json.member("table", what.table);
  json.member("calibration_network", v.calibration);
  json.member("systems", v.systems);
  write_parts(json, "parts", v.parts);
  json.key("results");
  json.begin_array();
  for (const EnergyResult& r : v.results) {
    json.begin_object();
    json.member("system", r.system);
    json.member("network", r.network);
    json.member("estimated_j", r.estimated);
    json.member("measured_j", r.measured);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

report::Report report_of(const EnergyValidation& v, const PublishedEnergy& what) {
  Rows parts;
  for (const PartResult& part : v.parts) parts.emplace_back(part.name, part.summary);
  report::Report report =
      report_of("Energy against published measurements", report::short_name(what.table), {}, parts);
  JsonWriter json(report.json);
  write_energy(json, v, what);
  return report;
}

}  // namespace

Result<int> calibrate_table(const PublishedTable& what, const Arguments& arguments) {
  const Inputs inputs = TRY(open_inputs(what, arguments.limits));
  AtomicFile file = TRY(AtomicFile::create(what.output));
  Progress progress(arguments);
  const FitOptions options{what.calibration, what.source};
  const Prior prior =
      TRY(fit_bounded_prior(inputs.table, inputs.features, options, [&](size_t done, size_t all) {
        progress.show("leaving devices out", done, all);
      }));
  progress.hide();
  TRY(file.write(print_prior(prior)));
  TRY(file.commit());
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.member("prior", what.output);
      json.member("networks", prior.networks.size());
      json.member("runs", inputs.table.configurations.size());
      json.end_object();
    });
  } else {
    put(fmt::format("{} networks in {} runs; wrote {}\n", prior.networks.size(),
                    inputs.table.configurations.size(), printable(what.output)));
  }
  return 0;
}

Result<int> validate_table(const PublishedTable& what, const Arguments& arguments) {
  const auto files = TRY(report_files(arguments));
  const Inputs inputs = TRY(open_inputs(what, arguments.limits));
  Progress progress(arguments);
  Validation validation;
  if (what.prior.empty()) {
    validation = TRY(validate_left_out(
        inputs.table, inputs.features, {what.calibration, ""},
        [&](size_t done, size_t all) { progress.show("leaving devices out", done, all); }));
  } else {
    Prior prior = TRY(parse_prior(TRY(open_table(what.prior, arguments.limits))));
    if (!what.calibration.empty()) prior.calibration = what.calibration;
    for (const std::string& network : prior.calibration) {
      if (find_network(prior.networks, network)) continue;
      return fail(ErrorId::usage,
                  fmt::format("the prior {} does not know the network {}", what.prior, network));
    }
    validation = TRY(validate(prior, inputs.table, inputs.features));
  }
  progress.hide();
  if (arguments.json) {
    put_json([&](JsonWriter& json) { write_validation(json, validation, what); });
  } else {
    put(print_validation(validation, what));
  }
  TRY(write_reports(files, arguments, [&] { return report_of(validation, what); }));
  return 0;
}

Result<int> validate_energy_table(const PublishedEnergy& what, const Arguments& arguments) {
  const auto rows = TRY(read_energy(TRY(open_table(what.table, arguments.limits))));
  const EnergyValidation v = TRY(validate_energy(rows, what.calibration_network));
  const auto files = TRY(report_files(arguments));
  const auto report = [&] { return report_of(v, what); };
  if (arguments.json) {
    put_json([&](JsonWriter& json) { write_energy(json, v, what); });
    TRY(write_reports(files, arguments, report));
    return 0;
  }
  std::vector<std::vector<std::string>> parts{kHeads};
  for (const PartResult& part : v.parts) parts.push_back(cells(printable(part.name), part.summary));
  put(fmt::format("energy from the power of {} on {} systems, at the measured time\n\n{}",
                  printable(v.calibration), v.systems, table(parts, kRight)));
  TRY(write_reports(files, arguments, report));
  return 0;
}

std::vector<Flag> with_table_flags(std::vector<Flag> flags) {
  using Kind = Flag::Kind;
  for (const Flag& f :
       {Flag{"--table", Kind::text, "FILE.csv", "published latencies of networks on devices"},
        Flag{"--features", Kind::text, "FILE.csv", "of --table: multiply-adds of its networks"},
        Flag{"--statistic", Kind::text, "NAME", "of --table: which column", "avg", "avg|min|max"},
        Flag{"--leave-out", Kind::text, "COLUMN", "of --table: what is left out as a whole",
             "device"},
        Flag{"--calibration-models", Kind::text, "A,B,…",
             "of --table: networks whose times are known"}})
    flags.push_back(f);
  return flags;
}

Result<PublishedTable> published_table(const Arguments& arguments) {
  PublishedTable t;
  t.table = arguments.text("--table");
  t.features = arguments.text("--features");
  t.statistic = arguments.text("--statistic");
  t.leave_out = arguments.text("--leave-out");
  t.prior = arguments.text("--prior");
  if (!arguments.has("--calibration-models")) return t;
  for (std::string& name : names_in(arguments.text("--calibration-models"))) {
    if (name.empty())
      return fail(ErrorId::usage, "--calibration-models takes names with commas between");
    if (find_network(t.calibration, name))
      return fail(ErrorId::usage,
                  fmt::format("--calibration-models names {} twice", printable(name)));
    t.calibration.push_back(std::move(name));
  }
  return t;
}

Status refuse_table_flags(const Arguments& arguments) {
  return refuse_flags(
      arguments, {"--features", "--statistic", "--leave-out", "--calibration-models", "--prior"},
      "without --table");
}

}  // namespace hone::cli
