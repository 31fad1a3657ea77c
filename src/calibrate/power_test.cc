// The power of made-up machines, by a counter below a made-up folder of powercap.
#include "calibrate/power.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/process.h"
#include "base/scratch_folder.h"
#include "calibrate/draw.h"
#include "calibrate/power_bench.h"

namespace hone::calibrate {
namespace {

using estimate::PowerFit;

// What a machine draws; prices in joules.
struct Truth {
  double idle_w = 12, compute_w = 8, memory_w = 5, operation_j = 0, byte_j = 0;
  double watts(const Activity& a) const {
    return idle_w + compute_w * a.compute + memory_w * a.memory + operation_j * a.operations +
           byte_j * a.bytes;
  }
};

constexpr double kOperations = 1e12, kBytes = 2e10;  // a second, at most
constexpr double kRange = 65'532'610'987;            // microjoules

// Computing and reading at several paces.
std::vector<Activity> several_paces() {
  const double o = kOperations, b = kBytes;
  return {{0.01 * o, 0, 1, 0},
          {o, 0, 1, 0},
          {0.5 * o, 0, 1, 0},
          {0.25 * o, 0, 1, 0},
          {0, b, 0, 1},
          {0, 0.05 * b, 0, 1},
          {0, 0.5 * b, 0, 1},
          {0, 0.75 * b, 0, 1},
          {0.5 * o, 0.5 * b, 0.5, 0.5},
          {0.75 * o, 0.25 * b, 0.75, 0.25},
          {0.01 * o, 0.5 * b, 0.5, 0.5}};
}

// Who computes does it at one pace, and who reads does.
std::vector<Activity> one_pace() {
  std::vector<Activity> all;
  for (int i = 0; i <= 10; ++i) {
    const double c = i / 10.0;
    all.push_back({c * kOperations, (1 - c) * kBytes, c, 1 - c});
  }
  return all;
}

// Its own clock, and a counter that follows it.
class MadeUpBench : public PowerBench {
 public:
  MadeUpBench(const ScratchFolder& folder, Truth truth, std::vector<Activity> work)
      : folder_(folder), truth_(truth), work_(std::move(work)) {
    std::filesystem::create_directories(folder / "intel-rapl:0");
    folder.write("intel-rapl:0/name", "package-0\n");
    folder.write("intel-rapl:0/max_energy_range_uj", "65532610987\n");
    pass(0, 0);
  }

  std::vector<std::string> workloads() const override {
    std::vector<std::string> names;
    for (size_t i = 0; i < work_.size(); ++i) names.push_back("work " + std::to_string(i));
    return names;
  }
  Result<Activity> run(size_t workload, double seconds) override {
    // A percent of noise that is the same each time, and has nothing to do with what is done.
    const double noise = 1 + 0.01 * std::sin(12.9898 * double(++runs_));
    pass(seconds, truth_.watts(work_[workload]) * noise);
    return work_[workload];
  }
  void idle(double seconds) override {
    pass(seconds, truth_.idle_w * (1 + drift_ * double(runs_ % 2)));
  }
  double now() override { return now_; }

  void drift(double share) { drift_ = share; }
  int runs() const { return runs_; }

 private:
  void pass(double seconds, double watts) {
    now_ += seconds;
    microjoules_ = std::fmod(microjoules_ + seconds * watts * 1e6, kRange);
    folder_.write("intel-rapl:0/energy_uj", std::to_string(int64_t(microjoules_)) + "\n");
  }

  const ScratchFolder& folder_;
  Truth truth_;
  std::vector<Activity> work_;
  double now_ = 0, drift_ = 0;
  double microjoules_ = kRange - 5e6;  // soon begins anew
  int runs_ = 0;
};

struct Case {
  ScratchFolder folder;
  std::unique_ptr<MadeUpBench> bench;
  Case(const Truth& truth, std::vector<Activity> work)
      : bench(std::make_unique<MadeUpBench>(folder, truth, std::move(work))) {}
  measure::EnergySensors sensors() const {
    return measure::find_energy_sensors({.powercap = folder.path()});
  }
  PowerCalibration calibrate(double seconds = 100) {
    return calibrate_power(sensors(), [&] { return std::move(bench); }, seconds);
  }
};

PowerFit fit_of(const Truth& truth, std::vector<Activity> work) {
  const PowerCalibration power = Case(truth, std::move(work)).calibrate();
  EXPECT_TRUE(power.fit) << power.absent;
  return power.fit.value_or(PowerFit());
}

TEST(Power, PricesAreFoundWhereTheyCanBe) {
  const Truth truth{.operation_j = 3e-11, .byte_j = 9e-10};
  const PowerFit fit = fit_of(truth, several_paces());
  EXPECT_EQ(fit.sensors, std::vector<std::string>{"package-0"});
  EXPECT_EQ(fit.workloads, 11u);
  EXPECT_NEAR(fit.idle_w, 12, 0.01);
  EXPECT_NEAR(fit.compute_w, 8, 1);
  EXPECT_NEAR(fit.memory_w, 5, 1);
  EXPECT_NEAR(fit.operation_j, 3e-11, 2e-12);
  EXPECT_NEAR(fit.byte_j, 9e-10, 9e-11);
  EXPECT_GT(fit.operation_error_j, 0);
  EXPECT_LT(fit.operation_error_j, fit.operation_j / 10);
  EXPECT_LT(fit.byte_error_j, fit.byte_j / 5);
  EXPECT_LT(fit.left_out_error, 0.03);
  EXPECT_LT(fit.half_width, 0.05);
}

// Watts of a state and joules of what is always done in it are the same thing: the watts stay.
TEST(Power, OnePaceTellsNoPrices) {
  const Truth truth{.operation_j = 3e-11, .byte_j = 9e-10};
  const PowerFit fit = fit_of(truth, one_pace());
  EXPECT_EQ(fit.operation_j, 0);
  EXPECT_EQ(fit.operation_error_j, 0);
  EXPECT_EQ(fit.byte_j, 0);
  EXPECT_NEAR(fit.compute_w, 38, 1);
  EXPECT_NEAR(fit.memory_w, 23, 1);
  EXPECT_LT(fit.left_out_error, 0.03);
}

TEST(Power, PricesThatAreNotThereAreNotFound) {
  const PowerFit fit = fit_of({}, several_paces());
  EXPECT_EQ(fit.operation_j, 0);
  EXPECT_EQ(fit.byte_j, 0);
  EXPECT_NEAR(fit.compute_w, 8, 0.5);
  EXPECT_NEAR(fit.memory_w, 5, 0.5);
}

TEST(Power, OnePriceOfTwo) {
  const PowerFit fit = fit_of({.operation_j = 3e-11}, several_paces());
  EXPECT_NEAR(fit.operation_j, 3e-11, 2e-12);
  EXPECT_EQ(fit.byte_j, 0);
  EXPECT_NEAR(fit.memory_w, 5, 1);
  const PowerFit other = fit_of({.byte_j = 9e-10}, several_paces());
  EXPECT_EQ(other.operation_j, 0);
  EXPECT_NEAR(other.byte_j, 9e-10, 9e-11);
}

// Of 500 machines of each kind whose power is 3 % noisy (normally): prices that are there are
// found, and those that are not are seldom made up.
TEST(Power, NoiseIsNoPrice) {
  constexpr int kTrials = 500;
  Draw draw(1);
  const auto normal = [&] {
    return std::sqrt(-2 * std::log(1 - draw.unit())) * std::cos(2 * M_PI * draw.unit());
  };
  for (const bool operations : {false, true})
    for (const bool bytes : {false, true}) {
      const Truth truth{.operation_j = operations ? 3e-11 : 0, .byte_j = bytes ? 9e-10 : 0};
      int with_operations = 0, with_bytes = 0;
      double error = 0;
      for (int trial = 0; trial < kTrials; ++trial) {
        std::vector<PowerSample> samples;
        for (const Activity& a : several_paces())
          samples.push_back({"work " + std::to_string(samples.size()), a, truth.idle_w,
                             truth.watts(a) * (1 + 0.03 * normal()) - truth.idle_w});
        const auto fit = fit_power(samples);
        ASSERT_TRUE(fit.ok()) << describe(fit.error());
        with_operations += fit->operation_j > 0;
        with_bytes += fit->byte_j > 0;
        if (operations) error += std::abs(fit->operation_j / truth.operation_j - 1) / kTrials;
      }
      const auto expect = [kTrials](bool there, int found) {
        if (there)
          EXPECT_EQ(found, kTrials);
        else
          EXPECT_LT(found, kTrials / 50);
      };
      expect(operations, with_operations);
      expect(bytes, with_bytes);
      EXPECT_LT(error, 0.04);
    }
}

// What power depends on is not among what was counted: bounds would be wider than those of nothing
// measured.
TEST(Power, WhatCannotBeToldIsNot) {
  std::vector<PowerSample> samples;
  for (int i = 0; i < 11; ++i)
    samples.push_back({"work " + std::to_string(i), one_pace()[size_t(i)], 1, i % 2 ? 200.0 : 1.0});
  const auto fit = fit_power(samples);
  ASSERT_FALSE(fit.ok());
  EXPECT_EQ(fit.error().id, ErrorId::inconclusive);
  EXPECT_NE(fit.error().message.find("left out"), std::string::npos);
}

TEST(Power, RoundsFitIntoTheTime) {
  Case one({}, several_paces());
  EXPECT_NEAR(round_seconds(one.sensors().found, 11), 3.3, 1e-9);
  const auto samples = measure_power(one.sensors().found, *one.bench, 7);
  ASSERT_TRUE(samples.ok());
  EXPECT_EQ(samples->size(), 22u);
  EXPECT_NEAR((*samples)[0].idle_w, 12, 0.01);
  EXPECT_NEAR((*samples)[0].net_w, 8, 0.3);
  EXPECT_LT(one.bench->now(), 7 + 0.2);  // settling comes on top
  const PowerCalibration none = Case({}, several_paces()).calibrate(3);
  EXPECT_FALSE(none.fit);
  EXPECT_NE(none.absent.find("need 3.3 s"), std::string::npos) << none.absent;
}

TEST(Power, IdlingHasToBeEven) {
  Case uneven({}, several_paces());
  uneven.bench->drift(0.5);
  const PowerCalibration power = uneven.calibrate();
  EXPECT_FALSE(power.fit);
  EXPECT_NE(power.absent.find("0 of the 9 workloads"), std::string::npos) << power.absent;
}

TEST(Power, WithoutCountersNothingRuns) {
  const ScratchFolder folder;
  const PowerCalibration power = calibrate_power(
      measure::find_energy_sensors({.powercap = folder.path()}),
      []() -> std::unique_ptr<PowerBench> {
        ADD_FAILURE() << "made for nothing";
        return nullptr;
      },
      100);
  EXPECT_FALSE(power.fit);
  EXPECT_NE(power.absent.find("there is no counter"), std::string::npos) << power.absent;
}

TEST(Power, ACounterThatIsGone) {
  Case one({}, several_paces());
  auto sensors = one.sensors();
  sensors.found[0].joules = [] { return std::optional<double>(); };
  const auto samples = measure_power(sensors.found, *one.bench, 100);
  ASSERT_FALSE(samples.ok());
  EXPECT_EQ(samples.error().id, ErrorId::unavailable);
}

// The clock of the system, and a thread that counts.
class RunningBench : public PowerBench {
 public:
  explicit RunningBench(const ScratchFolder& folder) : folder_(folder) {
    std::filesystem::create_directories(folder / "intel-rapl:0");
    folder.write("intel-rapl:0/name", "package-0\n");
    count(0);
    counter_ = std::thread([this] {
      for (double before = now(), joules = 0; !stop_;) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        const double after = now();
        joules += (busy_ ? 50 : 10) * (after - before);
        before = after;
        count(joules);
      }
    });
  }
  ~RunningBench() override {
    stop_ = true;
    counter_.join();
  }
  std::vector<std::string> workloads() const override { return {"busy"}; }
  Result<Activity> run(size_t, double seconds) override {
    busy_ = true;
    idle(seconds);
    busy_ = false;
    return Activity{1, 0, 1, 0};
  }
  void idle(double seconds) override {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }
  double now() override { return seconds_since(start_); }

 private:
  void count(double joules) {
    // Whoever reads sees one number or the other.
    folder_.write("next", std::to_string(int64_t(joules * 1e6)) + "\n");
    std::filesystem::rename(folder_ / "next", folder_ / "intel-rapl:0/energy_uj");
  }

  const ScratchFolder& folder_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::atomic<bool> stop_ = false, busy_ = false;
  std::thread counter_;
};

// A busy machine delays the counting thread: more than that it is between is not asked.
TEST(Power, OfACounterThatRuns) {
  const ScratchFolder folder;
  RunningBench bench(folder);
  const auto sensors = measure::find_energy_sensors({.powercap = folder.path()});
  std::vector<PowerSample> samples;
  for (int attempt = 0; attempt < 20 && samples.empty(); ++attempt) {
    auto measured = measure_power(sensors.found, bench, 0.31);
    ASSERT_TRUE(measured.ok()) << describe(measured.error());
    samples = measured.take();
  }
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_GT(samples[0].net_w, 15);
  EXPECT_LT(samples[0].net_w, 80);
}

// What the workloads of this machine say that they do.
TEST(Power, WorkloadsOfTheHost) {
  Host host;
  host.caches = {{2, "Unified", 128 << 10, 1}, {3, "Unified", 4 << 20, 2}};
  host.available_bytes = 4ull << 30;
  const auto bench = host_power_bench(host, 2);
  const auto names = bench->workloads();
  ASSERT_GE(names.size(), 13u);
  double most = 0, least = 1e300;
  for (size_t i = 0; i < names.size(); ++i) {
    SCOPED_TRACE(names[i]);
    const auto a = bench->run(i, 0.01);
    ASSERT_TRUE(a.ok());
    EXPECT_GT(a->operations + a->bytes, 0);
    EXPECT_GT(a->compute + a->memory, 0.1);
    EXPECT_LT(a->compute + a->memory, 1.01);
    EXPECT_EQ(a->operations > 0, a->compute > 0);
    EXPECT_EQ(a->bytes > 0, a->memory > 0);
    if (a->bytes > 0) {
      most = std::max(most, a->bytes / a->memory);
      least = std::min(least, a->bytes / a->memory);
    }
  }
  // Lines that wait for each other come slower than streams.
  EXPECT_GT(most, 4 * least);
  // Without memory to spare there are fewer.
  host.available_bytes = 1 << 20;
  EXPECT_LT(host_power_bench(host, 1)->workloads().size(), names.size());
}

}  // namespace
}  // namespace hone::calibrate
