#include "passes/pipeline.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/text.h"
#include "ir/verify.h"

namespace hone {
namespace {

// Rounds of repeat(…) in a row that edit no less than the fewest so far: a bug, two passes fight.
constexpr int kMaxStuckRounds = 16;

// A pass with options, or a group that is repeated until nothing changes.
struct Step {
  std::string name;
  std::map<std::string, std::string> options;
  std::vector<Step> group;
};

class PipelineParser {
 public:
  explicit PipelineParser(std::string_view text) : text_(text) {}

  Result<std::vector<Step>> all() {
    auto steps = TRY(list(0));
    skip();
    if (at_ != text_.size()) return wrong("unexpected text");
    return steps;
  }

 private:
  Result<std::vector<Step>> list(int depth) {
    std::vector<Step> steps;
    if (depth > 4) return wrong("groups are nested too deep");
    do {
      Step s;
      s.name = word();
      if (s.name.empty()) return wrong("expected the name of a pass");
      if (s.name == "repeat") {
        if (!eat('(')) return wrong("expected '(' after repeat");
        s.group = TRY(list(depth + 1));
        if (!eat(')')) return wrong("expected ')'");
      } else {
        const PassDef* pass = find_pass(s.name);
        if (!pass) return unknown(s.name);
        if (eat('(')) TRY(options(*pass, s));
      }
      steps.push_back(std::move(s));
    } while (eat(','));
    return steps;
  }

  Status options(const PassDef& pass, Step& s) {
    while (!eat(')')) {
      const std::string key = word();
      if (std::find(pass.options.begin(), pass.options.end(), key) == pass.options.end())
        return wrong("pass " + s.name + " has no option '" + printable(key) + "'");
      if (!eat('=')) return wrong("expected '='");
      s.options[key] = word();
      eat(',');
    }
    return ok();
  }

  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool eat(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string word() {
    skip();
    const size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view(" ,()=\n").find(text_[at_]) == std::string_view::npos)
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  Error wrong(const std::string& what) {
    return fail(ErrorId::usage, "pipeline: " + what + " at character " + std::to_string(at_ + 1));
  }
  Error unknown(const std::string& name) {
    Error error = fail(ErrorId::usage, "there is no pass '" + printable(name) + "'");
    std::vector<std::string_view> names;
    for (const PassDef* p : all_passes()) names.push_back(p->name);
    if (auto near = closest(name, names.data(), names.size()))
      error.hint = "did you mean '" + std::string(*near) + "'? `hone opt --list` lists the passes";
    return error;
  }

  std::string_view text_;
  size_t at_ = 0;
};

class Driver {
 public:
  Driver(Model& model, const Catalogue& catalogue, const Limits& limits,
         const PipelineOptions& options, PipelineReport& report)
      : model_(model), catalogue_(catalogue), limits_(limits), options_(options), report_(report) {
    report_.journal.stop_after = options.stop_after_edits;
  }

  Status steps(const std::vector<Step>& list) {
    for (const Step& s : list) {
      if (report_.journal.full()) return ok();
      if (s.group.empty())
        TRY(pass(s));
      else
        TRY(repeat(s));
    }
    return ok();
  }

 private:
  Status repeat(const Step& s) {
    size_t fewest = SIZE_MAX;
    for (int stuck = 0; stuck < kMaxStuckRounds;) {
      const size_t before = report_.journal.edits.size();
      TRY(steps(s.group));
      const size_t edits = report_.journal.edits.size() - before;
      if (edits == 0) return ok();
      stuck = edits < fewest ? 0 : stuck + 1;
      fewest = std::min(fewest, edits);
    }
    std::string names;
    const size_t last = report_.entries.size() - s.group.size();
    for (size_t i = last; i < report_.entries.size(); ++i)
      if (report_.entries[i].edits > 0) names += " " + report_.entries[i].pass;
    return fail(ErrorId::internal, "passes undo each other's edits:" + names);
  }

  Status pass(const Step& s) {
    if (options_.disabled.contains(s.name)) return ok();
    const PassDef* def = find_pass(s.name);
    report_.journal.pass = s.name;
    const size_t before = report_.journal.edits.size();
    const auto start = std::chrono::steady_clock::now();
    PassContext context{model_,        catalogue_,          report_.journal,
                        limits_,       s.options,           folded_bytes_,
                        folded_work_,  options_.choosing,   report_.decisions,
                        options_.pool, options_.shapes_only};
    TRY(def->run(context).context("running pass " + s.name));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    const size_t edits = report_.journal.edits.size() - before;
    report_.entries.push_back({s.name, edits, took.count()});
    if (options_.verify_each)
      TRY(verify(model_, catalogue_, Phase::import).context("after pass " + s.name));
    if (edits > 0 && options_.after_pass) TRY(options_.after_pass(model_, s.name));
    return ok();
  }

  Model& model_;
  const Catalogue& catalogue_;
  const Limits& limits_;
  const PipelineOptions& options_;
  PipelineReport& report_;
  uint64_t folded_bytes_ = 0, folded_work_ = 0;
};

}  // namespace

void PassContext::parallel_for(int64_t count, int64_t grain,
                               const std::function<void(int64_t, int64_t)>& body) const {
  if (pool != nullptr) return pool->parallel_for(count, grain, body);
  for (int64_t begin = 0; begin < count; begin += grain)
    body(begin, count - begin > grain ? begin + grain : count);
}

#define PASS(name) const PassDef& name##_pass();
#include "passes/passes.def"
#undef PASS

const std::vector<const PassDef*>& all_passes() {
  static const std::vector<const PassDef*> passes{
#define PASS(name) &name##_pass(),
#include "passes/passes.def"
#undef PASS
  };
  return passes;
}

const PassDef* find_pass(std::string_view name) {
  for (const PassDef* p : all_passes())
    if (p->name == name) return p;
  return nullptr;
}

std::string_view named_pipeline(std::string_view name) {
  // Encoding comes before folding, which would compute the dequantized numbers. Folding makes the
  // constants that canonicalize and recognize look for.
  // Recognition comes before merging could share the parts of two equal spellings.
  if (name == "clean") return "sweep, repeat(encode, fold, canonicalize, recognize, merge, sweep)";
  return {};
}

Result<PipelineReport> run_pipeline(Model& model, std::string_view pipeline,
                                    const Catalogue& catalogue, const Limits& limits,
                                    const PipelineOptions& options) {
  const std::string_view named = named_pipeline(pipeline);
  const auto steps = TRY(PipelineParser(named.empty() ? pipeline : named).all());
  PipelineReport report;
  TRY(Driver(model, catalogue, limits, options, report).steps(steps));
  model.sweep();
  for (Graph& g : model.graphs) TRY(g.compact());
  if (pipeline == "clean" && !report.journal.full() && model.phase != "lower")
    model.phase = "clean";
  return report;
}

}  // namespace hone
