// The registry of measurements: what is appended is read, whatever became of the writer.
#include "measure/sample_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/scratch_folder.h"
#include "measure/suite_session.h"

namespace hone::measure {
namespace {

Visit example(int round = 0) {
  Visit v;
  v.key = {.session = "20200102T030405Z-abc",
           .utc = "2020-01-02T03:04:05Z",
           .cpu = "A \"CPU\", fast",
           .kernels = "cpu 1 wide",
           .hone = "0.1.0",
           .load_average = 1.25,
           .suite = "mine",
           .command = "hone benchmark",
           .subject = "gemm 1x2x3",
           .engine = "hone",
           .version = "0.1.0",
           .threads = 2,
           .round = round};
  v.samples = {{1e-3, 2e-3, 0, 4}, {1.5e-3, 2.5e-3, 3, 4}};
  v.load_s = 0.25;
  v.first_s = 0.125;
  v.idle_memory_bytes = 1000;
  v.resident_memory_bytes = 3000;
  v.peak_memory_bytes = 4000;
  v.energy = {{{"package-0", 0.5, 20, 10, 11, 14.75}, 100}, {{"dram-0", 0.5, 2, 1, 9, {}}, 100}};
  return v;
}

std::string file_of(std::initializer_list<Visit> visits) {
  std::string text = std::string(sample_columns()) + "\n";
  for (const Visit& v : visits) text += rows_of(v);
  return text;
}

std::string refusal(const std::string& text) {
  const auto file = parse_samples(text, "s.csv");
  if (file) return "";
  EXPECT_EQ(file.error().id, ErrorId::bad_samples);
  return file.error().message;
}

std::string with(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(SampleFile, WhatIsWrittenIsRead) {
  const auto file = parse_samples(file_of({example(), example(1)}), "s.csv");
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->abandoned, 0u);
  ASSERT_EQ(file->visits.size(), 2u);
  EXPECT_EQ(rows_of(file->visits[0]), rows_of(example()));
  const Visit& v = file->visits[1];
  EXPECT_EQ(v.key.round, 1);
  EXPECT_EQ(v.key.cpu, "A \"CPU\", fast");
  ASSERT_EQ(v.samples.size(), 2u);
  EXPECT_EQ(v.samples[1].switches, 3);
  EXPECT_DOUBLE_EQ(v.samples[1].seconds(), 1.5e-3 / 4);
  EXPECT_EQ(v.peak_memory_bytes, 4000u);
  ASSERT_EQ(v.energy.size(), 2u);
  EXPECT_EQ(v.energy[0].reading.net_j, std::optional(14.75));
  EXPECT_FALSE(v.energy[1].reading.net_j.has_value());
}

// Whoever dies while writing leaves the beginning of a visit: at any byte.
TEST(SampleFile, HalfAVisitDoesNotCount) {
  const std::string whole = file_of({example()}), more = rows_of(example(1));
  for (size_t n = 0; n < more.size(); ++n) {
    const auto file = parse_samples(whole + more.substr(0, n), "s.csv");
    ASSERT_TRUE(file.ok()) << n << ": " << file.error().message;
    EXPECT_EQ(file->visits.size(), 1u) << n;
  }
  EXPECT_TRUE(parse_samples("", "s.csv")->visits.empty());
  EXPECT_TRUE(parse_samples("utc,ses", "s.csv")->visits.empty());
}

TEST(SampleFile, AppendingGoesOnBehindWhatIsWhole) {
  const ScratchFolder folder;
  const std::string path = folder / "s.csv";
  ASSERT_TRUE(check_appendable(path).ok());
  ASSERT_TRUE(append_visits(path, {example()}).ok());
  {
    // The lines of a visit that is not whole, and half a line.
    const std::string rows = rows_of(example(1));
    std::ofstream(path, std::ios::app) << rows.substr(0, rows.size() / 2);
  }
  ASSERT_TRUE(append_visits(path, {example(1), example(2)}).ok());
  const auto file = read_samples(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->visits.size(), 3u);
  EXPECT_GT(file->abandoned, 0u);
}

TEST(SampleFile, OtherFilesAreLeftAlone) {
  const ScratchFolder folder;
  const std::string path = folder.write("other.csv", "a,b\n1,2\n");
  EXPECT_EQ(append_visits(path, {example()}).error().id, ErrorId::bad_samples);
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "a,b");
  EXPECT_EQ(check_appendable(folder.path()).error().id, ErrorId::io);
  EXPECT_EQ(check_appendable(folder / "no/folder.csv").error().id, ErrorId::io);
  EXPECT_EQ(read_samples(folder / "none.csv").error().id, ErrorId::not_found);
}

TEST(SampleFile, FaultsAreToldByLineAndColumn) {
  const std::string good = file_of({example()});
  EXPECT_EQ(refusal(good), "");
  const auto expect = [&](std::string_view from, std::string_view to, std::string_view what) {
    const std::string message = refusal(with(good, from, to));
    EXPECT_NE(message.find(what), std::string::npos) << what << " in " << message;
  };
  expect("utc,session", "utc,sesion", "s.csv:1: the columns are others; expected utc,session");
  expect("time_s,,0.001000000", "time_s,,soon", "s.csv:2, column value");
  expect("time_s,,0.001000000", "time_s,,-1", "expected a number from 0 on");
  expect("time_s,,", "tme_s,,", "there is no quantity 'tme_s'");
  expect("0.002000000,0,4", "0.002000000,0,0", "column runs: expected a whole number from 1 on");
  expect("0.002000000,0,4", "0.002000000,0.5,4", "column switches: expected a whole number");
  expect("load_s,,0.25", "load_s,gpu,0.25", "column sensor: a row of load_s has none");
  expect("hone,0.1.0,2,0", "hone,0.1.0,2,5", "differs from that of its visit");
  expect("visit,,", "visit,,9", "rows stand before it");
  expect(",2,0,time_s", ",2,time_s", "s.csv:2");
}

std::vector<Slot> slots() { return {{"a", "hone", 1}, {"b", "hone", 1}, {"c", "hone", 1}}; }

Visit visit_of(const SuiteSession& session, SuiteSession::Next next, double seconds) {
  Visit v = example(next.round);
  const Slot& slot = session.slots()[next.slot];
  v.key.session = session.id();
  v.key.subject = slot.subject;
  v.key.threads = slot.threads;
  v.samples.assign(9, {seconds, seconds, 0, 1});
  return v;
}

TEST(SuiteSession, RoundsOverAllInAnotherOrderEach) {
  SuiteSession session("id", slots(), 4);
  std::vector<std::string> orders(4);
  int n = 0;
  while (const auto next = session.next()) {
    // Times that never agree: every visit is made.
    session.take(visit_of(session, *next, 1e-3 * (1 + n)));
    orders[size_t(next->round)] += session.slots()[next->slot].subject;
    ASSERT_LT(++n, 13);
  }
  EXPECT_EQ(n, 12);
  EXPECT_EQ(session.done(), session.all());
  for (const std::string& order : orders) EXPECT_EQ(order.size(), 3u);
  EXPECT_TRUE(orders[0] != orders[1] || orders[1] != orders[2]);
}

TEST(SuiteSession, WhatIsKnownWellEnoughIsLeftAlone) {
  SuiteSession session("id", slots(), 10);
  int n = 0;
  while (const auto next = session.next()) {
    session.take(visit_of(session, *next, 1e-3));
    ++n;
  }
  EXPECT_EQ(n, 9);  // three rounds
  EXPECT_EQ(session.done(), session.all());
}

TEST(SuiteSession, GoesOnWhereItStopped) {
  SampleFile file;
  std::vector<std::pair<size_t, int>> all, again;
  SuiteSession first("id", slots(), 3);
  while (const auto next = first.next()) {
    all.emplace_back(next->slot, next->round);
    file.visits.push_back(visit_of(first, *next, 1e-3 * double(1 + all.size())));
    first.take(file.visits.back());
  }
  for (size_t stop = 0; stop <= all.size(); ++stop) {
    SuiteSession second("id", slots(), 3);
    for (size_t i = 0; i < stop; ++i) second.take(file.visits[i]);
    again.assign(all.begin(), all.begin() + std::ptrdiff_t(stop));
    while (const auto next = second.next()) {
      again.emplace_back(next->slot, next->round);
      second.take(file.visits[again.size() - 1]);
    }
    EXPECT_EQ(again, all) << stop;
  }
  SuiteSession other("other", slots(), 3);
  for (const Visit& v : file.visits) other.take(v);
  EXPECT_EQ(other.done(), 0u);
}

TEST(SuiteSession, WhatIsGivenUpIsNotAskedForAgain) {
  SuiteSession session("id", slots(), 2);
  session.give_up(1);
  while (const auto next = session.next()) {
    EXPECT_NE(next->slot, 1u);
    session.take(visit_of(session, *next, 1e-3));
  }
}

TEST(SuiteSession, SessionsOfTheSamePlan) {
  SampleFile file;
  for (const char* utc : {"2020-01-02T03:04:05Z", "2020-01-03T03:04:05Z"}) {
    file.visits.push_back(example());
    file.visits.back().key.session = new_session(utc, "plan");
  }
  file.visits.push_back(example());
  file.visits.back().key.session = new_session("2020-01-04T03:04:05Z", "another plan");
  EXPECT_EQ(session_of(file, "plan"), new_session("2020-01-03T03:04:05Z", "plan"));
  EXPECT_TRUE(session_of(file, "plan").starts_with("20200103T030405Z-"));
  EXPECT_EQ(session_of(file, "no plan"), "");
}

}  // namespace
}  // namespace hone::measure
