#include "cli/benchmark_suite.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <thread>

#include "base/process.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "cli/benchmark_rows.h"
#include "cli/benchmark_subjects.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "hardware/host.h"
#include "measure/contestant.h"
#include "measure/suite_session.h"
#include "measure/suites.h"

namespace hone::cli {
namespace {

using measure::Suite;
using measure::SuiteCase;
using measure::SuiteSession;
using measure::Typical;
using measure::Visit;

// Of a sample, so that clocks and single interruptions weigh little; and how many a visit has
// about.
constexpr double kLeastSample = 3e-4, kSamples = 40;
constexpr double kWarmUp = 0.1;

// What is measured, from the suite and the flags that change it.
struct Plan {
  Suite suite;
  std::vector<const workers::Engine*> engines;
  std::vector<int> threads;
  std::string command;
  std::string text;  // everything that makes two sessions the same
};

std::string joined(const std::vector<int>& numbers) {
  return fmt::format("{}", fmt::join(numbers, ","));
}

Status add_models(const Arguments& arguments, Suite& suite) {
  for (const std::string& path : arguments.positionals()) {
    SuiteCase c;
    c.name = printable(path);
    c.model = path;
    if (std::ranges::any_of(suite.cases,
                            [&](const SuiteCase& other) { return other.name == c.name; }))
      return fail(ErrorId::usage, "'" + c.name + "' is a case of the suite already");
    suite.cases.push_back(std::move(c));
  }
  return ok();
}

Result<Plan> plan_of(const Arguments& arguments, const std::vector<int>& counts) {
  Plan plan;
  plan.suite = TRY(measure::find_suite(arguments.text("--suite")));
  Suite& suite = plan.suite;
  TRY(add_models(arguments, suite));
  if (arguments.has("--seconds")) suite.seconds = arguments.real("--seconds");
  if (arguments.has("--rounds")) suite.rounds = int(arguments.integer("--rounds"));
  const std::string engines = arguments.has("--engines")
                                  ? arguments.text("--engines")
                                  : fmt::format("{}", fmt::join(suite.engines, ","));
  plan.engines = TRY(engines_in(engines));
  plan.threads = !counts.empty()          ? counts
                 : !suite.threads.empty() ? suite.threads
                                          : std::vector<int>{ThreadPool(arguments.threads).size()};
  std::string what = fmt::format("hone benchmark --suite {} --engines {} --sweep-threads {}",
                                 suite.id, engines, joined(plan.threads));
  for (const std::string& model : arguments.positionals()) what += " " + model;
  for (const std::string& bind : arguments.texts("--bind")) what += " --bind " + bind;
  what += fmt::format(" --seconds {} --seed {}", suite.seconds, arguments.integer("--seed"));
  plan.command = what + fmt::format(" --rounds {}", suite.rounds);
  // Not the rounds: more of them go on with what is too noisy yet.
  plan.text = what + "\n" + suite.text + "\n" + cpu_fingerprint() + "\n" + TRY(program_hash());
  return plan;
}

std::vector<measure::Slot> slots_of(const Plan& plan) {
  std::vector<measure::Slot> slots;
  for (const SuiteCase& c : plan.suite.cases)
    for (const workers::Engine* engine : plan.engines)
      for (const int threads : plan.threads)
        slots.push_back({c.name, std::string(engine->name), threads});
  return slots;
}

// Runs one suite.
class Runner {
 public:
  Runner(const Arguments& arguments, Plan plan, std::string samples)
      : arguments_(arguments),
        plan_(std::move(plan)),
        samples_(std::move(samples)),
        workshop_(arguments) {}

  Status run() {
    TRY(begin());
    find_sensors();
    Progress progress(arguments_);
    while (const auto next = session_->next()) {
      const measure::Slot& slot = session_->slots()[next->slot];
      progress.show(fmt::format("{}, {}, {} threads, round {}: step", printable(slot.subject),
                                slot.engine, slot.threads, next->round + 1),
                    session_->done(), session_->all());
      TRY(visit(next->slot, next->round));
    }
    return ok();
  }

  int report() const {
    if (arguments_.json)
      put_json([&](JsonWriter& json) { write(json); });
    else
      put(text());
    return exit_code();
  }

 private:
  Status begin() {
    std::string id;
    if (arguments_.on("--resume") && std::filesystem::exists(samples_)) {
      const measure::SampleFile file = TRY(measure::read_samples(samples_));
      id = measure::session_of(file, plan_.text);
      if (!id.empty()) {
        session_.emplace(id, slots_of(plan_), plan_.suite.rounds);
        for (const Visit& v : file.visits) session_->take(v);
        resumed_ = session_->done();
      }
    }
    if (arguments_.on("--resume") && id.empty())
      note(arguments_, "there is no session of this suite to go on with: it begins anew");
    TRY(measure::check_appendable(samples_));
    if (!session_)
      session_.emplace(measure::new_session(measure::utc_now(), plan_.text), slots_of(plan_),
                       plan_.suite.rounds);
    failures_.resize(session_->slots().size());
    return ok();
  }

  void find_sensors() {
    const std::string which = arguments_.text("--energy");
    sensors_ = measure::find_energy_sensors(
        {.cpu = which == "cpu" || which == "all", .gpu = which == "gpu" || which == "all"});
    for (const std::string& absent : sensors_.absent)
      note(arguments_, "no energy of the " + absent);
  }

  const SuiteCase& case_of(size_t slot) const {
    return plan_.suite.cases[slot / (plan_.engines.size() * plan_.threads.size())];
  }
  const workers::Engine& engine_of(size_t slot) const {
    return *plan_.engines[slot / plan_.threads.size() % plan_.engines.size()];
  }

  Result<ModelUnderTest> prepare(const SuiteCase& c) {
    std::vector<std::string> binds = arguments_.texts("--bind");
    if (!c.bind.empty()) binds.clear();
    for (const auto& [symbol, size] : c.bind) binds.push_back(fmt::format("{}={}", symbol, size));
    const std::string path = c.op.empty() ? c.model : TRY(workshop_.operator_file(c.op, c.dims));
    ModelUnderTest model = TRY(prepare_subject(arguments_, path, binds));
    model.name = c.name;
    model.op = c.op;
    model.dims = c.dims;
    if (std::ranges::any_of(plan_.engines, [](auto* e) { return e->compiled; }) &&
        model.subject.compiled.empty())
      model.subject.compiled = TRY(workshop_.compile(path)).output;
    return model;
  }

  // None, where it cannot be made ready: all slots of the case are given up.
  const ModelUnderTest* subject(size_t slot) {
    const SuiteCase& c = case_of(slot);
    if (const auto known = subjects_.find(c.name); known != subjects_.end()) return &known->second;
    auto model = prepare(c);
    if (model) return &subjects_.emplace(c.name, model.take()).first->second;
    for (size_t i = 0; i < failures_.size(); ++i)
      if (case_of(i).name == c.name) give_up(i, model.error().message);
    return nullptr;
  }

  void give_up(size_t slot, std::string reason) {
    failures_[slot] = std::move(reason);
    session_->give_up(slot);
  }

  measure::Plan protocol(size_t slot) const {
    measure::Plan plan;
    plan.python = arguments_.config.text("engines.python");
    plan.threads = session_->slots()[slot].threads;
    plan.seconds = plan_.suite.seconds;
    plan.limits = arguments_.limits;
    plan.follow_links = arguments_.config.boolean("follow_links");
    const v1::CompileOptions compiling = compile_options(arguments_.config, "cached");
    if (compiling.measure != "never") plan.measurements = compiling.cache;
    return plan;
  }

  // A fresh process: what memory it got and where is drawn anew each round.
  Status visit(size_t slot, int round) {
    const ModelUnderTest* model = subject(slot);
    if (model == nullptr) return ok();
    const measure::Plan plan = protocol(slot);
    Visit visit;
    visit.key = environment_of(plan_.command);
    measure::Contestant contestant(model->subject, plan, engine_of(slot));
    contestant.prepare(std::min(kWarmUp, plan.seconds));
    contestant.take_samples(kLeastSample, kSamples);
    if (round == 0) TRY(take_energy(contestant, visit));
    contestant.finish();
    const measure::Measured& m = contestant.result;
    if (!m.error.empty() || !m.parity.equal) {
      give_up(slot, m.error.empty() ? m.parity.reason : m.error);
      return ok();
    }
    visit.key.session = session_->id();
    visit.key.suite = plan_.suite.id;
    visit.key.subject = model->name;
    visit.key.engine = m.engine->name;
    visit.key.version = m.version;
    visit.key.threads = plan.threads;
    visit.key.round = round;
    visit.samples = m.samples.at(0);
    visit.load_s = m.load_s;
    visit.first_s = m.first_s;
    visit.idle_memory_bytes = m.idle_memory_bytes;
    visit.resident_memory_bytes = m.resident_memory_bytes;
    visit.peak_memory_bytes = m.peak_memory_bytes;
    TRY(measure::append_visits(samples_, {visit}));
    session_->take(visit);
    return ok();
  }

  Status take_energy(measure::Contestant& contestant, Visit& visit) {
    if (sensors_.found.empty() || !contestant.ready()) return ok();
    const double window = measure::energy_window(sensors_.found);
    int64_t runs = 0;
    std::vector<measure::EnergyReading> readings = TRY(measure::measure_energy(
        sensors_.found,
        [&]() -> Status {
          runs = TRY(contestant.work(window));
          return ok();
        },
        [&] { contestant.settle(); },
        [](double seconds) {
          std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
        }));
    for (measure::EnergyReading& r : readings) visit.energy.push_back({std::move(r), runs});
    return ok();
  }

  const ModelUnderTest* known(size_t slot) const {
    const auto it = subjects_.find(case_of(slot).name);
    return it == subjects_.end() ? nullptr : &it->second;
  }
  Typical typical(size_t slot) const {
    return measure::typical_of(session_->rounds(slot), session_->slots()[slot].threads);
  }
  uint64_t peak_memory(size_t slot) const {
    uint64_t most = 0;
    for (const Visit& v : session_->visits(slot)) most = std::max(most, v.peak_memory_bytes);
    return most;
  }
  double median_over(size_t slot, auto&& figure) const {
    std::vector<double> all;
    for (const Visit& v : session_->visits(slot)) all.push_back(double(figure(v)));
    return measure::median(all);
  }
  // Of one run, of the first visit that has it.
  const std::vector<measure::VisitEnergy>& energy(size_t slot) const {
    static const std::vector<measure::VisitEnergy> none;
    for (const Visit& v : session_->visits(slot))
      if (!v.energy.empty()) return v.energy;
    return none;
  }

  // How far the same thing is from itself: the median over all slots.
  std::optional<double> noise_floor() const {
    std::vector<double> all;
    for (size_t i = 0; i < session_->slots().size(); ++i)
      if (const auto a = measure::apart(session_->rounds(i), session_->slots()[i].threads))
        all.push_back(*a);
    if (all.empty()) return std::nullopt;
    return measure::median(all);
  }

  int exit_code() const {
    bool noisy = false;
    for (size_t i = 0; i < failures_.size(); ++i) {
      if (!failures_[i].empty()) return 1;
      noisy = noisy || typical(i).noisy();
    }
    return noisy ? hone::exit_code(Blame::inconclusive) : 0;
  }

  std::vector<std::string> cells(size_t slot) const {
    const measure::Slot& s = session_->slots()[slot];
    std::vector<std::string> cells{s.subject, s.engine, std::to_string(s.threads)};
    if (!failures_[slot].empty()) {
      cells.push_back("failed");
      return cells;
    }
    const Typical t = typical(slot);
    if (t.noisy()) {
      cells.push_back("too noisy");
      return cells;
    }
    cells.push_back(human_seconds(t.latency.median));
    cells.push_back(fmt::format("±{:.1f} %", t.half_width() * 100));
    cells.push_back(t.basis == Typical::Basis::cpu_time ? "CPU time" : "wall");
    cells.push_back(fmt::format("{} of {}", t.disturbed, t.samples));
    const ModelUnderTest* m = known(slot);
    const double flops = m == nullptr              ? 0
                         : m->macs.value_or(0) > 0 ? 2 * double(*m->macs)
                                                   : double(m->flops.value_or(0));
    cells.push_back(flops > 0 ? fmt::format("{:.1f}", flops / t.latency.median / 1e9) : "-");
    cells.push_back(
        m != nullptr ? fmt::format("{:.1f}", double(m->touched) / t.latency.median / 1e9) : "-");
    cells.push_back(human_bytes(peak_memory(slot)));
    for (const measure::EnergySensor& sensor : sensors_.found)
      cells.push_back(joules(slot, sensor.name));
    return cells;
  }

  // Why a slot has no number.
  std::string reason(size_t slot) const {
    const measure::Slot& s = session_->slots()[slot];
    const std::string what = failures_[slot].empty() ? typical(slot).reason : failures_[slot];
    if (what.empty()) return "";
    return fmt::format("{}, {}, {} threads: {}\n", printable(s.subject), s.engine, s.threads, what);
  }

  std::string joules(size_t slot, const std::string& sensor) const {
    for (const measure::VisitEnergy& e : energy(slot)) {
      if (e.reading.sensor != sensor) continue;
      const double gross = e.reading.gross_j / double(e.runs);
      if (!e.reading.net_j) return fmt::format("{:.3g} J", gross);
      return fmt::format("{:.3g} J, {:.3g} net", gross, *e.reading.net_j / double(e.runs));
    }
    return "-";
  }

  std::string text() const {
    std::vector<std::vector<std::string>> rows{{"case", "engine", "threads", "time", "95 %", "by",
                                                "disturbed", "GFLOP/s", "GB/s", "peak memory"}};
    for (const measure::EnergySensor& sensor : sensors_.found) rows[0].push_back(sensor.name);
    for (size_t i = 0; i < session_->slots().size(); ++i) rows.push_back(cells(i));
    std::string out = fmt::format("{}, session {}\n{}", plan_.suite.name, session_->id(),
                                  table(rows, {2, 3, 4, 6, 7, 8, 9}));
    for (size_t i = 0; i < session_->slots().size(); ++i) out += reason(i);
    if (resumed_ > 0)
      out += fmt::format("{} of {} visits were measured before\n", resumed_, session_->all());
    if (const auto floor = noise_floor())
      out +=
          fmt::format("noise: rounds of the same case are {:.1f} % apart (median)\n", *floor * 100);
    return out + "samples in " + printable(samples_) + "\n";
  }

  void write(JsonWriter& json) const {
    json.begin_object();
    write_machine(json);
    json.member("command", plan_.command);
    json.member("suite", plan_.suite.id);
    json.member("session", session_->id());
    json.member("samples", samples_);
    json.member("visits", session_->all());
    json.member("resumed", resumed_);
    if (const auto floor = noise_floor())
      json.member("noise", *floor);
    else {
      json.key("noise");
      json.null();
    }
    json.key("energy_sensors");
    json.begin_array();
    for (const measure::EnergySensor& s : sensors_.found) json.value(s.name);
    json.end_array();
    json.key("results");
    json.begin_array();
    for (size_t i = 0; i < session_->slots().size(); ++i) write(json, i);
    json.end_array();
    json.end_object();
  }

  void write(JsonWriter& json, size_t slot) const {
    const measure::Slot& s = session_->slots()[slot];
    const SuiteCase& c = case_of(slot);
    json.begin_object();
    json.member("model", s.subject);
    if (!c.op.empty()) {
      json.member("op", c.op);
      json.member("dims", c.dims);
    }
    json.member("engine", s.engine);
    json.member("threads", s.threads);
    if (!failures_[slot].empty()) json.member("error", failures_[slot]);
    const std::vector<Visit>& visits = session_->visits(slot);
    if (!visits.empty()) write_visits(json, slot, visits);
    json.end_object();
  }

  void write_visits(JsonWriter& json, size_t slot, const std::vector<Visit>& visits) const {
    const Typical t = typical(slot);
    json.member("version", visits.back().key.version);
    json.key("latency_s");
    if (t.noisy()) {
      json.null();
      json.member("noisy", t.reason);
    } else {
      json.begin_object();
      json.member("median", t.latency.median);
      json.member("low", t.latency.low);
      json.member("high", t.latency.high);
      json.member("n", t.latency.n);
      json.end_object();
    }
    json.member("basis", measure::name(t.basis));
    json.member("samples", t.samples);
    json.member("disturbed", t.disturbed);
    json.member("rounds", visits.size());
    json.member("load_s", median_over(slot, [](const Visit& v) { return v.load_s; }));
    json.member("first_s", median_over(slot, [](const Visit& v) { return v.first_s; }));
    json.member("peak_memory_bytes", peak_memory(slot));
    json.member(
        "resident_memory_bytes",
        uint64_t(median_over(slot, [](const Visit& v) { return v.resident_memory_bytes; })));
    json.member("idle_memory_bytes",
                uint64_t(median_over(slot, [](const Visit& v) { return v.idle_memory_bytes; })));
    if (const ModelUnderTest* m = known(slot)) {
      json.member("precision", m->precision);
      if (m->macs) json.member("macs", *m->macs);
      json.member("bytes", m->touched);
    }
    write_energy(json, slot);
  }

  void write_energy(JsonWriter& json, size_t slot) const {
    json.key("energy_j");
    const auto& all = energy(slot);
    if (all.empty()) return json.null();
    json.begin_array();
    for (const auto& [reading, runs] : all) {
      json.begin_object();
      json.member("sensor", reading.sensor);
      json.member("gross", reading.gross_j / double(runs));
      json.key("net");
      if (reading.net_j)
        json.value(*reading.net_j / double(runs));
      else
        json.null();
      json.member("idle_w", (reading.idle_before_w + reading.idle_after_w) / 2);
      json.member("window_s", reading.seconds);
      json.end_object();
    }
    json.end_array();
  }

  const Arguments& arguments_;
  Plan plan_;
  std::string samples_;  // the file
  Workshop workshop_;
  std::optional<SuiteSession> session_;
  std::vector<std::string> failures_;  // by slot: why it cannot be measured
  std::map<std::string, ModelUnderTest> subjects_;
  measure::EnergySensors sensors_;
  size_t resumed_ = 0;
};

Result<std::string> sample_file(const Arguments& arguments) {
  if (arguments.has("--samples")) return arguments.text("--samples");
  const std::string folder = measure::user_measurement_folder();
  if (folder.empty()) {
    Error error = fail(ErrorId::usage, "there is no home folder for the samples");
    error.hint = "name a file with --samples";
    return error;
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return fail(ErrorId::io,
                "cannot make the folder '" + printable(folder) + "': " + error.message());
  const Host host = detect_host();
  return measure::default_sample_file(host.cpu.empty() ? host.cpu_version : host.cpu);
}

Result<int> list_suites(const Arguments& arguments) {
  std::vector<std::pair<std::string, Suite>> suites;
  for (const measure::BuiltInSuite& s : measure::built_in_suites())
    suites.emplace_back(s.id, TRY(measure::find_suite(std::string(s.id))));
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.key("suites");
      json.begin_array();
      for (const auto& [id, suite] : suites) {
        json.begin_object();
        json.member("id", id);
        json.member("name", suite.name);
        json.member("notes", suite.notes);
        json.member("seconds", suite.seconds);
        json.member("rounds", suite.rounds);
        json.key("cases");
        json.begin_array();
        for (const SuiteCase& c : suite.cases) json.value(c.name);
        json.end_array();
        json.end_object();
      }
      json.end_array();
      json.end_object();
    });
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"suite", "cases", ""}};
  for (const auto& [id, suite] : suites)
    rows.push_back({id, std::to_string(suite.cases.size()), suite.name});
  put(table(rows, {1}, ""));
  return 0;
}

Status check_flags(const Arguments& arguments) {
  for (const char* flag : {"--op", "--dims", "--calibration", "--prefill", "--decode", "--depth"})
    if (arguments.has(flag))
      return fail(ErrorId::usage, std::string(flag) + " does not go with --suite");
  return ok();
}

}  // namespace

std::vector<Flag> suite_flags() {
  using Kind = Flag::Kind;
  return {{"--suite", Kind::text, "NAME|FILE", "measure the cases of a suite, and the models named",
           "", "", measure::suite_names()},
          {"--list-suites", Kind::on_off, "", "list the suites that are part of hone"},
          {"--resume", Kind::on_off, "", "of --suite: go on with its last session in the samples"},
          {"--energy", Kind::text, "WHICH",
           "of --suite: counters to read; those of a GPU take half a minute for each case", "cpu",
           "cpu|gpu|all|none"}};
}

bool measures_suite(const Arguments& arguments) {
  return arguments.has("--suite") || arguments.on("--list-suites");
}

Result<int> benchmark_suite(const Arguments& arguments, const std::vector<int>& counts) {
  if (arguments.on("--list-suites")) return list_suites(arguments);
  TRY(check_flags(arguments));
  Plan plan = TRY(plan_of(arguments, counts));
  Runner runner(arguments, std::move(plan), TRY(sample_file(arguments)));
  TRY(runner.run());
  return runner.report();
}

}  // namespace hone::cli
