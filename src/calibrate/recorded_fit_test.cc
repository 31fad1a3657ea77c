// The samples that are kept beside calibrations, fitted again: they have to give the errors that
// the calibrations say.
#include <gtest/gtest.h>

#include <cmath>

#include "backends/backends.h"
#include "base/mapped_file.h"
#include "calibrate/calibrations.h"
#include "calibrate/conformal.h"
#include "calibrate/host_calibration.h"
#include "calibrate/profile.h"

namespace hone::calibrate {
namespace {

using estimate::Calibration;
using estimate::FamilyFit;

struct Kept {
  std::string name;
  Calibration calibration;
};

// Those of data/calibration that are of one machine; the prior is of several.
std::vector<Kept> kept_calibrations() {
  std::vector<Kept> all;
  for (const BuiltInCalibration& b : built_in_calibrations()) {
    if (b.file.find("prior") != std::string_view::npos) continue;
    const auto c = parse_calibration(b.text, std::string(b.file));
    EXPECT_TRUE(c.ok()) << describe(c.error());
    const size_t slash = b.file.rfind('/');
    if (c) all.push_back({std::string(b.file.substr(slash + 1, b.file.size() - slash - 6)), *c});
  }
  return all;
}

Result<CsvTable> samples_of(const std::string& name) {
  const MappedFile file = TRY(MappedFile::open(HONE_SOURCE "/data/measurements/" + name + ".csv"));
  Ledger ledger{Limits()};
  return CsvTable::parse({reinterpret_cast<const char*>(file.bytes().data()), file.size()}, name,
                         ledger);
}

void expect_near(double fitted, double stored, const std::string& what) {
  EXPECT_NEAR(fitted, stored, 0.02 * stored + 0.002) << what;
}

TEST(RecordedFit, GivesTheErrorsOfTheCalibration) {
  size_t compared = 0;
  for (const auto& [name, c] : kept_calibrations()) {
    SCOPED_TRACE(name);
    // What the steps are depends on the kernels that this machine has.
    if (c.kernels != kernels_of(cpu_backend())) continue;
    const auto table = samples_of(name);
    ASSERT_TRUE(table.ok()) << describe(table.error());
    const auto prior = prior_for(c.machine.vector, c.machine.threads);
    ASSERT_TRUE(prior.ok());
    CalibrationOptions options;
    options.threads = c.machine.threads;
    options.backend = &cpu_backend();
    options.fallback = &reference_backend();
    options.prior = *prior ? &**prior : nullptr;
    const auto again = refit_host(c, *table, options);
    ASSERT_TRUE(again.ok()) << describe(again.error());
    EXPECT_EQ(again->calibration.samples, c.samples);
    for (const FamilyFit& fit : again->calibration.families) {
      const FamilyFit* stored = c.fit(fit.family);
      ASSERT_NE(stored, nullptr) << fit.family;
      EXPECT_EQ(fit.residuals.size(), stored->residuals.size()) << fit.family;
      expect_near(fit.median_error, stored->median_error, fit.family);
      expect_near(fit.p90_error, stored->p90_error, fit.family);
      ++compared;
    }
    expect_near(again->calibration.scale, c.scale, "scale");
    expect_near(again->calibration.half_width, c.half_width, "bound of networks");
  }
  if (compared == 0) GTEST_SKIP() << "no calibration of these kernels";
}

// On any machine: the bound that is said follows from the residuals that are kept.
TEST(RecordedFit, BoundsFollowFromResiduals) {
  for (const auto& [name, c] : kept_calibrations()) {
    const ConformalBound bound = conformal_bound(c.network_residuals);
    EXPECT_NEAR(bound.half_width, c.half_width, 1e-4 * (1 + c.half_width)) << name;
  }
}

}  // namespace
}  // namespace hone::calibrate
