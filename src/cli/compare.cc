// `hone compare`: models on devices, by what they will cost.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "api/analysis.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/estimates.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/report_files.h"
#include "report/escape.h"
#include "report/plots.h"

namespace hone::cli {
namespace {

using estimate::Quantity;

struct Entry {
  std::string model, device;
  Quantity latency, memory;
  std::optional<Quantity> energy;
  double macs = 0;
  size_t rank = 0;
  bool tie = false;   // with another one, as far as is known
  bool holds = true;  // every limit that was given
};

// What entries are ranked by: less is better.
const Quantity* measure_of(const Entry& e, std::string_view by) {
  if (by == "memory") return &e.memory;
  if (by == "energy") return e.energy ? &*e.energy : nullptr;
  return &e.latency;
}

// One that is not surely worse than the best of a rank shares it.
void rank(std::vector<Entry>& entries, std::string_view by) {
  std::ranges::stable_sort(entries, {}, [&](const Entry& e) {
    const Quantity* q = measure_of(e, by);
    return q ? q->value : INFINITY;
  });
  size_t first = 0;
  bool open = false;  // one of this rank may be any times as much
  for (size_t i = 0; i < entries.size(); ++i) {
    const Quantity *best = measure_of(entries[first], by), *q = measure_of(entries[i], by);
    // Nor is anything surely worse than one of which only a lower bound is known.
    const bool near = i > first && best && q && (open || q->low <= best->high);
    if (!near) first = i;
    open = near ? open || q->is_at_least() : q && q->is_at_least();
    entries[i].rank = first + 1;
    entries[i].tie = near;
    if (near) entries[first].tie = true;
  }
}

// "50ms", "0.2J", "10MB" in base units.
struct Suffix {
  std::string_view name;
  double factor;
};
Result<double> limit_of(const Arguments& arguments, std::string_view flag,
                        std::initializer_list<Suffix> suffixes) {
  if (!arguments.has(flag)) return double(INFINITY);
  const std::string text = arguments.text(flag);
  size_t end = 0;
  while (end < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[end])) || text[end] == '.'))
    ++end;
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + end, value);
  for (const Suffix& s : suffixes)
    if (read.ec == std::errc() && read.ptr == text.data() + end && text.substr(end) == s.name &&
        value > 0)
      return value * s.factor;
  Error error = fail(ErrorId::usage,
                     std::string(flag) + " does not take '" + std::string(printable(text)) + "'");
  error.hint = "a number and one of the units";
  for (const Suffix& s : suffixes) error.hint += " " + std::string(s.name);
  return error;
}

// A device that cannot be estimated, or cannot run such a model.
struct LeftOut {
  std::string model, device, reason;
};

void write(JsonWriter& json, const std::vector<Entry>& entries,
           const std::vector<LeftOut>& left_out, std::string_view by) {
  json.begin_object();
  json.member("by", by);
  json.key("results");
  json.begin_array();
  for (const Entry& e : entries) {
    json.begin_object();
    json.member("rank", int64_t(e.rank));
    json.member("tie", e.tie);
    json.member("model", e.model);
    json.member("device", e.device);
    json.member("macs", e.macs);
    write_quantity(json, "latency_s", e.latency);
    write_quantity(json, "peak_memory_bytes", e.memory);
    if (e.energy) {
      write_quantity(json, "energy_j", *e.energy);
    } else {
      json.key("energy_j");
      json.null();
    }
    json.member("holds", e.holds);
    json.end_object();
  }
  json.end_array();
  json.key("left_out");
  json.begin_array();
  for (const LeftOut& l : left_out) {
    json.begin_object();
    json.member("model", l.model);
    json.member("device", l.device);
    json.member("reason", l.reason);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

// A line for each device and reason.
std::string text_of(const std::vector<LeftOut>& left_out) {
  std::string text;
  std::set<std::string> told;
  for (const LeftOut& l : left_out)
    if (told.insert(l.device + l.reason).second)
      text += fmt::format("left out: {}: {}\n", printable(l.device), l.reason);
  return text;
}

std::string text_of(const std::vector<Entry>& entries, bool limits) {
  std::vector<std::vector<std::string>> rows{
      {"rank", "model", "device", "latency", "90 %", "memory", "energy", "confidence"}};
  if (limits) rows[0].emplace_back("limits");
  for (const Entry& e : entries) {
    rows.push_back({fmt::format("{}{}", e.rank, e.tie ? " tie" : ""),
                    std::string(printable(e.model)), e.device,
                    report::bound_text(e.latency, time_text),
                    report::interval_text(e.latency, time_text),
                    report::bound_text(e.memory, report::bytes_text),
                    e.energy ? report::bound_text(*e.energy, energy_text) : "-",
                    std::string(estimate::name(e.latency.confidence))});
    if (limits) rows.back().emplace_back(e.holds ? "hold" : "do not hold");
  }
  return table(rows, {3, 5, 6});
}

// Intervals of what is compared, below the table.
report::Report report_of(const std::vector<Entry>& entries, const std::vector<LeftOut>& left_out,
                         std::string_view by, bool limits) {
  report::Report report;
  report::Table table{"",
                      {{"rank"},
                       {"model", false, true},
                       {"device"},
                       {"latency", true},
                       {"90 % interval", true},
                       {"peak memory", true},
                       {"energy", true},
                       {"confidence"}},
                      {},
                      "One that is not surely worse than the best of a rank shares it: their 90 % "
                      "intervals overlap."};
  if (limits) table.columns.push_back({"limits"});
  report::Records& records = report.records;
  records.columns = {
      "rank",      "tie",           "model",          "device",     "macs",
      "latency_s", "latency_low_s", "latency_high_s", "confidence", "peak_memory_bytes",
      "energy_j",  "holds"};
  constexpr size_t kMostRows = 2000;
  if (entries.size() > kMostRows)
    table.note +=
        fmt::format(" The first {} of {}; CSV and JSON have all.", kMostRows, entries.size());
  std::vector<report::Interval> rows;
  for (const Entry& e : entries) {
    table.rows.push_back(
        {fmt::format("{}{}", e.rank, e.tie ? " tie" : ""), report::short_name(e.model), e.device,
         report::bound_text(e.latency, time_text), report::interval_text(e.latency, time_text),
         report::bound_text(e.memory, report::bytes_text),
         e.energy ? report::bound_text(*e.energy, energy_text) : "-",
         std::string(estimate::name(e.latency.confidence))});
    if (limits) table.rows.back().emplace_back(e.holds ? "hold" : "do not hold");
    records.rows.push_back({double(e.rank), std::string(e.tie ? "yes" : "no"), e.model, e.device,
                            e.macs, e.latency.value, e.latency.low, e.latency.high,
                            std::string(estimate::name(e.latency.confidence)), e.memory.value,
                            e.energy ? e.energy->value : std::nan(""),
                            std::string(e.holds ? "yes" : "no")});
    if (const Quantity* q = measure_of(e, by))
      rows.push_back({e.model + " on " + e.device, *q, e.tie});
  }
  std::string (*text)(double) = by == "memory"   ? report::bytes_text
                                : by == "energy" ? energy_text
                                                 : time_text;
  if (table.rows.size() > kMostRows) table.rows.resize(kMostRows);
  report.document.title = fmt::format("{} estimates compared by {}", entries.size(), by);
  report.document.sections.push_back(
      {"",
       {std::move(table), report::intervals("Intervals", rows, text, std::string(by)),
        report::Paragraph{"Those that share a rank have another colour."}}});
  if (!left_out.empty())
    report.document.sections.back().parts.push_back(report::Paragraph{text_of(left_out)});
  JsonWriter json(report.json);
  write(json, entries, left_out, by);
  return report;
}

// `all` is every device of the registry.
std::vector<std::string> devices_in(const std::string& text, const DeviceRegistry& registry) {
  if (text != "all") return names_in(text);
  std::vector<std::string> ids;
  for (const Device& d : registry.all().devices) ids.push_back(d.id);
  return ids;
}

Result<int> run(const Arguments& arguments) {
  const auto files = TRY(report_files(arguments));
  const double latency =
      TRY(limit_of(arguments, "--max-latency", {{"ms", 1e-3}, {"us", 1e-6}, {"s", 1}}));
  const double energy =
      TRY(limit_of(arguments, "--max-energy", {{"mJ", 1e-3}, {"uJ", 1e-6}, {"J", 1}}));
  const double memory =
      TRY(limit_of(arguments, "--max-memory", {{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}}));
  const bool limits = std::isfinite(latency) || std::isfinite(energy) || std::isfinite(memory);
  const DeviceRegistry registry;
  std::vector<Entry> entries;
  std::vector<LeftOut> left_out;
  std::optional<Error> first;
  for (const std::string& path : arguments.positionals()) {
    const OpenedWorkload opened =
        TRY(open_workload(path, open_options(arguments), TRY(dim_bindings(arguments))));
    for (const std::string& device : devices_in(arguments.text("--device"), registry)) {
      const auto a =
          analyze_on(opened, registry, device, 1, {arguments.threads, {}, {}, arguments.limits});
      if (!a && a.error().id == ErrorId::unsupported_feature) {
        left_out.push_back({path, device, a.error().message});
        if (!first) first = a.error();
        continue;
      }
      if (!a) return a.error();
      Entry e{path, a->device, a->latency, a->peak_memory, a->energy, opened.work.macs};
      // Only what surely holds does.
      e.holds = a->latency.high <= latency && a->peak_memory.high <= memory &&
                (!std::isfinite(energy) || (a->energy && a->energy->high <= energy));
      entries.push_back(std::move(e));
    }
  }
  if (entries.empty() && first) return *first;
  const std::string by = arguments.text("--by");
  rank(entries, by);
  if (arguments.json)
    put_json([&](JsonWriter& json) { write(json, entries, left_out, by); });
  else
    put(text_of(entries, limits) + text_of(left_out));
  TRY(write_reports(files, arguments, [&] { return report_of(entries, left_out, by, limits); }));
  return !limits || std::ranges::any_of(entries, &Entry::holds) ? 0 : 1;
}

}  // namespace

const Command& compare_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "compare",
      .summary = "Rank models on devices by what they will cost.",
      .examples =
          "$ hone compare small.onnx large.onnx --device raspberry_pi_5,nvidia_t4\n"
          "$ hone compare *.onnx --device host --by memory --report ranks.html\n"
          "$ hone compare a.onnx b.onnx --device raspberry_pi_5 --max-latency 50ms --max-energy "
          "0.2J",
      .details =
          "One that is not surely worse than the best of a rank shares it: their 90 % intervals "
          "overlap, and\n\"tie\" says so. Limits hold where the whole interval does. Exits 1 where "
          "limits are given and nothing\nkeeps them.",
      .positionals = {{"MODEL", "the model files", 1, kAny, true}},
      .flags = with_report_flags(
          {{"--device", Kind::text, "ID[,ID…]",
            "devices of the registry (`hone devices`), files, host, or all of the registry",
            "host"},
           {"--by", Kind::text, "WHAT", "what is compared", "latency", "latency|memory|energy"},
           {"--bind", Kind::texts, "SYMBOL=SIZE",
            "the size of a symbolic dimension, of axis INPUT:AXIS, or the value of a small input; "
            "1 "
            "without"},
           {"--max-latency", Kind::text, "TIME", "such as 50ms"},
           {"--max-energy", Kind::text, "ENERGY", "such as 0.2J"},
           {"--max-memory", Kind::text, "SIZE", "such as 10MB"}}),
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
