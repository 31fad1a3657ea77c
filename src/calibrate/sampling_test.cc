// Rounds of programs that end when they should.
#include "calibrate/sampling.h"

#include <gtest/gtest.h>

#include "backends/backends.h"
#include "calibrate/program_runner.h"

namespace hone::calibrate {
namespace {

using Clock = ProgramSampler::Clock;

std::vector<SyntheticProgram> programs() {
  std::vector<SyntheticProgram> all;
  for (int i = 0; i < 3; ++i) {
    SyntheticProgram p{"p_" + std::to_string(i), {}, 1};
    const std::string x = p.text.input({4, 32});
    p.text.output(p.text.let("relu(" + x + ")"));
    all.push_back(std::move(p));
  }
  return all;
}

SamplingOptions options() {
  SamplingOptions o;
  o.backend = &cpu_backend();
  o.fallback = &reference_backend();
  return o;
}

size_t times(const Samples& samples) {
  size_t all = 0;
  for (const Sample& s : samples.steps) all += s.runs;
  return all;
}

TEST(ProgramSampler, EachProgramHasATimeFromTheStart) {
  const auto sampler = ProgramSampler::make(programs(), options());
  ASSERT_TRUE(sampler.ok()) << describe(sampler.error());
  const Samples made = (*sampler)->samples();
  EXPECT_EQ(made.steps.size(), 3u);
  EXPECT_GE(times(made), 3u);
  ASSERT_TRUE((*sampler)->run_round().ok());
  EXPECT_GE(times((*sampler)->samples()), 6u);
}

// The time is looked at for each program, not for each round.
TEST(ProgramSampler, StopsWithinARound) {
  const auto sampler = ProgramSampler::make(programs(), options());
  ASSERT_TRUE(sampler.ok()) << describe(sampler.error());
  const size_t before = times((*sampler)->samples());
  ASSERT_TRUE((*sampler)->run_until(Clock::now()).ok());
  EXPECT_EQ(times((*sampler)->samples()), before);
  // One visit is 3 ms: the first program is not done with before the time is over.
  ASSERT_TRUE((*sampler)->run_until(Clock::now() + std::chrono::microseconds(500)).ok());
  size_t visited = 0;
  for (const Sample& s : (*sampler)->samples().steps) visited += s.runs > before / 3;
  EXPECT_GE(visited, 1u);
  EXPECT_LT(visited, 3u);
}

}  // namespace
}  // namespace hone::calibrate
