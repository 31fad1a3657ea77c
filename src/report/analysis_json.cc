// Analyses as JSON: the keys that others build on, and what came later.
#include "report/analysis.h"
#include "report/figures.h"

namespace hone::report {
namespace {

using estimate::Analysis;
using estimate::OperatorCost;

void write_peak(JsonWriter& json, const AnalyzedModel& model) {
  const estimate::MemoryPeak& peak = model.peak;
  json.key("peak");
  json.begin_object();
  json.member("step", peak.step);
  if (peak.step < model.work.steps.size()) {
    json.member("name", model.work.steps[peak.step].name);
    json.member("operator", model.work.steps[peak.step].op->name);
  }
  json.member("live_bytes", peak.live_bytes);
  json.member("least_of_any_order_bytes", peak.least_any_order_bytes);
  json.key("tensors");
  json.begin_array();
  for (const estimate::LiveTensor& t : peak.tensors) {
    json.begin_object();
    json.member("name", t.name);
    json.member("bytes", t.bytes);
    json.member("first_step", t.first);
    json.member("last_step", t.last);
    json.member("in_place", t.shares);
    json.end_object();
  }
  json.end_array();
  json.key("remedies");
  json.begin_array();
  for (const estimate::Remedy& r : peak.remedies) {
    json.begin_object();
    json.member("kind", r.kind);
    json.member("what", r.what);
    json.member("arena_bytes", r.arena_bytes);
    json.member("peak_memory_bytes", r.total_bytes);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_memory(JsonWriter& json, const AnalyzedModel& model) {
  const estimate::Memory m = estimate::memory_of(model.work);
  json.key("memory");
  json.begin_object();
  json.member("weights_bytes", m.weights);
  json.member("arena_bytes", m.arena);
  json.member("inputs_bytes", m.inputs);
  json.member("outputs_bytes", m.outputs);
  json.member("states_bytes", m.states);
  json.member("nested_arenas_bytes", m.nested_arenas);
  json.member("least_arena_bytes", model.work.peak_live_bytes);
  write_peak(json, model);
  json.key("arena_timeline_bytes");
  json.begin_array();
  for (const estimate::Step& s : model.work.steps) json.value(s.live_bytes);
  json.end_array();
  json.end_object();
}

void write_partition(JsonWriter& json, const std::vector<estimate::Group>& groups) {
  json.key("partition");
  json.begin_object();
  json.member("steps", groups.size());
  json.member("source_nodes", estimate::sources_of(groups));
  json.key("groups");
  json.begin_array();
  for (const estimate::Group& g : groups) {
    if (g.sources.size() < 2) continue;  // a node as it is
    json.begin_object();
    json.member("step", g.step);
    json.member("operator", g.op);
    json.member("with", g.with);
    json.key("nodes");
    json.begin_array();
    for (const std::string& source : g.sources) json.value(source);
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_operators(JsonWriter& json, const Analysis& a) {
  json.key("operators");
  json.begin_array();
  for (const OperatorCost& o : a.operators) {
    json.begin_object();
    json.member("step", int64_t(o.step));
    json.member("name", o.name);
    json.member("operator", o.op);
    json.member("family", o.family);
    if (!o.graph.empty()) json.member("graph", o.graph);
    json.member("trips", o.trips);
    json.member("macs", o.macs);
    json.member("flops", o.flops);
    json.member("bytes", o.bytes);
    json.member("bound_by", estimate::name(o.bound));
    write_quantity(json, "latency_s", o.seconds);
    json.end_object();
  }
  json.end_array();
}

// Shares by name.
template <class Name>
void write_shares(JsonWriter& json, std::string_view key, const std::array<double, 4>& shares) {
  json.key(key);
  json.begin_object();
  for (size_t i = 0; i < shares.size(); ++i) json.member(estimate::name(Name(i)), shares[i]);
  json.end_object();
}

}  // namespace

void write_json(JsonWriter& json, const AnalyzedRun& r) {
  const Analysis& a = r.analysis;
  json.begin_object();
  json.member("model", r.model->path);
  json.member("device", a.device);
  json.member("device_name", a.device_name);
  if (r.batch > 0) json.member("batch", r.batch);
  if (!r.phase.empty()) {
    json.member("phase", r.phase);
    json.member("sequences", r.sequences);
    json.member("tokens", r.tokens);
    json.member("depth", r.depth);
    write_quantity(json, r.phase == "prefill" ? "first_token_s" : "token_s", a.latency);
  }
  json.member("parameters", r.model->parameters);
  json.member("macs", r.model->work.macs);
  json.member("flops", r.model->work.flops);
  write_quantity(json, "latency_s", a.latency);
  write_quantity(json, "throughput_per_s", a.throughput);
  write_quantity(json, "peak_memory_bytes", a.peak_memory);
  for (const auto& [key, quantity] :
       {std::pair{"process_memory_bytes", &a.process_memory}, std::pair{"energy_j", &a.energy}}) {
    if (*quantity) {
      write_quantity(json, key, **quantity);
      continue;
    }
    json.key(key);
    json.null();
  }
  write_shares<estimate::Confidence>(json, "confidence_shares", estimate::confidence_shares(a));
  json.member("bound_by", estimate::name(a.bound_by));
  write_shares<estimate::Bound>(json, "bound_shares", a.bound_shares);
  write_memory(json, *r.model);
  write_partition(json, r.model->groups);
  json.member("uncovered", a.uncovered);
  json.key("uncovered_operators");
  json.begin_array();
  for (const std::string& name : a.unknown) json.value(name);
  json.end_array();
  write_operators(json, a);
  json.key("notes");
  json.begin_array();
  for (const std::string& note : a.notes) json.value(note);
  json.end_array();
  json.end_object();
}

void write_json(JsonWriter& json, const std::vector<AnalyzedRun>& runs) {
  if (runs.size() == 1) return write_json(json, runs[0]);
  json.begin_object();
  json.key("results");
  json.begin_array();
  for (const AnalyzedRun& r : runs) write_json(json, r);
  json.end_array();
  json.end_object();
}

}  // namespace hone::report
