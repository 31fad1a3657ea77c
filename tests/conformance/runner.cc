#include "runner.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <filesystem>
#include <set>

#include "backends/backends.h"
#include "base/mapped_file.h"
#include "import/onnx/onnx.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/session.h"

namespace hone::conformance {
namespace {

namespace fs = std::filesystem;
constexpr double kRelative = 1e-3, kAbsolute = 1e-7;  // of ONNX's own runner

Error wrong(std::string what) { return fail(ErrorId::check_failed, std::move(what)); }

bool close(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= kAbsolute + kRelative * std::abs(b);
}

Status compare(const Tensor& got, const Tensor& want) {
  if (got.dtype() != want.dtype() || got.shape() != want.shape())
    return wrong("is " + got.type().str() + ", expected " + want.type().str());
  if (got.dtype() == DType::string)
    return got.strings() == want.strings() ? ok() : wrong("texts differ");
  if (is_complex(got.dtype()))
    return std::memcmp(got.data(), want.data(), size_t(got.byte_size())) == 0
               ? ok()
               : wrong("complex numbers differ");
  for (int64_t i = 0; i < got.count(); ++i) {
    const bool same = is_float(got.dtype()) ? close(load_real(got, i), load_real(want, i))
                                            : load_integer(got, i) == load_integer(want, i);
    if (!same)
      return wrong("element " + std::to_string(i) + " is " + std::to_string(load_real(got, i)) +
                   ", expected " + std::to_string(load_real(want, i)));
  }
  return ok();
}

Status compare(const Datum& got, const Datum& want) {
  if (got.kind != want.kind) return wrong("is of another kind");
  if (got.items.size() != want.items.size())
    return wrong("holds " + std::to_string(got.items.size()) + " items, expected " +
                 std::to_string(want.items.size()));
  if (got.kind == Datum::Kind::tensor || got.kind == Datum::Kind::map)
    TRY(compare(got.tensor, want.tensor));
  for (size_t i = 0; i < got.items.size(); ++i)
    TRY(compare(got.items[i], want.items[i]).context("item " + std::to_string(i)));
  return ok();
}

Result<Datum> read(const fs::path& file, const Type& type) {
  const MappedFile map = TRY(MappedFile::open(file.string()));
  return TRY(onnx::read_datum(map.bytes(), type, Limits{}).context("reading " + file.string()));
}

struct Case {
  std::vector<Datum> inputs, outputs;
};

Result<std::vector<Case>> read_cases(const std::string& folder, const Graph& g) {
  std::vector<Case> cases;
  for (int k = 0;; ++k) {
    const fs::path set = fs::path(folder) / ("test_data_set_" + std::to_string(k));
    if (!fs::exists(set)) return cases;
    Case c;
    for (size_t i = 0; i < g.inputs.size(); ++i)
      c.inputs.push_back(
          TRY(read(set / ("input_" + std::to_string(i) + ".pb"), g[g.inputs[i]].type)));
    for (size_t o = 0; o < g.outputs().size(); ++o) {
      const fs::path file = set / ("output_" + std::to_string(o) + ".pb");
      if (fs::exists(file)) c.outputs.push_back(TRY(read(file, g[g.outputs()[o]].type)));
    }
    cases.push_back(std::move(c));
  }
}

Status run_model(const Model& model, const Backend& first, const std::vector<Case>& cases) {
  std::vector<const Backend*> backends{&first};
  if (&first != &reference_backend()) backends.push_back(&reference_backend());
  const auto program =
      TRY(Program::make(std::make_shared<const Model>(model), std::move(backends), Limits{}));
  ThreadPool pool(2);
  Session session(program, pool);
  for (const Case& c : cases) {
    const auto outputs = TRY(session.run(c.inputs));
    for (size_t o = 0; o < c.outputs.size(); ++o)
      TRY(compare(outputs[o], c.outputs[o])
              .context("comparing output '" + model.main().output_names()[o] + "'"));
    const RunStatistics s = session.statistics();
    if (s.planned_arena_bytes != s.measured_arena_bytes)
      return wrong("planned " + std::to_string(s.planned_arena_bytes) + " arena bytes, used " +
                   std::to_string(s.measured_arena_bytes));
  }
  return ok();
}

Status round_trip(const Model& model) {
  const std::string text = print(model);
  const Model again = TRY(parse_model_text(text, standard_catalogue(), Limits{}));
  return print(again) == text ? ok() : wrong("the text form does not come back the same");
}

// The form that a backend runs means the same, on every backend.
Status lowered(Model model, const Backend& target, const std::vector<Case>& cases) {
  const std::string lowering = target.lowering();
  if (lowering.empty()) return ok();
  TRY(run_pipeline(model, lowering, standard_catalogue(), Limits{}, {.verify_each = true}));
  TRY(round_trip(model));
  for (const Backend* b : all_backends())
    TRY(run_model(model, *b, cases).context("on " + std::string(b->name())));
  return ok();
}

Status all(const std::string& folder, Row& row) {
  Model model = TRY(onnx::import_file(folder + "/model.onnx", standard_catalogue(), {}));
  std::set<std::string> operators;
  for (const Graph& g : model.graphs)
    for (NodeId n : TRY(g.order())) operators.emplace(g[n].op->name);
  row.operators.assign(operators.begin(), operators.end());
  TRY(verify(model, standard_catalogue(), Phase::import).context("after import"));
  TRY(round_trip(model).context("after import"));
  const auto cases = TRY(read_cases(folder, model.main()));
  for (const Backend* b : all_backends())
    TRY(run_model(model, *b, cases).context("on " + std::string(b->name())));
  TRY(run_pipeline(model, "clean", standard_catalogue(), Limits{}, {.verify_each = true}));
  TRY(verify(model, standard_catalogue(), Phase::clean).context("after clean"));
  TRY(round_trip(model).context("after clean"));
  for (const Backend* b : all_backends())
    TRY(run_model(model, *b, cases).context("after clean, on " + std::string(b->name())));
  for (const Backend* b : all_backends())
    TRY(lowered(model, *b, cases).context("lowered for " + std::string(b->name())));
  return ok();
}

}  // namespace

size_t Report::failed() const {
  return size_t(
      std::count_if(rows.begin(), rows.end(), [](const Row& r) { return !r.failure.empty(); }));
}

size_t Report::skipped() const {
  return size_t(
      std::count_if(rows.begin(), rows.end(), [](const Row& r) { return !r.skipped.empty(); }));
}

void run_test(const std::string& folder, Row& row) {
  if (const auto status = all(folder, row); !status) {
    row.failure = status.error().message;
    for (const std::string& context : status.error().context) row.failure += " | " + context;
  }
}

}  // namespace hone::conformance
