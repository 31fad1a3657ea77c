// Branches and bodies: what of them is counted, how often, and what stays a lower bound.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "estimate/analysis.h"
#include "estimate/mapping.h"
#include "estimate/workload.h"
#include "hardware/registry.h"
#include "runtime/session.h"
#include "support/programs.h"

namespace hone::estimate {
namespace {

using testing::inputs_of;
using testing::program_of;
using testing::types_of;

Workload workload_on(const std::shared_ptr<const Program>& program,
                     const std::vector<std::optional<Known>>& known = {}) {
  auto work = workload_of(program, types_of(inputs_of(*program)), {}, known);
  EXPECT_TRUE(work.ok()) << describe(work.error());
  return work ? work.take() : Workload();
}

// The arenas of nested graphs are those that a session has.
void expect_arenas_of_a_run(const std::shared_ptr<const Program>& program, const Workload& work,
                            std::vector<Datum> inputs) {
  ThreadPool pool(1);
  Session session(program, pool);
  const auto out = session.run(inputs);
  ASSERT_TRUE(out.ok()) << describe(out.error());
  const RunStatistics s = session.statistics();
  EXPECT_EQ(work.arena_bytes, s.planned_arena_bytes);
  EXPECT_EQ(work.nested_arena_bytes, s.nested_planned_bytes);
  EXPECT_EQ(s.nested_measured_bytes, s.nested_planned_bytes);
}

constexpr const char* kBranches = R"(
    graph main(c: bool[], x: f32[4,8]) -> (z) {
      z = if(c, x) <then=graph small, else=graph large>
    }
    graph small(x: f32[4,8]) -> (z) { z = neg(x) }
    graph large(x: f32[4,8]) -> (z) {
      w = matmul(x, expand(f32{0.5}, i64[2]{8, 8}))
      z = relu(exp(w))
    })";

TEST(Nested, TheBranchThatTakesMoreIsCounted) {
  const auto program = program_of(kBranches, {"clean"});
  const Workload work = workload_on(program);
  EXPECT_EQ(work.macs, 4 * 8 * 8);
  ASSERT_EQ(work.nested.size(), 1u);
  EXPECT_EQ(work.nested[0].name, "large");
  EXPECT_EQ(work.nested[0].trips, 1);
  EXPECT_TRUE(work.unknown.empty());
  ASSERT_EQ(work.notes.size(), 1u);
  EXPECT_NE(work.notes[0].find("'else'"), std::string::npos) << work.notes[0];
  EXPECT_GE(work.weight_bytes, 4 * 8 * 8);
  std::vector<Datum> inputs = inputs_of(*program);
  store_integer(inputs[0].tensor, 0, 0);
  expect_arenas_of_a_run(program, work, inputs);
}

TEST(Nested, AKnownConditionDecides) {
  const Workload work = workload_on(program_of(kBranches, {"clean"}), {Known{Dim(1)}});
  EXPECT_EQ(work.macs, 0);
  ASSERT_EQ(work.nested.size(), 1u);
  EXPECT_EQ(work.nested[0].name, "small");
  EXPECT_TRUE(work.notes.empty());
}

TEST(Nested, SizesGoOnBehindABranch) {
  // The plan does not know how wide z is; each branch says it.
  const auto program = program_of(R"(
      graph main(c: bool[], x: f32[4,8]) -> (y) {
        z = if(c, x) <then=graph narrow, else=graph wide>
        y = matmul(expand(f32{0.5}, i64[2]{16, 4}), z)
      }
      graph narrow(x: f32[4,8]) -> (z) { z = neg(x) }
      graph wide(x: f32[4,8]) -> (z) { z = concat(x, x) <axis=1> })");
  ASSERT_TRUE(program);
  EXPECT_EQ(workload_on(program).macs, 16 * 4 * 16);
  const Workload narrow = workload_on(program, {Known{Dim(1)}});
  EXPECT_EQ(narrow.macs, 16 * 4 * 8);
  EXPECT_TRUE(narrow.unknown.empty());
}

constexpr const char* kLoop = R"(
    graph main(x: f32[4,4]) -> (last, all) {
      last, all = loop(i64{5}, _, x) <body=graph body, carried=1>
    }
    graph body(i: i64[], c: bool[], x: f32[4,4]) -> (go = c, y, y2 = y) {
      t = matmul(x, x)
      y = tanh(neg(t))
    })";

TEST(Nested, ABodyAsOftenAsItRuns) {
  const auto program = program_of(kLoop);
  const Workload work = workload_on(program);
  EXPECT_EQ(work.macs, 5 * 4 * 4 * 4);
  ASSERT_EQ(work.nested.size(), 1u);
  EXPECT_EQ(work.nested[0].trips, 5);
  EXPECT_TRUE(work.unknown.empty());
  EXPECT_GT(work.nested_arena_bytes, 0);
  expect_arenas_of_a_run(program, work, inputs_of(*program));
  size_t steps = 0;
  work.each_step([&](const Step&, double trips, size_t entry, const NestedRun* nested) {
    EXPECT_EQ(trips, nested ? 5 : 1);
    EXPECT_EQ(entry, 0u);
    ++steps;
  });
  EXPECT_EQ(steps, work.step_count());
}

TEST(Nested, AScanAsLongAsItsInput) {
  const auto program = program_of(R"(
      graph main(x: f32[3], a: f32[7,3], k: f32[3,3]) -> (last, all) {
        last, all = scan(_, x, a, k) <body=graph body, carried=1, num_scan_inputs=1>
      }
      graph body(x: f32[3], a: f32[3], k: f32[3,3]) -> (y, z = y) {
        y = matmul(add(x, a), k)
      })");
  const Workload work = workload_on(program);
  EXPECT_EQ(work.macs, 7 * 9);
  EXPECT_TRUE(work.unknown.empty());
  expect_arenas_of_a_run(program, work, inputs_of(*program));
}

TEST(Nested, LoopsWithinLoops) {
  const auto program = program_of(R"(
      graph main(x: f32[4,4]) -> (last) {
        last = loop(i64{3}, _, x) <body=graph outer, carried=1>
      }
      graph outer(i: i64[], c: bool[], x: f32[4,4]) -> (go = c, y) {
        y = loop(i64{2}, _, x) <body=graph inner, carried=1>
      }
      graph inner(i: i64[], c: bool[], x: f32[4,4]) -> (go = c, y) { y = matmul(neg(x), x) })");
  const Workload work = workload_on(program);
  EXPECT_EQ(work.macs, 3 * 2 * 4 * 4 * 4);
  ASSERT_EQ(work.nested.size(), 2u);
  EXPECT_EQ(work.nested[1].trips, 6);
  expect_arenas_of_a_run(program, work, inputs_of(*program));
}

TEST(Nested, TripsThatTheDataDecideAreALowerBound) {
  const auto program = program_of(R"(
      graph main(n: i64[], x: f32[4,4]) -> (last) {
        last = loop(n, _, x) <body=graph body, carried=1>
      }
      graph body(i: i64[], c: bool[], x: f32[4,4]) -> (go = c, y) { y = matmul(x, x) })");
  const Workload work = workload_on(program);
  EXPECT_EQ(work.macs, 4 * 4 * 4);
  ASSERT_EQ(work.unknown, std::vector<std::string>{"loop"});
  const auto device = DeviceRegistry("").find("raspberry_pi_5");
  ASSERT_TRUE(device.ok());
  const auto a = analyze_theoretical(work, *device, 1);
  ASSERT_TRUE(a.ok()) << describe(a.error());
  EXPECT_TRUE(a->latency.is_at_least());
  EXPECT_TRUE(a->throughput.is_at_most());
  EXPECT_GT(a->uncovered, 0);
  EXPECT_EQ(a->unknown, std::vector<std::string>{"loop"});
  EXPECT_TRUE(std::ranges::any_of(
      a->notes, [](const std::string& n) { return n.find("loop") != std::string::npos; }));
  // As often as it is said to run, it is known.
  const Workload said = workload_on(program, {Known{Dim(9)}});
  EXPECT_EQ(said.macs, 9 * 4 * 4 * 4);
  EXPECT_TRUE(said.unknown.empty());
}

TEST(Nested, CalibratedOrNotALowerBoundIsNoMoreThanTheoretical) {
  const Workload work = workload_on(program_of(kLoop));
  Calibration c;
  c.kernels = "k";
  c.scale = 1;
  c.half_width = 1;
  c.rates.l3_bytes_per_s = 1e10;
  for (const Family* f : families()) {
    FamilyFit fit{.family = std::string(f->name), .half_width = 0.2};
    fit.coefficients.back() = 1e-6;
    fit.residuals.push_back({});
    c.families.push_back(fit);
  }
  const Analysis known = analyze_calibrated(work, c, Device(), "k", 1);
  EXPECT_TRUE(std::isfinite(known.latency.high));
  EXPECT_EQ(known.latency.confidence, Confidence::calibrated);
  // Three steps, five times, at a microsecond each, and what is handed on.
  EXPECT_NEAR(known.latency.value, 15e-6, 1e-6);
  double sum = 0;
  for (const OperatorCost& o : known.operators) sum += o.seconds.value;
  EXPECT_NEAR(sum, known.latency.value, 1e-12);
  std::erase_if(c.families, [](const FamilyFit& f) {
    return f.family == "matmul" || f.family == "defined" || f.family == "linear";
  });
  const Analysis open = analyze_calibrated(work, c, Device(), "k", 1);
  EXPECT_TRUE(open.latency.is_at_least());
  EXPECT_EQ(open.latency.confidence, Confidence::theoretical);
  EXPECT_FALSE(open.peak_memory.is_at_least());
}

}  // namespace
}  // namespace hone::estimate
