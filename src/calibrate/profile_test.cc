// Calibrations as files: what is written is read, and what is wrong is refused by name.
#include "calibrate/profile.h"

#include <gtest/gtest.h>

#include "calibrate/calibrations.h"
#include "estimate/family.h"

namespace hone::calibrate {
namespace {

using estimate::Calibration;
using estimate::FamilyFit;

Calibration example() {
  Calibration c;
  c.device = "host";
  c.created = "2020-01-02T03:04:05Z";
  c.cpu = "A \"CPU\"";
  c.fingerprint = "abc";
  c.kernels = "cpu 1 wide";
  c.engine = "0.0.1";
  c.machine.threads = 2;
  c.machine.tile_rows = 14;
  c.rates = {1e11, 2e11, 3e10, 2e10, 1e10};
  c.seed = 12;
  c.shapes = 400;
  c.samples = 1234;
  c.seconds = 30.5;
  c.noise = 0.02;
  c.step_seconds = 2e-7;
  c.run_seconds = 3e-6;
  c.scale = 1.05;
  c.half_width = 0.17;
  c.network_residuals = {0.125, -0.25};
  FamilyFit f;
  f.family = "linear";
  f.coefficients[0] = 1.5e-11;
  f.coefficients[estimate::kFeatures - 1] = 1e-6;
  f.residuals = {{{1.5, 2, 3, 0, 4}, 0.125, 1e-5, 0.0625}, {{0, 0, 0, 0, 0}, -0.5, 2e-5, 0}};
  f.own = 1;
  f.reach = 4;
  f.noise = 0.4;
  f.corrects = true;
  f.median_error = 0.03;
  f.p90_error = 0.1;
  f.half_width = 0.12;
  c.families = {f, {}};
  c.families[1].family = "softmax";
  return c;
}

// `from` is replaced once.
std::string with(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

void expect_refused(const std::string& text, std::string_view member) {
  SCOPED_TRACE(member);
  const auto c = parse_calibration(text, "some.json");
  ASSERT_FALSE(c.ok());
  const std::string message = describe(c.error());
  EXPECT_NE(message.find("some.json"), std::string::npos) << message;
  EXPECT_NE(message.find(member), std::string::npos) << message;
}

TEST(Profile, RoundTrip) {
  const Calibration c = example();
  const std::string text = print(c);
  const auto read = parse_calibration(text, "some.json");
  ASSERT_TRUE(read.ok()) << describe(read.error());
  EXPECT_EQ(print(*read), text);
  EXPECT_EQ(read->cpu, c.cpu);
  EXPECT_EQ(read->kernels, c.kernels);
  EXPECT_EQ(read->machine.threads, 2);
  EXPECT_EQ(read->machine.tile_rows, 14);
  EXPECT_EQ(read->rates.dram_bytes_per_s, 1e10);
  EXPECT_EQ(read->seed, 12u);
  EXPECT_EQ(read->network_residuals, c.network_residuals);
  EXPECT_EQ(read->scale, 1.05);
  ASSERT_EQ(read->families.size(), 2u);
  const FamilyFit* f = read->fit("linear");
  ASSERT_TRUE(f);
  EXPECT_EQ(f->coefficients, c.families[0].coefficients);
  EXPECT_TRUE(f->corrects);
  EXPECT_EQ(f->half_width, 0.12);
  ASSERT_EQ(f->residuals.size(), 2u);
  EXPECT_EQ(f->residuals[0].position, c.families[0].residuals[0].position);
  EXPECT_EQ(f->residuals[1].log_ratio, -0.5);
  EXPECT_EQ(f->residuals[1].seconds, 2e-5);
  EXPECT_EQ(f->residuals[0].weight, 0.0625);
  EXPECT_EQ(f->own, 1u);
  EXPECT_EQ(f->reach, 4);
  EXPECT_EQ(f->noise, 0.4);
  EXPECT_EQ(read->fit("gather"), nullptr);
}

TEST(Profile, WrongSchemasAreRefused) {
  const std::string text = print(example());
  expect_refused(with(text, "\"schema\": 1", "\"schema\": 2"), "schema");
  expect_refused(with(text, "\"schema\": 1", "\"schema\": \"1\""), "schema");
  expect_refused(with(text, "\"schema\": 1,", ""), "schema");
  expect_refused("[]", "the document");
}

TEST(Profile, WrongFamiliesAreRefused) {
  const std::string text = print(example());
  expect_refused(with(text, "\"linear\"", "\"lineal\""), "lineal");
  expect_refused(with(text, "1.5e-11", "-1.5e-11"), "coefficients_s");
  expect_refused(with(text, "1.5e-11,", ""), "coefficients_s");
  expect_refused(with(text, "1.5e-11", "\"x\""), "coefficients_s");
  expect_refused(with(text, "\"corrects\": true", "\"corrects\": 1"), "corrects");
  expect_refused(with(text, "\"median_error\": 0.03,", ""), "median_error");
  expect_refused(with(text, "     -0.5,", ""), "residuals");
  expect_refused(with(text, "     -0.5,", "     null,"), "residuals");
  expect_refused(with(text, "\"residuals\": []", "\"residuals\": {}"), "residuals");
  expect_refused(with(text, "\"residuals\": []", "\"residuals\": 3"), "residuals");
}

TEST(Profile, WrongMembersAreRefused) {
  const std::string text = print(example());
  expect_refused(with(text, "\"threads\": 2", "\"threads\": 0"), "threads");
  expect_refused(with(text, "\"threads\": 2", "\"threads\": 4294967297"), "threads");
  expect_refused(with(text, "\"threads\": 2", "\"threads\": 1.5"), "threads");
  expect_refused(with(text, "\"tile_rows\": 14", "\"tile_rows\": -14"), "tile_rows");
  expect_refused(with(text, "\"scale\": 1.05", "\"scale\": 0"), "scale");
  expect_refused(with(text, "\"scale\": 1.05", "\"scale\": null"), "scale");
  expect_refused(with(text, "\"half_width_difficulty\": 0.17", "\"half_width_difficulty\": -1"),
                 "half_width_difficulty");
  expect_refused(with(text, "\"run_s\": ", "\"runs\": "), "run_s");
  expect_refused(with(text, "  0.125,\n", "  \"0.125\",\n"), "network_residuals");
  expect_refused(with(text, "\"network_residuals\": [", "\"network_residuals\": {}, \"n\": ["),
                 "network_residuals");
  expect_refused(with(text, "\"families\": [", "\"families\": 3, \"f\": ["), "families");
}

// Where an estimate would leave the range of numbers, or nothing could be meant.
TEST(Profile, NumbersOutOfRangeAreRefused) {
  const std::string text = print(example());
  expect_refused(with(text, "1.5e-11", "1e308"), "coefficients_s");
  expect_refused(with(text, "\"half_width_difficulty\": 0.17", "\"half_width_difficulty\": 1e300"),
                 "half_width_difficulty");
  expect_refused(with(text, "\"half_width_log\": 0.12", "\"half_width_log\": 1e300"),
                 "half_width_log");
  expect_refused(with(text, "\"samples\": 1234", "\"samples\": -5"), "samples");
  expect_refused(with(text, "\"shapes\": 400", "\"shapes\": -1"), "shapes");
  expect_refused(with(text, "\"threads\": 2", "\"threads\": 2147483647"), "threads");
  expect_refused(with(text, "\"l1_bytes\": 32768.0", "\"l1_bytes\": 1e-300"), "l1_bytes");
  expect_refused(with(text, "\"scale\": 1.05", "\"scale\": 1e300"), "scale");
  expect_refused(with(text, "\"run_s\": 3e-06", "\"run_s\": 1e300"), "run_s");
  expect_refused(with(text, "\"f32_flops\": 1e+11", "\"f32_flops\": 1e300"), "f32_flops");
  expect_refused(with(text, "\"reach\": 4", "\"reach\": 0"), "reach");
  expect_refused(with(text, "     -0.5,", "     -1e300,"), "residuals");
  expect_refused(with(text, "  0.125,\n", "  1e300,\n"), "network_residuals");
}

TEST(Profile, UnknownAndDoubleMembersAreRefused) {
  const std::string text = print(example());
  expect_refused(with(text, "\"schema\": 1", "\"shema\": 2, \"schema\": 1"), "shema");
  expect_refused(with(text, "\"corrects\"", "\"corect\": 1, \"corrects\""), "corect");
  expect_refused(with(text, "\"softmax\"", "\"linear\""), "linear stands twice");
  expect_refused(with(text, "\"scale\": 1.05", "\"scale\": 1, \"scale\": 1.05"), "scale");
  expect_refused(with(text, "\"features\": [", "\"features\": [3, "), "features");
  // What earlier versions wrote.
  EXPECT_TRUE(parse_calibration(with(text, "\"seed\"", "\"repeat\": 0, \"seed\""), "x").ok());
}

// Texts reach terminals through notes.
TEST(Profile, TextsThatATerminalWouldObeyAreRefused) {
  const std::string text = print(example());
  expect_refused(with(text, "cpu 1 wide", "\\u001b[31mcpu"), "kernels");
  expect_refused(with(text, "2020-01-02T03:04:05Z", "a\\u202eb"), "created");
  expect_refused(with(text, "\"cpu 1 wide\"", "\"" + std::string(300, 'x') + "\""), "kernels");
}

TEST(Profile, FaultsSayWhatToDoAndKeepToLimits) {
  const std::string text = print(example());
  for (const std::string& bad : {std::string("{"), text.substr(0, 300), std::string("[]"),
                                 with(text, "\"scale\": 1.05", "\"scale\": 0")}) {
    const auto c = parse_calibration(bad, "some.json");
    ASSERT_FALSE(c.ok());
    EXPECT_NE(describe(c.error()).find("hone calibrate"), std::string::npos) << describe(c.error());
    EXPECT_EQ(describe(c.error()).find("export the model"), std::string::npos);
  }
  Limits limits;
  limits.header = 64;
  const auto c = parse_calibration(text, "some.json", limits);
  ASSERT_FALSE(c.ok());
  EXPECT_EQ(info(c.error().id).blame, Blame::limit);
}

TEST(Profile, TruncatedFilesAreRefused) {
  const std::string text = print(example());
  for (size_t size = 0; size + 2 < text.size(); size += 97)
    EXPECT_FALSE(parse_calibration(text.substr(0, size), "some.json").ok()) << size;
  expect_refused(text.substr(0, 300), "some.json");
}

TEST(Profile, BuiltInCalibrationsAreRead) {
  EXPECT_FALSE(built_in_calibrations().empty());
  for (const BuiltInCalibration& b : built_in_calibrations()) {
    const auto c = parse_calibration(b.text, std::string(b.file));
    ASSERT_TRUE(c.ok()) << describe(c.error());
    EXPECT_FALSE(c->families.empty()) << b.file;
  }
  for (const int64_t vector : {4, 8, 16}) {
    const auto prior = prior_for(vector, 1);
    ASSERT_TRUE(prior.ok()) << describe(prior.error());
    EXPECT_TRUE(prior->has_value());
  }
}

TEST(Profile, PowerIsOptional) {
  Calibration c = example();
  EXPECT_EQ(print(c).find("\"power\""), std::string::npos);
  EXPECT_FALSE(parse_calibration(print(c), "some.json")->power);
  c.power = estimate::PowerFit{
      {"package-0", "dram-0"}, 12, 9.5, 20.25, 8.125, 3e-12, 1e-13, 0, 0, 0.03, 0.07};
  const std::string text = print(c);
  const auto read = parse_calibration(text, "some.json");
  ASSERT_TRUE(read.ok()) << describe(read.error());
  EXPECT_EQ(print(*read), text);
  ASSERT_TRUE(read->power);
  EXPECT_EQ(read->power->sensors, c.power->sensors);
  EXPECT_EQ(read->power->idle_w, 9.5);
  EXPECT_EQ(read->power->operation_j, 3e-12);
  EXPECT_EQ(read->power->operation_error_j, 1e-13);
  EXPECT_EQ(read->power->byte_j, 0);
  EXPECT_EQ(read->power->half_width, 0.07);
}

TEST(Profile, WrongPowerIsRefused) {
  Calibration c = example();
  c.power = estimate::PowerFit{{"package-0"}, 12,    9.5,   20.25, 8.125, 3e-12,
                               1e-13,         2e-11, 1e-12, 0.03,  0.07};
  const std::string text = print(c);
  expect_refused(with(text, "\"idle_w\": 9.5", "\"idle_w\": -9.5"), "idle_w");
  expect_refused(with(text, "\"compute_w\": 20.25", "\"compute_w\": \"much\""), "compute_w");
  expect_refused(with(text, "\"memory_w\": 8.125,", ""), "memory_w");
  expect_refused(with(text, "\"operation_j\": 3e-12,", ""), "operation_j");
  expect_refused(with(text, "\"byte_j\": ", "\"byte_j\": -"), "byte_j");
  expect_refused(with(text, "\"half_width_log\": 0.07", "\"half_width_log\": 0"), "half_width_log");
  expect_refused(with(text, "\"workloads\": 12", "\"workloads\": 0"), "workloads");
  expect_refused(with(text, "\"package-0\"", "3"), "sensors");
  expect_refused(with(text, "\"package-0\"", ""), "sensors");
  expect_refused(with(text, "package-0", "\\u001b[31m"), "sensors");
  expect_refused(with(text, "\"power\": {", "\"power\": 5, \"was\": {"), "power");
}

}  // namespace
}  // namespace hone::calibrate
