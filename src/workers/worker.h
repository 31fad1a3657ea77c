// A process that runs an engine, and what it is asked to do.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "base/result.h"
#include "formats/json.h"
#include "workers/protocol.h"
#include "workers/shared_memory.h"

namespace hone::workers {

// How a worker is started.
struct Launch {
  std::vector<std::string> command;      // the program, by path or found on PATH, and its arguments
  std::vector<std::string> environment;  // "NAME=VALUE", besides what every worker gets
};

// One process. It gets its standard streams, the shared memory and a plain environment (PATH, HOME,
// LANG, the library path), and ends with the object: asked to, then told to, then killed. What it
// writes to standard error is kept, at most the last 16 kB.
class Worker {
 public:
  using Seconds = std::chrono::duration<double>;

  // Fails with `unavailable` where the program cannot be started.
  static Result<std::unique_ptr<Worker>> start(const Launch& launch, const SharedMemory& memory);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Sends {"call": name, what `arguments` writes…} and returns the reply. Fails with `over_time`
  // at the deadline, after which the process is ended, and with `unavailable` and the last lines
  // of its standard error where it died or refuses.
  using Members = std::function<void(JsonWriter&)>;
  Result<JsonDocument> call(std::string_view name, Seconds deadline,
                            const Members& arguments = nullptr);

  // Waits until the process takes no time of a processor, at most that long: threads of an engine
  // may go on looking for work behind its last run, and would disturb what is measured next.
  // False where it still does.
  bool settle(Seconds patience) const;

 private:
  Worker() = default;
  Result<std::string> exchange(std::string_view frame, Seconds patience);
  bool take(int& descriptor, std::string& into);
  void take_complaints();
  Error died();
  void end();

  pid_t process_ = -1;
  int stream_ = -1, errors_ = -1;
  FrameBuffer frames_;
  std::string complaints_;  // the end of what came from standard error
};

}  // namespace hone::workers
