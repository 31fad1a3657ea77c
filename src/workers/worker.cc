#include "workers/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "base/text.h"

namespace hone::workers {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMostComplaints = 16 << 10;

Error system_error(std::string_view what, int number) {
  return fail(ErrorId::unavailable,
              fmt::format("cannot {}: {}", what, std::generic_category().message(number)));
}

// The descriptor, or a copy of it in its place, that lies above those a worker finds its streams
// at: where this process was started without standard streams, new descriptors take their numbers.
int above_targets(int descriptor) {
  const int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, kSharedDescriptor + 1);
  close(descriptor);
  return copy;
}

// Both ends of a stream.
struct Ends {
  int ours = -1, theirs = -1;
  ~Ends() {
    if (ours >= 0) close(ours);
    if (theirs >= 0) close(theirs);
  }
  bool open() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    ours = ends[0];
    theirs = above_targets(ends[1]);
    return theirs >= 0;
  }
};

// What a worker needs of this environment, and nothing that would change how engines compute.
std::vector<std::string> environment_for(const Launch& launch) {
  std::vector<std::string> environment{"ORT_DISABLE_TELEMETRY=1", "PYTHONDONTWRITEBYTECODE=1"};
  for (const char* name :
       {"PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "HONE_INSTRUCTION_SET"})
    if (const char* value = std::getenv(name))
      environment.push_back(fmt::format("{}={}", name, value));
  environment.insert(environment.end(), launch.environment.begin(), launch.environment.end());
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

int milliseconds_to(Clock::time_point deadline) {
  const auto rest =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(rest + 1, 0, 1 << 30));
}

bool ended(pid_t process, std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  do {
    if (waitpid(process, nullptr, WNOHANG) != 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  } while (Clock::now() < deadline);
  return false;
}

// What a worker says, fit for a terminal.
std::string told(std::string_view text) {
  constexpr size_t kMost = 1000;
  return printable(text.substr(0, kMost)) + (text.size() > kMost ? "…" : "");
}

// The last lines of a text, at most.
std::string last_lines(std::string_view text, size_t lines) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  size_t begin = text.size();
  while (lines-- > 0 && begin != 0 && begin != std::string_view::npos)
    begin = text.rfind('\n', begin - 1);
  return std::string(begin == std::string_view::npos ? text : text.substr(begin + (begin != 0)));
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::start(const Launch& launch, const SharedMemory& memory) {
  std::unique_ptr<Worker> worker(new Worker);
  Ends frames, errors;
  const int shared = fcntl(memory.descriptor(), F_DUPFD_CLOEXEC, kSharedDescriptor + 1);
  const Ends shared_copy{shared, -1};
  if (shared < 0 || !frames.open() || !errors.open())
    return system_error("make the streams of a worker", errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, frames.theirs, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, frames.theirs, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.theirs, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, shared, kSharedDescriptor);
  std::vector<std::string> words = launch.command, variables = environment_for(launch);
  const int failed = posix_spawnp(&worker->process_, words[0].c_str(), &actions, nullptr,
                                  pointers(words).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    worker->process_ = -1;
    return system_error("start '" + printable(words[0]) + "'", failed);
  }
  worker->stream_ = std::exchange(frames.ours, -1);
  worker->errors_ = std::exchange(errors.ours, -1);
  return worker;
}

Worker::~Worker() { end(); }

namespace {

// Would one of its threads go on if it were given a processor? proc(5), /proc/PID/task/TID/stat.
bool wants_to_run(pid_t process) {
  std::error_code error;
  const auto folder = fmt::format("/proc/{}/task", process);
  // Threads, and the process, may end meanwhile.
  std::filesystem::directory_iterator task(folder, error);
  for (; !error && task != std::filesystem::directory_iterator(); task.increment(error)) {
    std::ifstream file(task->path() / "stat");
    std::string line;
    std::getline(file, line);
    // The state stands behind the name, which may hold anything.
    const size_t name_end = line.rfind(')');
    if (name_end != std::string::npos && line.substr(name_end).starts_with(") R")) return true;
  }
  return false;
}

}  // namespace

bool Worker::settle(Seconds patience) const {
  constexpr auto kPause = std::chrono::microseconds(4000), kNothing = kPause / 20;
  clockid_t clock = 0;
  if (process_ < 0 || clock_getcpuclockid(process_, &clock) != 0) return true;
  const auto used = [&]() -> std::chrono::nanoseconds {
    timespec now{};
    clock_gettime(clock, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  };
  const auto deadline = Clock::now() + patience;
  for (auto before = used(); Clock::now() < deadline;) {
    std::this_thread::sleep_for(kPause);
    const auto now = used();
    if (now - before < kNothing && !wants_to_run(process_)) return true;
    before = now;
  }
  return false;
}

void Worker::end() {
  for (int* descriptor : {&stream_, &errors_})
    if (*descriptor >= 0) close(std::exchange(*descriptor, -1));
  if (process_ < 0) return;
  using std::chrono::milliseconds;
  // The end of its standard input asks it to leave.
  if (!ended(process_, milliseconds(500))) {
    kill(process_, SIGTERM);
    if (!ended(process_, milliseconds(500))) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
    }
  }
  process_ = -1;
}

// What lies in a stream, as far as it does not have to be waited for; false, and the stream closed,
// at its end.
bool Worker::take(int& descriptor, std::string& into) {
  std::array<char, 1 << 16> chunk;
  const ssize_t n = recv(descriptor, chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (n > 0) into.append(chunk.data(), static_cast<size_t>(n));
  if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN))) return true;
  close(std::exchange(descriptor, -1));
  return false;
}

void Worker::take_complaints() {
  if (errors_ < 0) return;
  take(errors_, complaints_);
  if (complaints_.size() > kMostComplaints)
    complaints_.erase(0, complaints_.size() - kMostComplaints);
}

Error Worker::died() {
  // What it said last may still be on its way: to the end, but not for long.
  const auto enough = Clock::now() + std::chrono::milliseconds(500);
  while (errors_ >= 0 && Clock::now() < enough) {
    pollfd waiting{errors_, POLLIN, 0};
    if (poll(&waiting, 1, milliseconds_to(enough)) > 0) take_complaints();
  }
  end();
  const std::string last = last_lines(complaints_, 4);
  return fail(ErrorId::unavailable,
              "the worker's process has ended" + (last.empty() ? "" : ": " + told(last)));
}

// Sends the frame and waits for the answer. Whatever the worker does meanwhile, the deadline holds.
Result<std::string> Worker::exchange(std::string_view frame, Seconds patience) {
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
  while (true) {
    auto reply = TRY(frames_.next());
    if (reply) return *reply;
    if (Clock::now() >= deadline) {
      end();
      return fail(ErrorId::over_time,
                  fmt::format("the worker did not answer within {:.0f} s", patience.count()));
    }
    const short events = frame.empty() ? POLLIN : POLLIN | POLLOUT;
    pollfd waiting[2] = {{stream_, events, 0}, {errors_, POLLIN, 0}};
    if (poll(waiting, 2, milliseconds_to(deadline)) <= 0) continue;
    if (waiting[1].revents != 0) take_complaints();
    if ((waiting[0].revents & POLLOUT) != 0 && !frame.empty()) {
      const ssize_t n = ::send(stream_, frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno != EINTR && errno != EAGAIN) return died();
      if (n > 0) frame.remove_prefix(static_cast<size_t>(n));
    }
    if ((waiting[0].revents & ~POLLOUT) == 0) continue;
    std::string bytes;
    if (!take(stream_, bytes)) return died();
    frames_.append(bytes);
  }
}

Result<JsonDocument> Worker::call(std::string_view name, Seconds deadline,
                                  const Members& arguments) {
  if (process_ < 0) return fail(ErrorId::unavailable, "the worker's process has ended");
  std::string request;
  JsonWriter json(request, 0);
  json.begin_object();
  json.member("call", name);
  if (arguments) arguments(json);
  json.end_object();
  const std::string reply = TRY(exchange(TRY(framed(request)), deadline));
  Ledger ledger{Limits()};
  JsonDocument document =
      TRY(JsonDocument::parse(reply, ledger).context("reading a worker's reply"));
  if (const auto error = document.root().find("error"); error && error->is_string())
    return fail(ErrorId::unavailable, told(TRY(error->as_string())));
  return document;
}

}  // namespace hone::workers
