// Estimates from published tables, on tables of devices that are made up: each has rates of its
// own, and times are noisy sums over the layers of the networks.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "calibrate/published/baselines.h"
#include "calibrate/published/energy.h"
#include "calibrate/published/interpolation.h"
#include "calibrate/published/validation.h"

namespace hone::calibrate {
namespace {

struct Random {
  uint64_t state;
  double uniform() { return double(finalize64(state += kMixStep) >> 11) * 0x1p-53; }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * M_PI * uniform());
  }
};

CsvTable parse(const std::string& text) {
  Ledger ledger{Limits()};
  auto table = CsvTable::parse(text, "t.csv", ledger);
  EXPECT_TRUE(table) << describe(table.error());
  return table.take();
}
std::string measurements_error(const std::string& text) {
  const auto read = read_measurements(parse(text), Statistic::average);
  return read ? "" : read.error().message;
}

const std::vector<std::string> kGiven{"n0",  "n3",      "n6",      "n9",
                                      "n12", "n1_int8", "n5_int8", "n9_int8"};

// Networks n0 … n19, some of them also in bytes.
std::vector<NetworkFeatures> made_up_networks() {
  Random random{1};
  std::vector<NetworkFeatures> all;
  for (int i = 0; i < 20; ++i) {
    NetworkFeatures f;
    f.network = fmt::format("n{}", i);
    const double size = std::exp(1.2 * random.normal());
    for (size_t k = 0; k < 5; ++k) f.values[k] = 1e8 * size * std::exp(random.normal());
    f.values[5] = 5e6 * std::exp(random.normal());
    f.values[6] = 1e7 * size * std::exp(0.5 * random.normal());
    f.values[7] = std::round(20 + 100 * random.uniform());
    f.values[8] = 1e7 * size * std::exp(random.normal());
    all.push_back(f);
    if (i % 4 == 1) {
      f.network += "_int8";
      all.push_back(f);
    }
  }
  return all;
}

std::string made_up_table(int devices, double noise) {
  Random random{2};
  std::string text = "device,model,threads,gpu_device,avg_ms\n";
  const auto networks = made_up_networks();
  for (int d = 0; d < devices; ++d) {
    std::array<double, 9> rates{};
    const double speed = std::exp(random.normal());
    for (size_t k = 0; k < 5; ++k) rates[k] = 1e-7 * speed * std::exp(0.4 * random.normal());
    for (size_t k = 5; k < 9; ++k) rates[k] = 2e-7 * speed * std::exp(0.4 * random.normal());
    rates[7] *= 1e5;
    const double bytes = 0.6 * std::exp(0.3 * random.normal());
    for (const NetworkFeatures& f : networks) {
      double time = 0;
      for (size_t k = 0; k < 9; ++k) time += rates[k] * f.values[k];
      if (is_int8(f.network)) time *= bytes;
      text += fmt::format("d{},{},{},-1,{:.5g}\n", d, f.network, 1 + d % 3,
                          time * std::exp(noise * random.normal()));
    }
  }
  return text;
}

Measurements made_up(int devices, double noise) {
  auto read = read_measurements(parse(made_up_table(devices, noise)), Statistic::average);
  EXPECT_TRUE(read) << describe(read.error());
  return read.take();
}

TEST(Measurements, RunsOfADevice) {
  const auto read = read_measurements(
      parse("device,host_section_cmd,model,threads,powersave,gpu_device,min_ms,avg_ms\n"
            "a,benchncnn 8 1 0 -1 1,squeezenet,1,0,-1,1,2\n"
            "a,benchncnn 8 1 0 -1 1,squeezenet-int8,1,0,-1,3,4\n"
            "a,benchncnn 8 1 0 0 1,squeezenet,1,0,0,5,6\n"
            "a,benchncnn 8 1 0 -1 1,squeezenet_int8,1,0,-1,7,8\n"
            "b,,squeezenet,4,0,0,9,0\n"
            "c,benchncnn 4 1 0 -1 0,squeezenet,1,0,0,1,1\n"),
      Statistic::average);
  ASSERT_TRUE(read) << describe(read.error());
  EXPECT_EQ(read->networks, (std::vector<std::string>{"squeezenet", "squeezenet-int8"}));
  ASSERT_EQ(read->configurations.size(), 5u);
  const auto& runs = read->configurations;
  EXPECT_EQ(runs[0].milliseconds, (std::vector<double>{2, 4}));
  EXPECT_FALSE(runs[0].gpu);
  EXPECT_EQ(runs[0].run, "CPU, 1 thread, benchncnn 8 1 0 -1 1");
  EXPECT_TRUE(runs[1].gpu);
  EXPECT_EQ(runs[2].milliseconds[1], 8);  // the second time of the network is another run
  EXPECT_TRUE(std::isnan(runs[2].milliseconds[0]));
  EXPECT_TRUE(runs[3].gpu);
  EXPECT_TRUE(std::isnan(runs[3].milliseconds[0]));  // 0 ms: too short to tell
  EXPECT_FALSE(runs[4].gpu);                         // the command rules over the column
}

TEST(Measurements, ErrorsNameTheCell) {
  EXPECT_EQ(measurements_error("device,model,avg_ms\n"),
            "t.csv:1: there is no column threads; there are device, model, avg_ms");
  EXPECT_EQ(measurements_error("device,model,threads,avg_ms\n"), "t.csv: the table has no rows");
  EXPECT_EQ(measurements_error("device,model,threads,avg_ms\na,m,1,x\n"),
            "t.csv:2, column avg_ms: \"x\" is not a number");
  EXPECT_EQ(measurements_error("device,model,threads,avg_ms\na,m,1,-1\n"),
            "t.csv:2, column avg_ms: is a negative time");
  EXPECT_EQ(measurements_error("device,model,threads,avg_ms\na,m,0.5,1\n"),
            "t.csv:2, column threads: is not a number of threads");
  EXPECT_EQ(measurements_error("device,model,threads,avg_ms\na,,1,1\n"),
            "t.csv:2, column model: the name of a network is missing");
}

TEST(Measurements, Features) {
  std::string head = "model";
  for (const auto column : NetworkFeatures::kColumns) head += fmt::format(",{}", column);
  const auto read = [&](const std::string& rows) {
    return read_features(parse(head + "\n" + rows));
  };
  const auto two = read("a,1,2,3,4,5,6,7,8,9\nb,1,0,0,0,0,0,0,1,0\n");
  ASSERT_TRUE(two) << describe(two.error());
  EXPECT_EQ((*two)[0].macs(), 15);
  EXPECT_EQ(read("a,1,2,3,4,5,6,7,8,9\na,1,2,3,4,5,6,7,8,9\n").error().message,
            "t.csv:3, column model: the network is listed twice");
  EXPECT_FALSE(read("a,0,0,0,0,0,6,7,8,9\n"));
  EXPECT_FALSE(read("a,1,0,0,0,0,6,7,0,9\n"));
  EXPECT_FALSE(read("a,1,0,0,0,0,-6,7,1,9\n"));
  // Sums of them would leave the range of numbers.
  EXPECT_EQ(read("a,1e308,1e308,0,0,0,6,7,8,9\n").error().message,
            "t.csv:2, column macs_conv3x3: is above 1e+18");
}

TEST(Gaussian, FindsWhatMadeTheRows) {
  // Two factors over six columns; a third of the numbers is missing, levels are arbitrary.
  Random random{5};
  const std::vector<double> mean{0, 1, -1, 0.5, 2, -2.5};
  Matrix truth(6, 6), rows(600, 6);
  for (size_t i = 0; i < 6; ++i)
    for (size_t j = 0; j < 6; ++j)
      truth(i, j) = (i % 2 == j % 2 ? 0.3 : -0.1) + (i == j ? 0.05 : 0);
  const auto l = cholesky(truth);
  ASSERT_TRUE(l);
  for (size_t r = 0; r < rows.rows(); ++r) {
    std::vector<double> z(6);
    for (double& x : z) x = random.normal();
    const double level = 5 * random.normal();
    for (size_t c = 0; c < 6; ++c) {
      rows(r, c) = random.uniform() < 0.3
                       ? std::nan("")
                       : level + mean[c] + dot(l->row(c).first(c + 1), std::span(z).first(c + 1));
    }
  }
  Matrix start(6, 6);
  for (size_t i = 0; i < 6; ++i) start(i, i) = 0.2;
  const std::vector<double> weights(rows.rows(), 1.0);
  const Gaussian g = fit_gaussian(rows, weights, {{column_means(rows), start}, 1, 0}, 60);
  // Levels are free, so what can be found are differences.
  for (size_t i = 1; i < 6; ++i) {
    EXPECT_NEAR(g.mean[i] - g.mean[0], mean[i] - mean[0], 0.12) << i;
    const double spread = g.covariance(i, i) + g.covariance(0, 0) - 2 * g.covariance(i, 0);
    const double real = truth(i, i) + truth(0, 0) - 2 * truth(i, 0);
    EXPECT_NEAR(spread / real, 1, 0.25) << i;
  }
}

TEST(Gaussian, GivenNumbersDecide) {
  Gaussian g{{0, 1, 2, 3}, Matrix(4, 4)};
  for (size_t i = 0; i < 4; ++i)
    for (size_t j = 0; j < 4; ++j) g.covariance(i, j) = i == j ? 0.1 : i / 2 == j / 2 ? 0.09 : 0;
  const std::vector<double> row{10, std::nan(""), 12.5, std::nan("")};
  const std::vector<size_t> given{0, 2};
  const Conditional c = condition(g, row, given);
  EXPECT_EQ(c.used, given);
  EXPECT_NEAR(c.mean[0], 10, 1e-4);
  EXPECT_NEAR(c.mean[2], 12.5, 1e-4);
  EXPECT_NEAR(c.covariance(0, 0), 0, 1e-4);
  // The level is halfway; of its deviation from that, a network takes over nine tenths of its
  // neighbour's.
  EXPECT_NEAR(c.mean[1], 11.25 - 0.9 * 0.25, 0.01);
  EXPECT_NEAR(c.mean[3], 13.25 + 0.9 * 0.25, 0.01);
  EXPECT_GT(c.covariance(1, 1), 0.01);
}

TEST(Gaussian, OneWildNumberIsNotBelieved) {
  Gaussian g{std::vector<double>(8, 0.0), Matrix(8, 8)};
  for (size_t i = 0; i < 8; ++i) g.covariance(i, i) = 0.01;
  std::vector<double> row(8, 3.0);
  row[2] = -4;  // a thousand times too fast
  row[7] = std::nan("");
  const std::vector<size_t> given{0, 1, 2, 3, 4, 5, 6};
  const Conditional c = condition(g, row, given);
  EXPECT_EQ(c.used, (std::vector<size_t>{0, 1, 3, 4, 5, 6}));
  EXPECT_NEAR(c.mean[7], 3, 1e-3);
  const std::vector<size_t> few{0, 1, 2, 3};  // who is wrong among four is not clear
  EXPECT_EQ(condition(g, row, few).used, few);
}

TEST(Interpolation, ANetworkIsMadeOfThoseLikeIt) {
  const auto networks = made_up_networks();
  std::vector<const NetworkFeatures*> known;
  for (const auto& n : networks) known.push_back(&n);
  NetworkFeatures twin = networks[3];
  twin.network = "twin";
  const Mixture same = interpolate(known, twin);
  EXPECT_GT(same.weights[3], 0.4);
  double sum = 0;
  for (const double w : same.weights) sum += w;
  EXPECT_NEAR(sum, 1, 0.05);
  NetworkFeatures strange = networks[3];
  for (double& v : strange.values) v *= 1000;
  EXPECT_GT(interpolate(known, strange).variance, 5 * same.variance);
  EXPECT_TRUE(interpolate({}, twin).weights.empty());
}

TEST(Prior, EstimatesDevicesThatItHasNotSeen) {
  const auto networks = made_up_networks();
  const auto v = validate_left_out(made_up(40, 0.03), networks, {kGiven, "", {}});
  ASSERT_TRUE(v) << describe(v.error());
  EXPECT_EQ(v->groups, 40u);
  EXPECT_EQ(v->runs.size(), 40u);
  EXPECT_EQ(v->impossible, 0u);
  const ErrorSummary& all = v->parts[0].summary;
  EXPECT_EQ(all.n, 40 * (networks.size() - kGiven.size()));
  EXPECT_LT(all.median, 0.08);
  EXPECT_GE(all.coverage, 0.85);
  EXPECT_LE(all.coverage, 0.95);
  EXPECT_LT(all.half_width, 0.25);
  EXPECT_GT(all.rank, 0.95);
  ASSERT_EQ(v->baselines.size(), kBaselines);
  for (const PartResult& baseline : v->baselines) EXPECT_LT(all.median, baseline.summary.median);
}

TEST(Prior, WorksWhenSomeOfTheGivenAreMissing) {
  const auto networks = made_up_networks();
  auto prior = fit_prior(made_up(40, 0.03), networks, {kGiven, "", {}});
  ASSERT_TRUE(prior) << describe(prior.error());
  Measurements other = made_up(43, 0.03);  // the last three are others
  for (size_t c = 40; c < 43; ++c) {
    for (const char* gone : {"n0", "n9", "n5_int8"})
      other.configurations[c].milliseconds[*find_network(other.networks, gone)] = std::nan("");
    std::vector<double> errors;
    for (const Residual& r : residuals(*prior, other, c, networks)) {
      ASSERT_TRUE(r.prediction.possible());
      errors.push_back(std::abs(r.error()));
    }
    std::sort(errors.begin(), errors.end());
    EXPECT_LT(errors[errors.size() / 2], 0.2) << c;
  }
}

TEST(Prior, NetworksThatItDoesNotKnow) {
  const auto networks = made_up_networks();
  const Measurements table = made_up(40, 0.02);
  auto prior = fit_prior(table, networks, {kGiven, "", {}});
  ASSERT_TRUE(prior);
  std::vector<double> errors;
  for (size_t c = 0; c < table.configurations.size(); ++c)
    for (const Residual& r : residuals_by_features(*prior, table, c)) {
      EXPECT_FALSE(r.known);
      errors.push_back(std::abs(r.error()));
    }
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(errors[errors.size() / 2], 0.35);
  const std::vector<Measured> given{{"n0", 10}};
  const std::vector<Target> targets{{"never heard of"}};
  EXPECT_FALSE(predict(*prior, 1, false, given, targets)[0].possible());
}

TEST(Prior, BytesRunOnTheCpuBesideAGpu) {
  EXPECT_EQ(run_kind(1, true, false), RunKind::gpu);
  EXPECT_EQ(run_kind(1, true, true), RunKind::cpu_one_thread);
  EXPECT_EQ(run_kind(4, false, false), RunKind::cpu_few_threads);
  EXPECT_EQ(run_kind(5, false, true), RunKind::cpu_many_threads);
  auto prior = fit_prior(made_up(20, 0.02), made_up_networks(), {kGiven, "", {}});
  ASSERT_TRUE(prior);
  const std::vector<Target> targets{{"n2"}, {"n13_int8"}};
  const std::vector<Measured> floats{{"n0", 1}, {"n3", 1}};
  auto estimates = predict(*prior, 1, true, floats, targets);
  EXPECT_TRUE(estimates[0].possible());
  EXPECT_FALSE(estimates[1].possible());
  // A CPU that is a hundred times slower than the GPU changes nothing about the floats.
  const std::vector<Measured> both{{"n0", 1}, {"n3", 1}, {"n1_int8", 100}};
  const auto with_bytes = predict(*prior, 1, true, both, targets);
  EXPECT_EQ(with_bytes[0].log_milliseconds, estimates[0].log_milliseconds);
  EXPECT_TRUE(with_bytes[1].possible());
  EXPECT_FALSE(predict(*prior, 1, false, {}, targets)[0].possible());
}

TEST(Prior, PrintsAndReadsBack) {
  const auto networks = made_up_networks();
  auto prior = fit_bounded_prior(made_up(12, 0.05), networks, {kGiven, "a table, \"made up\"", {}});
  ASSERT_TRUE(prior) << describe(prior.error());
  const std::string text = print_prior(*prior);
  const auto again = parse_prior(parse(text));
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(print_prior(*again), text);
  EXPECT_EQ(again->source, prior->source);
  EXPECT_EQ(again->calibration, kGiven);
  for (size_t k = 0; k < kRunKinds; ++k)
    EXPECT_EQ(again->bound(RunKind(k), true).n, prior->bound(RunKind(k), true).n);
  const std::vector<Measured> given{{"n0", 20}, {"n6", 30}, {"n1_int8", 7}};
  const std::vector<Target> targets{{"n2"}, {"n17_int8"}};
  const auto before = predict(*prior, 2, false, given, targets);
  const auto after = predict(*again, 2, false, given, targets);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(after[i].log_milliseconds, before[i].log_milliseconds, 1e-3);
    EXPECT_NEAR(after[i].deviation, before[i].deviation, 1e-3);
  }
}

TEST(Prior, RefusesFilesThatAreNone) {
  const auto message = [](const std::string& text) {
    const auto prior = parse_prior(parse(text));
    return prior ? "" : prior.error().message;
  };
  const std::string head = "kind,quantity,name,value,a,b\n";
  EXPECT_EQ(message("kind,quantity,value\n"),
            "t.csv:1: a prior begins with the columns kind,quantity,name,value");
  EXPECT_EQ(message("kind,quantity,name,value\n"), "t.csv:1: 0 networks, not 1 to 200");
  EXPECT_EQ(message("kind,quantity,name,value,a-b,a_b\n"),
            "t.csv:1: two columns are of the network a_b");
  EXPECT_EQ(message(head), "t.csv: there is no row calibration");
  EXPECT_EQ(message(head + ",calibration,a,,,\n"), "t.csv: there is no mean of cpu_1");
  EXPECT_EQ(message(head + ",calibration,c,,,\n"),
            "t.csv:2, column name: there is no column of this network");
  EXPECT_EQ(message(head + ",colour,,,,\n"), "t.csv:2, column quantity: \"colour\" is unknown");
  EXPECT_EQ(message(head + "cpu_1,mean,,,1,\n"), "t.csv:2, column b: \"\" is not a number");
  EXPECT_EQ(message(head + "cpu_1,mean,,,1,1e9\n"), "t.csv:2, column b: is out of range");
  EXPECT_EQ(message(head + "npu,mean,,,1,2\n"), "t.csv:2, column kind: is no kind of run");
  EXPECT_EQ(message(head + ",feature,macs_fc,,1,1e19\n"), "t.csv:2, column b: is above 1e+18");
  std::string indefinite = head + ",calibration,a,,,\n";
  for (size_t k = 0; k < kRunKinds; ++k)
    indefinite += fmt::format("{0},mean,,,1,2\n{0},covariance,a,,1,\n{0},covariance,b,,2,1\n",
                              name(RunKind(k)));
  EXPECT_EQ(message(indefinite), "t.csv: the covariance of cpu_1 is not positive definite");
}

TEST(Prior, RefusesTooFewDevicesAndUnknownNetworks) {
  const auto networks = made_up_networks();
  EXPECT_EQ(fit_prior(made_up(1, 0), networks, {kGiven, "", {}}).error().message,
            "a prior takes measurements of at least two devices or groups");
  EXPECT_EQ(fit_bounded_prior(made_up(2, 0), networks, {kGiven, "", {}}).error().message,
            "leaving each device or group out in turn takes at least three: the table has 2");
  EXPECT_EQ(fit_prior(made_up(3, 0), networks, {{"x"}, "", {}}).error().message,
            "the calibration network x is not in the table");
  auto prior = fit_prior(made_up(3, 0), networks, {kGiven, "", {}});
  ASSERT_TRUE(prior);
  prior->statistic = Statistic::least;
  EXPECT_EQ(validate(*prior, made_up(3, 0), networks).error().message,
            "the prior is of min_ms, the table is read for avg_ms");
}

// Fits to tables of these sizes would take hours: they are refused before.
TEST(Prior, RefusesWhatWouldTakeHours) {
  std::string text = "device,model,threads,avg_ms\n";
  for (int d = 0; d < 200; ++d)
    for (int n = 0; n < 150; ++n) text += fmt::format("d{},n{},1,{}\n", d, n, 1 + n);
  const auto table = read_measurements(parse(text), Statistic::average);
  ASSERT_TRUE(table);
  const auto v = validate_left_out(*table, {}, {{"n0"}, "", {}});
  ASSERT_FALSE(v);
  EXPECT_EQ(v.error().id, ErrorId::over_time);
  text = "device,model,threads,avg_ms\n";
  for (size_t n = 0; n <= kMostNetworks; ++n) text += fmt::format("d,n{},1,1\n", n);
  EXPECT_EQ(measurements_error(text), fmt::format("t.csv:{}, column model: more than {} networks",
                                                  kMostNetworks + 2, kMostNetworks));
}

// The prior that comes with hone.
TEST(Prior, OfPublishedTables) {
  auto file = MappedFile::open(HONE_SOURCE "/data/calibration/published/ncnn.csv");
  ASSERT_TRUE(file) << describe(file.error());
  const auto prior = parse_prior(
      parse(std::string(reinterpret_cast<const char*>(file->bytes().data()), file->size())));
  ASSERT_TRUE(prior) << describe(prior.error());
  EXPECT_EQ(prior->networks.size(), 35u);
  EXPECT_TRUE(std::equal(prior->calibration.begin(), prior->calibration.end(),
                         default_calibration().begin(), default_calibration().end()));
  for (size_t k = 0; k < kRunKinds; ++k) {
    EXPECT_TRUE(prior->bound(RunKind(k), true).certified);
    EXPECT_TRUE(prior->bound(RunKind(k), false).certified);
  }
  // A device like the mean of all, seven times as slow, is that in the rest as well.
  const Gaussian& g = prior->kinds[size_t(RunKind::cpu_one_thread)];
  std::vector<Measured> given;
  for (const std::string& network : prior->calibration)
    given.push_back({network, 7 * std::exp(g.mean[*find_network(prior->networks, network)])});
  std::vector<Target> targets;
  for (const std::string& network : prior->networks) targets.push_back({network});
  const auto predictions = predict(*prior, 1, false, given, targets);
  for (size_t n = 0; n < targets.size(); ++n) {
    EXPECT_NEAR(predictions[n].log_milliseconds, g.mean[n] + std::log(7), 1e-6);
    EXPECT_LT(predictions[n].deviation, 0.4) << targets[n].network;
  }
}

TEST(Baselines, FindRatesAndBeatNothing) {
  const auto networks = made_up_networks();
  std::vector<Measured> given;
  for (size_t i = 0; i < 12; ++i) given.push_back({networks[i].network, 2e-7 * networks[i].macs()});
  for (size_t b = 0; b < kBaselines; ++b) {
    const auto fitted = FittedBaseline::fit(Baseline(b), given, networks);
    ASSERT_TRUE(fitted);
    EXPECT_NEAR(fitted->milliseconds(networks[15]) / (2e-7 * networks[15].macs()), 1, 1e-6);
  }
  EXPECT_FALSE(FittedBaseline::fit(Baseline::macs, {}, networks).has_value());
}

TEST(Errors, Summaries) {
  std::vector<ErrorCase> cases;
  for (int i = 1; i <= 20; ++i)
    cases.push_back({0, 100.0 * (1 + 0.01 * i), 100.0, std::log1p(0.1)});
  const ErrorSummary s = summarize(cases);
  EXPECT_NEAR(s.median, 0.105, 1e-12);
  EXPECT_NEAR(s.mean, 0.105, 1e-12);
  EXPECT_NEAR(s.most, 0.2, 1e-12);
  EXPECT_NEAR(s.within_5, 0.25, 0.06);
  EXPECT_NEAR(s.coverage, 0.5, 0.06);
  EXPECT_TRUE(std::isnan(s.rank));  // all measured alike
  EXPECT_TRUE(std::isnan(summarize({}).median));
  const std::vector<double> a{1, 2, 2, 4}, b{10, 30, 20, 40}, c{4, 3, 2, 1};
  EXPECT_NEAR(rank_correlation(a, b), 0.9486832980505138, 1e-12);
  EXPECT_EQ(rank_correlation(b, b), 1);
  EXPECT_NEAR(rank_correlation(c, std::vector<double>{1, 2, 3, 4}), -1, 1e-12);
}

const std::string kEnergyHead =
    "round,division,submitter,system,benchmark,latency_ms,energy_uJ_per_inf,"
    "energy_mode_throughput_inf_s\n";

TEST(Energy, PowerOfOneNetworkTimesTheTimeOfAnother) {
  const auto rows = read_energy(parse(kEnergyHead + "v1,closed,x,board,kws,10,1000,100\n"
                                                    "v1,closed,x,board,ad,5,510,200\n"
                                                    "v1,closed,x,board,ic,40,4000,20\n"
                                                    "v1,closed,x,board,vww,20,,\n"
                                                    "v1,closed,y,board,kws,10,2000,\n"
                                                    "v1,closed,y,board,ad,20,4200,0\n"
                                                    "v1,closed,z,board,ad,20,4200,\n"));
  ASSERT_TRUE(rows) << describe(rows.error());
  const auto v = validate_energy(*rows, "kws");
  ASSERT_TRUE(v) << describe(v.error());
  EXPECT_EQ(v->systems, 2u);
  ASSERT_EQ(v->results.size(), 3u);
  EXPECT_NEAR(v->results[0].estimated, 500e-6, 1e-12);
  EXPECT_NEAR(v->results[1].estimated, 5000e-6, 1e-12);  // by the time of the metered run
  EXPECT_NEAR(v->results[2].estimated, 4000e-6, 1e-12);
  ASSERT_EQ(v->parts.size(), 3u);
  EXPECT_EQ(v->parts[1].name, "ad");
  EXPECT_EQ(v->parts[1].summary.n, 2u);
  EXPECT_TRUE(std::isnan(v->parts[0].summary.coverage));  // too few to certify
}

TEST(Energy, IntervalsComeFromOtherSystems) {
  Random random{9};
  std::string text = kEnergyHead;
  for (int s = 0; s < 60; ++s) {
    const double watts = 0.01 + random.uniform();
    for (const char* network : {"kws", "ad", "ic", "vww"}) {
      const double ms = 1 + 100 * random.uniform();
      text += fmt::format("v1,closed,x,s{},{},{},{},\n", s, network, ms,
                          1e3 * watts * ms * std::exp(0.04 * random.normal()));
    }
  }
  const auto rows = read_energy(parse(text));
  ASSERT_TRUE(rows);
  const auto v = validate_energy(*rows, "kws");
  ASSERT_TRUE(v);
  EXPECT_EQ(v->parts[0].summary.n, 180u);
  EXPECT_LT(v->parts[0].summary.median, 0.06);
  EXPECT_GE(v->parts[0].summary.coverage, 0.85);
  EXPECT_LE(v->parts[0].summary.coverage, 0.95);
}

TEST(Energy, SaysWhatIsMissing) {
  const auto rows = read_energy(parse(kEnergyHead + "v1,closed,x,board,kws,10,1000,\n"));
  ASSERT_TRUE(rows);
  const auto none = validate_energy(*rows, "kws");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().id, ErrorId::inconclusive);
  EXPECT_EQ(
      read_energy(parse(kEnergyHead + "v1,c,x,b,kws,1,1,\nv1,c,x,b,kws,2,2,\n")).error().message,
      "t.csv:3, column benchmark: kws comes twice on v1 / c / x / b");
  EXPECT_FALSE(read_energy(parse(kEnergyHead + "v1,c,x,b,kws,-1,1,\n")));
}

}  // namespace
}  // namespace hone::calibrate
