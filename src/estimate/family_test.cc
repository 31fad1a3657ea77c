// Every step has a family, and every family describes its steps by finite counts.
#include "estimate/family.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "support/programs.h"

namespace hone::estimate {
namespace {

using testing::inputs_of;
using testing::types_of;

std::optional<Workload> workload_on(const std::shared_ptr<const Program>& program) {
  if (!program) return std::nullopt;
  auto work = workload_of(program, types_of(inputs_of(*program)), {});
  EXPECT_TRUE(work.ok()) << describe(work.error());
  return work ? std::optional(work.take()) : std::nullopt;
}

void expect_sane(const Described& d) {
  for (size_t i = 0; i < kFeatures; ++i) {
    EXPECT_TRUE(std::isfinite(d.features[i])) << d.family->name << " " << i;
    EXPECT_GE(d.features[i], 0) << d.family->name << " " << i;
    if (i < kMostCounts && d.family->counts[i].empty()) {
      EXPECT_EQ(d.features[i], 0) << d.family->name << " has no count " << i;
    }
  }
  for (const double p : d.position) EXPECT_TRUE(std::isfinite(p)) << d.family->name;
  EXPECT_EQ(d.features[kFeatures - 1], 1);
}

TEST(Families, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const Family* f : families()) {
    EXPECT_TRUE(names.insert(f->name).second) << f->name;
    EXPECT_FALSE(f->doc.empty()) << f->name;
    EXPECT_FALSE(f->counts[0].empty()) << f->name;
    EXPECT_EQ(family_named(f->name), f);
  }
  EXPECT_EQ(families().back()->name, "other");
  EXPECT_EQ(family_named("none_of_them"), nullptr);
}

// Also of steps whose shapes are not known.
TEST(Families, EveryOperatorHasOne) {
  for (const OpDef* op : standard_catalogue().all()) {
    const Attrs attrs;
    const Types out;
    const std::vector<Infer::Input> in;
    Step step;
    step.op = op;
    step.attrs = &attrs;
    step.in = &in;
    step.out = &out;
    const Family& family = family_of(step);
    EXPECT_TRUE(family.takes(step)) << op->name;
  }
}

// The examples of every operator, as they are.
TEST(Families, DescribeEveryOperator) {
  std::set<std::string_view> seen;
  for (const testing::OpCase& c : testing::op_cases(standard_catalogue())) {
    SCOPED_TRACE(c.text);
    const auto program = testing::program_of(c.text);
    ASSERT_TRUE(program);
    // Some examples fit no inputs but their own.
    const auto work = workload_of(program, types_of(inputs_of(*program)), {});
    if (!work.ok()) continue;
    for (const Step& step : work->steps) {
      const Described d = describe(step, program->model(), Machine());
      EXPECT_EQ(d.family == nullptr, step.nothing || !step.known || step.control);
      if (!d.family) continue;
      expect_sane(d);
      seen.insert(d.family->name);
    }
  }
  for (const char* name :
       {"matmul", "conv_planes", "pool_planes", "attention", "softmax", "normalization",
        "reduction", "elementwise", "quantization", "recurrent", "gather", "movement", "other"})
    EXPECT_TRUE(seen.contains(name)) << name;
}

TEST(Families, DescribeLoweredNetworks) {
  std::set<std::string_view> seen;
  for (const char* text : testing::kNetworks) {
    SCOPED_TRACE(text);
    const auto work = workload_on(testing::lowered_program_of(text));
    ASSERT_TRUE(work);
    for (const Step& step : work->steps)
      for (const int threads : {1, 2, 7}) {
        Machine machine;
        machine.threads = threads;
        const Described d = describe(step, work->program->model(), machine);
        if (!d.family) continue;
        expect_sane(d);
        seen.insert(d.family->name);
      }
  }
  for (const char* name : {"conv_pixels", "linear", "softmax", "normalization", "elementwise"})
    EXPECT_TRUE(seen.contains(name)) << name;
}

// More threads take less of what can be shared, and never more.
TEST(Families, ThreadsShareWork) {
  const auto work = workload_on(testing::program_of(R"(
      graph main(a: f32[64,128], b: f32[128,256]) -> (y) { y = matmul(a, b) })"));
  ASSERT_TRUE(work);
  Machine one, four;
  four.threads = 4;
  const Described d1 = describe(work->steps[0], work->program->model(), one);
  const Described d4 = describe(work->steps[0], work->program->model(), four);
  EXPECT_EQ(d1.family->name, "matmul");
  EXPECT_GT(d1.features[0], 0);
  EXPECT_EQ(d4.features[0], d1.features[0] / 4);
  EXPECT_EQ(d4.position, d1.position);
}

class Traffic : public ::testing::Test {
 protected:
  Traffic() : program_(testing::program_of("graph main(x: f32[4]) -> (y) { y = neg(x) }")) {
    machine_.l1_bytes = 1e3;
    machine_.l2_bytes = 1e4;
    machine_.l3_bytes = 1e5;
    work_ = *workload_on(program_);
  }
  // Bytes from L2, L3, memory, to L2, beyond.
  std::vector<double> of(double distance, bool written) {
    Step& step = work_.steps[0];
    step.touches = {{100, distance, written, false}};
    const Described d = describe(step, program_->model(), machine_);
    const double* begin = d.features.data() + kMostCounts;
    return {begin, begin + kTraffic};
  }
  std::vector<double> cold(double distance) {
    work_.steps[0].code_distance = distance;
    const Described d = describe(work_.steps[0], program_->model(), machine_);
    const double* begin = d.features.data() + kMostCounts + kTraffic;
    return {begin, begin + kCold};
  }
  std::shared_ptr<const Program> program_;
  Workload work_;
  Machine machine_;
};

TEST_F(Traffic, ByTheLevelWhereBytesLie) {
  using V = std::vector<double>;
  EXPECT_EQ(of(0, false), (V{0, 0, 0, 0, 0}));
  EXPECT_EQ(of(1e3, false), (V{50, 0, 0, 0, 0}));  // the first level has lost half
  EXPECT_EQ(of(5e3, false), (V{100, 0, 0, 0, 0}));
  EXPECT_EQ(of(1e4, false), (V{50, 50, 0, 0, 0}));
  EXPECT_EQ(of(5e4, false), (V{0, 100, 0, 0, 0}));
  EXPECT_EQ(of(1e5, false), (V{0, 50, 50, 0, 0}));
  EXPECT_EQ(of(1e18, false), (V{0, 0, 100, 0, 0}));
  EXPECT_EQ(of(0, true), (V{0, 0, 0, 0, 0}));
  EXPECT_EQ(of(1e4, true), (V{0, 0, 0, 50, 50}));
  EXPECT_EQ(of(1e18, true), (V{0, 0, 0, 0, 100}));
}

TEST_F(Traffic, CodeThatOtherCodeHasDriven) {
  using V = std::vector<double>;
  EXPECT_EQ(cold(0), (V{0, 0, 0}));
  EXPECT_EQ(cold(4e3), (V{0.5, 0, 0}));
  EXPECT_EQ(cold(1e4), (V{1, 0.5, 0}));
  EXPECT_EQ(cold(1e18), (V{1, 1, 1}));
  EXPECT_EQ(cold(1e5)[2], 0.5);
}

}  // namespace
}  // namespace hone::estimate
