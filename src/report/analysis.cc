#include "report/analysis.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "report/escape.h"
#include "report/figures.h"
#include "report/plots.h"

namespace hone::report {
namespace {

using estimate::Analysis;
using estimate::Group;
using estimate::LiveTensor;
using estimate::MemoryPeak;
using estimate::OperatorCost;
using estimate::Quantity;

// Of one report, whatever the model: rows and points are divided among its runs.
constexpr size_t kMostRows = 500, kMostPoints = 500, kLeastRows = 15, kMostGroups = 200,
                 kMostTensors = 50, kMostNodes = 12;

std::string device_text(const Analysis& a) {
  return a.device_name.empty() ? a.device : a.device_name;
}

std::string run_title(const AnalyzedRun& r) { return device_text(r.analysis) + r.model->sizes; }

std::string described(const Quantity& q, std::string (*text)(double)) {
  if (q.confidence == estimate::Confidence::exact) return text(q.value) + " (exact)";
  return fmt::format("{}, 90 % interval {} ({})", bound_text(q, text), interval_text(q, text),
                     estimate::name(q.confidence));
}

std::string throughput_text(double rate) {
  return (rate < 1e4 ? fmt::format("{:.4g}", rate) : count_text(rate)) + " a second";
}

std::string steps_text(const LiveTensor& t) {
  return t.first == t.last ? fmt::format("step {}", t.first + 1)
                           : fmt::format("steps {} to {}", t.first + 1, t.last + 1);
}

std::string nodes_text(const std::vector<std::string>& sources, size_t most) {
  std::string text;
  for (size_t i = 0; i < sources.size() && i < most; ++i)
    text += (i > 0 ? ", " : "") + short_name(sources[i]);
  if (sources.size() > most) text += fmt::format(" and {} more", sources.size() - most);
  return text;
}

// The file with its folder: many are called model.onnx.
std::string title_of(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) slash = path.rfind('/', slash - 1);
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string steps_text(const estimate::Workload& work) {
  if (work.nested.empty()) return fmt::format("{}", work.steps.size());
  return fmt::format("{}, and {} of nested graphs", work.steps.size(),
                     work.step_count() - work.steps.size());
}

Facts facts_of(const AnalyzedModel& m) {
  const estimate::Memory memory = estimate::memory_of(m.work);
  return {{{"parameters", count_text(double(m.parameters))},
           {"MACs", count_text(m.work.macs)},
           {"FLOPs", count_text(m.work.flops) + ", of which a multiply-add is two"},
           {"weights", bytes_text(double(memory.weights))},
           {"steps", steps_text(m.work)}}};
}

Facts facts_of(const AnalyzedRun& r) {
  const Analysis& a = r.analysis;
  const estimate::Memory m = estimate::memory_of(r.model->work);
  const std::string_view latency = r.phase == "prefill"  ? "time to the first token"
                                   : r.phase == "decode" ? "time for one more token"
                                                         : "latency";
  Facts facts{
      {{std::string(latency), described(a.latency, time_text)},
       {"throughput", described(a.throughput, throughput_text)},
       {"peak memory",
        described(a.peak_memory, bytes_text) +
            fmt::format(": weights {}, arena {}{}, inputs {}, outputs {}, states {}",
                        bytes_text(double(m.weights)), bytes_text(double(m.arena)),
                        nested_arenas_text(m), bytes_text(double(m.inputs)),
                        bytes_text(double(m.outputs)), bytes_text(double(m.states)))},
       {"energy", a.energy ? described(*a.energy, energy_text) : "not known: no power figure"},
       {"rests on", confidence_text(a)},
       {"source of times", a.latency.source},
       {"source of memory", a.peak_memory.source}}};
  if (a.process_memory)
    facts.rows.emplace_back("memory of the process", described(*a.process_memory, bytes_text));
  if (a.energy) facts.rows.emplace_back("source of energy", a.energy->source);
  if (a.uncovered > 0)
    facts.rows.emplace_back("not covered", percent_text(a.uncovered) + " of steps: " +
                                               fmt::format("{}", fmt::join(a.unknown, ", ")));
  for (const std::string& note : a.notes) facts.rows.emplace_back("note", note);
  return facts;
}

// The slowest operators in the order of running.
Table operators_of(const Analysis& a, size_t most) {
  Table table{"Operators",
              {{"step", true},
               {"operator"},
               {"family"},
               {"MACs", true},
               {"bytes", true},
               {"time", true},
               {"90 % interval", true},
               {"of all", true},
               {"bound by"},
               {"name", false, true}},
              {},
              {}};
  double all = 0;
  for (const OperatorCost& o : a.operators) all += o.seconds.value;
  auto shown = estimate::slowest(a, most);
  double share = 0;
  for (const OperatorCost* o : shown) share += o->seconds.value / std::max(all, 1e-300);
  std::ranges::sort(shown, {}, &OperatorCost::step);
  for (const OperatorCost* o : shown)
    table.rows.push_back({fmt::format("{}", o->step + 1), o->op, o->family, count_text(o->macs),
                          bytes_text(o->bytes), time_text(o->seconds.value),
                          interval_text(o->seconds, time_text),
                          fmt::format("{:.1f} %", 100 * o->seconds.value / std::max(all, 1e-300)),
                          std::string(estimate::name(o->bound)), short_name(o->name)});
  if (!std::ranges::all_of(a.operators, [](const OperatorCost& o) { return o.graph.empty(); })) {
    table.columns.insert(table.columns.begin() + 1, {"trips", true});
    for (size_t i = 0; i < shown.size(); ++i)
      table.rows[i].insert(table.rows[i].begin() + 1, fmt::format("{:g}", shown[i]->trips));
    table.note =
        "Steps of nested graphs stand with the step that runs them; their figures are of all "
        "trips. ";
  }
  if (shown.size() < a.operators.size())
    table.note +=
        fmt::format("The {} slowest of {} operators, {} of their time; CSV and JSON have all.",
                    shown.size(), a.operators.size(), percent_text(share));
  return table;
}

Table families_of(const Analysis& a) {
  struct Sum {
    size_t steps = 0;
    double macs = 0, bytes = 0, seconds = 0;
  };
  std::map<std::string, Sum> sums;
  double all = 0;
  for (const OperatorCost& o : a.operators) {
    Sum& s = sums[o.family];
    ++s.steps;
    s.macs += o.macs;
    s.bytes += o.bytes;
    s.seconds += o.seconds.value;
    all += o.seconds.value;
  }
  std::vector<std::pair<std::string, Sum>> sorted(sums.begin(), sums.end());
  std::ranges::stable_sort(sorted, std::greater<>(),
                           [](const auto& p) { return p.second.seconds; });
  Table table{"Families of kernels",
              {{"family"},
               {"steps", true},
               {"MACs", true},
               {"bytes", true},
               {"time", true},
               {"of all", true}},
              {},
              {}};
  for (const auto& [name, s] : sorted)
    table.rows.push_back({name, fmt::format("{}", s.steps), count_text(s.macs), bytes_text(s.bytes),
                          time_text(s.seconds),
                          fmt::format("{:.1f} %", 100 * s.seconds / std::max(all, 1e-300))});
  return table;
}

Table alive_of(const MemoryPeak& peak) {
  Table table{fmt::format("Alive at step {}", peak.step + 1),
              {{"tensor", false, true},
               {"bytes", true},
               {"made at step", true},
               {"needed until", true},
               {""}},
              {},
              {}};
  for (const LiveTensor& t : peak.tensors) {
    if (table.rows.size() == kMostTensors) {
      table.note = fmt::format("and {} more", peak.tensors.size() - kMostTensors);
      break;
    }
    table.rows.push_back({short_name(t.name), bytes_text(double(t.bytes)),
                          fmt::format("{}", t.first + 1), fmt::format("{}", t.last + 1),
                          t.shares ? "in the place of another" : ""});
  }
  return table;
}

Table remedies_of(const AnalyzedModel& m) {
  Table table{
      "What would lower it",
      {{"with", false, true}, {"arena", true}, {"peak memory", true}, {"less", true}},
      {},
      fmt::format("Each is planned anew. No order of the steps gets by with an arena of less "
                  "than {}.",
                  bytes_text(double(m.peak.least_any_order_bytes)))};
  const auto total = double(estimate::memory_of(m.work).total());
  for (const estimate::Remedy& r : m.peak.remedies)
    table.rows.push_back({r.what, bytes_text(double(r.arena_bytes)),
                          bytes_text(double(r.total_bytes)),
                          fmt::format("{:.1f} %", 100 * (1 - double(r.total_bytes) / total))});
  return table;
}

Table partition_of(const std::vector<Group>& groups) {
  Table table{
      "", {{"step", true}, {"operator"}, {"with"}, {"nodes of the file", false, true}}, {}, {}};
  size_t fused = 0;
  for (const Group& g : groups) {
    if (g.sources.size() < 2) continue;
    if (++fused > kMostGroups) continue;
    table.rows.push_back(
        {fmt::format("{}", g.step + 1), g.op, g.with, nodes_text(g.sources, kMostNodes)});
  }
  if (fused > kMostGroups)
    table.note = fmt::format("The first {} of {} groups; JSON has all.", kMostGroups, fused);
  return table;
}

Section memory_section(const AnalyzedModel& m) {
  Section section{"Memory" + m.sizes, {}};
  if (m.work.arena_bytes <= 0) {
    section.parts.emplace_back(Paragraph{"Nothing lies in an arena."});
  } else {
    section.parts.emplace_back(memory_timeline(m.work, m.peak));
    section.parts.emplace_back(alive_of(m.peak));
  }
  if (!m.peak.remedies.empty()) section.parts.emplace_back(remedies_of(m));
  return section;
}

Section partition_section(const AnalyzedModel& m) {
  Section section{"Partition" + m.sizes, {Paragraph{partition_text(m.groups) + "."}}};
  Table table = partition_of(m.groups);
  if (!table.rows.empty()) section.parts.emplace_back(std::move(table));
  return section;
}

Section run_section(const AnalyzedRun& r, size_t runs) {
  Section section{run_title(r), {facts_of(r), bounds(r.analysis)}};
  Figure roofs = roofline(r.analysis, std::max(kLeastRows, kMostPoints / runs));
  if (!roofs.svg.empty()) section.parts.emplace_back(std::move(roofs));
  section.parts.emplace_back(families_of(r.analysis));
  section.parts.emplace_back(operators_of(r.analysis, std::max(kLeastRows, kMostRows / runs)));
  return section;
}

Section overview(const std::vector<AnalyzedRun>& runs) {
  Table table{"",
              {{"device"},
               {"latency", true},
               {"90 % interval", true},
               {"throughput", true},
               {"peak memory", true},
               {"energy", true},
               {"bound by"},
               {"confidence"}},
              {},
              {}};
  std::vector<Interval> rows;
  for (const AnalyzedRun& r : runs) {
    const Analysis& a = r.analysis;
    table.rows.push_back(
        {run_title(r), bound_text(a.latency, time_text), interval_text(a.latency, time_text),
         bound_text(a.throughput, throughput_text), bound_text(a.peak_memory, bytes_text),
         a.energy ? bound_text(*a.energy, energy_text) : "-",
         std::string(estimate::name(a.bound_by)), confidence_text(a)});
    rows.push_back({run_title(r), a.latency});
  }
  return {"Overview", {std::move(table), intervals("Latency", rows, time_text, "time")}};
}

Records records_of(const std::vector<AnalyzedRun>& runs) {
  Records records{{"model", "device", "batch", "phase", "step", "name", "operator", "family",
                   "macs", "flops", "bytes", "latency_s", "latency_low_s", "latency_high_s",
                   "confidence", "bound_by", "graph", "trips"},
                  {}};
  for (const AnalyzedRun& r : runs)
    for (const OperatorCost& o : r.analysis.operators)
      records.rows.push_back(
          {r.model->path, r.analysis.device,
           r.batch > 0 ? Records::Cell(double(r.batch)) : Records::Cell(std::string()), r.phase,
           double(o.step), o.name, o.op, o.family, o.macs, o.flops, o.bytes, o.seconds.value,
           o.seconds.low, o.seconds.high, std::string(estimate::name(o.seconds.confidence)),
           std::string(estimate::name(o.bound)), o.graph, o.trips});
  return records;
}

}  // namespace

std::string confidence_text(const Analysis& analysis) {
  const auto shares = estimate::confidence_shares(analysis);
  if (std::ranges::count_if(shares, [](double share) { return share > 0; }) == 1)
    return std::string(estimate::name(analysis.latency.confidence));
  std::string text;
  for (size_t c = 0; c < shares.size(); ++c)
    if (shares[c] > 0)
      text +=
          fmt::format("{}{} {}{}", text.empty() ? "" : ", ",
                      shares[c] < 0.01 ? "under 1 %" : percent_text(shares[c]),
                      text.empty() ? "of the time " : "", estimate::name(estimate::Confidence(c)));
  return text;
}

std::string nested_arenas_text(const estimate::Memory& m) {
  if (m.nested_arenas == 0) return {};
  return ", of nested graphs " + bytes_text(double(m.nested_arenas));
}

std::string alive_text(const MemoryPeak& peak, size_t most) {
  std::string text;
  size_t shown = 0, all = 0;
  for (const LiveTensor& t : peak.tensors) {
    if (t.shares) continue;  // its bytes are those of another one
    ++all;
    if (shown == most) continue;
    text += fmt::format("{}'{}' {} ({})", shown++ > 0 ? ", " : "", short_name(t.name),
                        bytes_text(double(t.bytes)), steps_text(t));
  }
  if (all > shown) text += fmt::format(" and {} more", all - shown);
  return text;
}

std::string remedies_text(const MemoryPeak& peak, const estimate::Workload& work, size_t most) {
  std::string text;
  size_t shown = 0;
  for (const estimate::Remedy& r : peak.remedies) {
    if (shown == most) break;
    if (r.kind.ends_with("_8_bit")) continue;  // like those of 16, and further away
    const bool arena = r.arena_bytes < work.arena_bytes;
    text += fmt::format("{}{}: {}{}", shown++ > 0 ? "; " : "", r.what,
                        bytes_text(double(arena ? r.arena_bytes : r.total_bytes)),
                        arena ? " of arena" : " in all");
  }
  return text;
}

std::string partition_text(const std::vector<Group>& groups) {
  const size_t sources = estimate::sources_of(groups);
  if (sources == 0) return fmt::format("{} steps", groups.size());
  std::string text =
      fmt::format("{} node{} of the file in {} step{}", sources, sources == 1 ? "" : "s",
                  groups.size(), groups.size() == 1 ? "" : "s");
  for (const Group* g : estimate::largest_groups(groups, 1))
    text += fmt::format("; most in step {}, {}{}: {}", g->step + 1, g->op,
                        g->with.empty() ? "" : " (" + g->with + ")", nodes_text(g->sources, 4));
  return text;
}

Report report_of(const std::vector<AnalyzedRun>& runs) {
  Report report;
  const AnalyzedModel& first = *runs[0].model;
  Document& d = report.document;
  d.title = short_name(title_of(first.path));
  d.subtitle = "What the model will cost, estimated before it runs. " + short_name(first.path);
  d.sections.push_back({"", {facts_of(first)}});
  if (runs.size() > 1) d.sections.push_back(overview(runs));
  const AnalyzedModel* last = nullptr;
  for (const AnalyzedRun& r : runs) {
    if (last && last != r.model.get()) {
      d.sections.push_back(memory_section(*last));
      d.sections.push_back(partition_section(*last));
    }
    last = r.model.get();
    d.sections.push_back(run_section(r, runs.size()));
  }
  d.sections.push_back(memory_section(*last));
  d.sections.push_back(partition_section(*last));
  report.records = records_of(runs);
  JsonWriter json(report.json);
  write_json(json, runs);
  return report;
}

}  // namespace hone::report
