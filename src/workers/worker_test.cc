// Workers as processes: shells and Python that do what a worker does, or the opposite.
#include "workers/worker.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "workers/engines.h"

namespace hone::workers {
namespace {

constexpr Worker::Seconds kPatience(20);

SharedMemory memory() { return SharedMemory::make(4096).take(); }

Result<JsonDocument> asked(const Launch& launch, Worker::Seconds patience = kPatience) {
  const SharedMemory shared = memory();
  auto worker = Worker::start(launch, shared);
  if (!worker) return worker.take_error();
  return (*worker)->call("hello", patience);
}

Launch shell(const std::string& script) { return {{"sh", "-c", script}, {}}; }

TEST(Worker, Answers) {
  // 17 bytes: {"engine": "sh" }
  const auto reply = asked(shell("printf '\\021\\0\\0\\0{\"engine\": \"sh\" }'; cat >/dev/null"));
  ASSERT_TRUE(reply.ok()) << describe(reply.error());
  EXPECT_EQ(*reply->root().get("engine")->as_string(), "sh");
}

TEST(Worker, WhatFailsIsAnError) {
  const auto missing = asked({{"/no/such/program"}, {}});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().id, ErrorId::unavailable);
  EXPECT_NE(missing.error().message.find("/no/such/program"), std::string::npos);

  const auto died = asked(shell("echo 'out of luck' >&2; exit 3"));
  ASSERT_FALSE(died.ok());
  EXPECT_EQ(died.error().id, ErrorId::unavailable);

  const auto talks = asked(shell("echo 'Hello, world! I am no worker.'; cat >/dev/null"));
  ASSERT_FALSE(talks.ok());
  EXPECT_EQ(talks.error().id, ErrorId::malformed);

  const auto nonsense = asked(shell("printf '\\003\\0\\0\\0{x}'; cat >/dev/null"));
  ASSERT_FALSE(nonsense.ok());

  const auto refuses = asked(shell("printf '\\020\\0\\0\\0{\"error\": \"no!\"}'; cat >/dev/null"));
  ASSERT_FALSE(refuses.ok());
  EXPECT_EQ(refuses.error().message, "no!");
}

TEST(Worker, TheEndOfItsComplaintsIsTold) {
  const auto died =
      asked(shell("i=0; while [ $i -lt 9999 ]; do echo line $i >&2; "
                  "i=$((i+1)); done; echo 'the last word' >&2"));
  ASSERT_FALSE(died.ok());
  EXPECT_NE(died.error().message.find("the last word"), std::string::npos) << died.error().message;
  EXPECT_LT(died.error().message.size(), 2000u);
}

TEST(Worker, IsNotWaitedForForever) {
  const auto begin = std::chrono::steady_clock::now();
  // It neither answers nor leaves when it is asked and told to.
  const auto late = asked(shell("trap '' TERM; while :; do sleep 0.1; done"), Worker::Seconds(0.2));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().id, ErrorId::over_time);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

// Whatever it says meanwhile, and whether or not it takes what it is told.
TEST(Worker, TalkingIsNoAnswer) {
  const auto begin = std::chrono::steady_clock::now();
  const auto talks = asked(shell("while :; do echo x >&2; done"), Worker::Seconds(0.3));
  ASSERT_FALSE(talks.ok());
  EXPECT_EQ(talks.error().id, ErrorId::over_time);
  const SharedMemory shared = memory();
  const auto deaf = Worker::start(shell("sleep 20"), shared);
  ASSERT_TRUE(deaf.ok());
  const auto reply = (*deaf)->call("feed", Worker::Seconds(0.3), [](JsonWriter& json) {
    json.member("much", std::string(4 << 20, 'x'));
  });
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().id, ErrorId::over_time);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(Worker, Settles) {
  const SharedMemory shared = memory();
  // Busy for a while behind its answer, or for ever.
  const std::string answer = "printf '\\002\\0\\0\\0{}'; ";
  auto worker = Worker::start(shell(answer + "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; "
                                             "cat >/dev/null"),
                              shared);
  ASSERT_TRUE(worker.ok());
  ASSERT_TRUE((*worker)->call("hello", kPatience).ok());
  EXPECT_TRUE((*worker)->settle(kPatience));
  auto busy = Worker::start(shell(answer + "while :; do :; done"), shared);
  ASSERT_TRUE(busy.ok());
  ASSERT_TRUE((*busy)->call("hello", kPatience).ok());
  EXPECT_FALSE((*busy)->settle(Worker::Seconds(0.2)));
}

TEST(Worker, GetsAPlainEnvironment) {
  setenv("HONE_TEST_SECRET", "secret", 1);
  const auto reply =
      asked(shell("test -z \"$HONE_TEST_SECRET\" && test -e /proc/self/fd/3 && "
                  "printf '\\021\\0\\0\\0{\"engine\": \"sh\" }'; cat >/dev/null"));
  unsetenv("HONE_TEST_SECRET");
  EXPECT_TRUE(reply.ok());
}

TEST(Frames, ComeInPieces) {
  FrameBuffer buffer;
  const std::string frames("\2\0\0\0{}\4\0\0\0null", 14);
  std::vector<std::string> got;
  for (const char c : frames) {
    buffer.append({&c, 1});
    const auto frame = buffer.next();
    ASSERT_TRUE(frame.ok());
    if (*frame) got.push_back(**frame);
  }
  EXPECT_EQ(got, (std::vector<std::string>{"{}", "null"}));
  buffer.append(std::array<char, 4>{'H', 'e', 'l', 'l'});
  EXPECT_FALSE(buffer.next().ok());
}

TEST(SharedMemory, PartsStayInside) {
  const SharedMemory shared = memory();
  EXPECT_EQ(shared.part(0, 4096)->size(), 4096u);
  EXPECT_EQ(shared.part(4096, 0)->size(), 0u);
  EXPECT_FALSE(shared.part(1, 4096).ok());
  EXPECT_FALSE(shared.part(UINT64_MAX, 2).ok());
  const SharedMemory again = SharedMemory::of(shared.descriptor()).take();
  EXPECT_NE(ftruncate(shared.descriptor(), 0), 0);  // sealed
  shared.bytes()[7] = std::byte{9};
  EXPECT_EQ(again.bytes()[7], std::byte{9});
}

// The script runs in any Python, and says what it lacks.
TEST(PythonWorker, NamesTheModuleThatIsMissing) {
  Launch launch = launch_of(*engine_named("onnxruntime").take(), "python3");
  launch.command[0] = "python3";
  launch.command.insert(launch.command.begin() + 1, "-S");  // without packages
  launch.command.insert(launch.command.begin() + 1, "-E");
  const auto reply = asked(launch);
  ASSERT_FALSE(reply.ok());
  EXPECT_NE(reply.error().message.find("No module named"), std::string::npos)
      << reply.error().message;
}

}  // namespace
}  // namespace hone::workers
