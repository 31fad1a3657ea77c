// The samples that are kept beside calibrations, fitted again: they have to give the errors that
// the calibrations say.
#include <gtest/gtest.h>

#include <cmath>

#include "backends/backends.h"
#include "base/mapped_file.h"
#include "calibrate/calibrations.h"
#include "calibrate/conformal.h"
#include "calibrate/fit.h"
#include "calibrate/floors.h"
#include "calibrate/host_calibration.h"
#include "calibrate/profile.h"
#include "calibrate/sampling.h"
#include "estimate/workload.h"
#include "formats/csv.h"
#include "runtime/program.h"

namespace hone::calibrate {
namespace {

using estimate::Calibration;
using estimate::FamilyFit;

constexpr size_t kNetworks = 24;  // of a calibration; the other shapes are of single operators

std::vector<std::pair<std::string, Calibration>> measured_calibrations() {
  std::vector<std::pair<std::string, Calibration>> all;
  for (const BuiltInCalibration& b : built_in_calibrations()) {
    if (b.file.find("prior") != std::string_view::npos) continue;
    const auto c = parse_calibration(b.text, std::string(b.file));
    EXPECT_TRUE(c.ok()) << describe(c.error());
    const size_t slash = b.file.rfind('/');
    if (c) all.emplace_back(b.file.substr(slash + 1, b.file.size() - slash - 6), *c);
  }
  return all;
}

// What the program of a sample does, step by step, as on the machine that was measured.
Result<std::vector<Sample>> steps_of(const SyntheticProgram& p, const Calibration& c) {
  const auto low = TRY(lowered(TRY(p.text.model(Limits())), cpu_backend(), Limits(), true));
  const auto program = TRY(Program::make(low, all_backends(), Limits()));
  Types inputs;
  for (const ValueId v : low->main().inputs) inputs.push_back(low->main()[v].type);
  const auto work = TRY(estimate::workload_of(program, inputs, {}));
  std::vector<Sample> samples;
  for (const estimate::Step& step : work.steps) {
    const auto described = estimate::describe(step, *low, c.machine);
    if (!described.family) continue;
    std::string dims;
    for (const Infer::Input& in : *step.in)
      if (in.type) dims += (dims.empty() ? "" : " ") + in.type->str();
    for (const Type& t : *step.out) dims += " -> " + t.str();
    Sample s;
    s.program = p.name;
    s.op = step.op->name;
    s.dims = dims;
    s.step = described;
    samples.push_back(std::move(s));
  }
  return samples;
}

// The same with the times of the file, whose rows stand in the same order.
Result<std::vector<Sample>> recorded(const CsvTable& table, const Calibration& c) {
  std::vector<SyntheticProgram> programs = operator_programs(c.seed, c.shapes - kNetworks);
  for (SyntheticProgram& p : network_programs(c.seed, kNetworks)) programs.push_back(std::move(p));
  const size_t program = TRY(table.column("program")), op = TRY(table.column("op")),
               types = TRY(table.column("types")), seconds = TRY(table.column("seconds"));
  std::vector<Sample> all;
  for (const SyntheticProgram& p : programs)
    for (Sample& s : TRY(steps_of(p, c))) {
      const size_t row = all.size();
      if (row == table.rows() || table.cell(row, program) != s.program ||
          table.cell(row, op) != s.op || table.cell(row, types) != s.dims)
        return fail(ErrorId::bad_data,
                    table.name() + ": row " + std::to_string(row) + " is not " + s.program + ": " +
                        s.op + " " + s.dims +
                        "; the programs that are measured are others now: calibrate again");
      s.seconds = TRY(table.number(row, seconds));
      all.push_back(std::move(s));
    }
  if (all.size() != table.rows()) return fail(ErrorId::bad_data, table.name() + " has more rows");
  return all;
}

void expect_near(double fitted, double stored, const std::string& what) {
  EXPECT_NEAR(fitted, stored, 0.02 * stored + 0.002) << what;
}

TEST(RecordedFit, GivesTheErrorsOfTheCalibration) {
  size_t compared = 0;
  for (const auto& [name, c] : measured_calibrations()) {
    SCOPED_TRACE(name);
    // What the steps are depends on the kernels that this machine has.
    if (c.kernels != kernels_of(cpu_backend())) continue;
    auto file = MappedFile::open(HONE_SOURCE "/data/measurements/" + name + ".csv");
    ASSERT_TRUE(file.ok()) << describe(file.error());
    Ledger ledger{Limits()};
    const auto table = CsvTable::parse(
        {reinterpret_cast<const char*>(file->bytes().data()), file->size()}, name, ledger);
    ASSERT_TRUE(table.ok()) << describe(table.error());
    const auto samples = recorded(*table, c);
    ASSERT_TRUE(samples.ok()) << describe(samples.error());
    EXPECT_EQ(samples->size(), c.samples);
    const auto prior = prior_for(c.machine.vector);
    ASSERT_TRUE(prior.ok());
    const auto fits = fit_families(*samples, c.rates, *prior ? &**prior : nullptr);
    ASSERT_TRUE(fits.ok()) << describe(fits.error());
    for (const FamilyFit& fit : *fits) {
      const FamilyFit* stored = c.fit(fit.family);
      ASSERT_NE(stored, nullptr) << fit.family;
      EXPECT_EQ(fit.residuals.size(), stored->residuals.size()) << fit.family;
      EXPECT_EQ(fit.corrects, stored->corrects) << fit.family;
      expect_near(fit.median_error, stored->median_error, fit.family);
      expect_near(fit.p90_error, stored->p90_error, fit.family);
      ++compared;
    }
  }
  if (compared == 0) GTEST_SKIP() << "no calibration of these kernels";
}

// On any machine: what is kept of every sample agrees with what is said of all.
TEST(RecordedFit, ResidualsAgreeWithTheErrors) {
  for (const auto& [name, c] : measured_calibrations()) {
    SCOPED_TRACE(name);
    const ConformalBound bound = conformal_bound(c.network_residuals);
    EXPECT_NEAR(bound.half_width, c.half_width, 1e-4 * (1 + c.half_width));
    for (const FamilyFit& fit : c.families) {
      if (fit.residuals.size() < 4 * kLeastFloorSamples) continue;
      // Fits that have seen their samples lie nearer to them.
      const double seen = residual_error(fit);
      EXPECT_LE(seen, 1.2 * fit.median_error + 0.005) << fit.family;
      EXPECT_GE(seen, 0.5 * fit.median_error) << fit.family;
    }
  }
}

}  // namespace
}  // namespace hone::calibrate
