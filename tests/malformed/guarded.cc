#include "malformed/guarded.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace hone::testing {
namespace {

constexpr size_t kPage = 1 << 16;  // shared with the child: the note, then the message
constexpr int kOk = 0, kRefused = 1, kBug = 2;

void put(char* page, const std::string& text) {
  const size_t n = std::min(text.size(), kPage / 2 - 1);
  std::memcpy(page, text.data(), n);
  page[n] = 0;
}

}  // namespace

Outcome guarded(const std::function<Status(const Note&)>& work, const Bounds& bounds) {
  Outcome outcome;
  void* shared = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(shared, MAP_FAILED);
  if (shared == MAP_FAILED) return outcome;
  char* page = static_cast<char*>(shared);
  const pid_t child = fork();
  if (child == 0) {
    const auto seconds = rlim_t(bounds.seconds * kSlack + 1);
    const rlimit cpu{seconds, seconds}, core{0, 0};
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &core);
    const Status status = work([&](const std::string& text) { put(page, text); });
    if (!status) put(page + kPage / 2, describe(status.error()));
    const bool bug = !status && info(status.error().id).blame == Blame::bug;
    _exit(status ? kOk : bug ? kBug : kRefused);
  }
  int state = 0;
  rusage usage{};
  wait4(child, &state, 0, &usage);
  outcome.seconds = double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                    1e-6 * double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  outcome.megabytes = usage.ru_maxrss / 1024;
  outcome.refused = WIFEXITED(state) && WEXITSTATUS(state) == kRefused;
  outcome.crashed = !outcome.refused && !(WIFEXITED(state) && WEXITSTATUS(state) == kOk);
  outcome.message = page + kPage / 2;
  if (WIFSIGNALED(state))
    outcome.message = std::string("signal ") + strsignal(WTERMSIG(state)) + " at: " + page;
  else if (outcome.crashed)
    outcome.message += std::string(" at: ") + page;
  munmap(shared, kPage);
  return outcome;
}

void expect_contained(const Outcome& outcome, const Bounds& bounds) {
  EXPECT_FALSE(outcome.crashed) << outcome.message;
  EXPECT_LE(outcome.seconds, bounds.seconds * kSlack) << outcome.message;
  EXPECT_LE(outcome.megabytes, bounds.megabytes * kSlack) << outcome.message;
}

}  // namespace hone::testing
