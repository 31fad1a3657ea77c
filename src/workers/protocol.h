// What goes between hone and the processes that run engines.
//
// A frame is a length, 4 bytes little-endian, and so many bytes of JSON. The parent writes requests
// to the worker's standard input and reads one reply to each from its standard output:
//
//   {"call": "hello"}            {"engine", "version", "protocol", "idle_memory_bytes"}
//   {"call": "open", "path",     {"load_s", "inputs": [TENSOR…]}    inputs of the model, shapes as
//    "threads", "limits",                                           far as known: -1 where not;
//    "follow_links",                                                the last is for hone's own:
//    "measurements"}                                                the folder of its cache, whose
//                                                                   times choose kernels, or ""
//   {"call": "feed", "inputs":   {}                                 TENSORs in the shared memory
//    [TENSOR…]}
//   {"call": "run", "room"}      {"first_s", "outputs": [TENSOR…]}  written into the shared memory
//                                                                   from byte `room` on
//   {"call": "bench", "samples", {"samples_ns": [N…],               samples until both are reached,
//    "seconds", "runs"}           "cpu_ns": [N…],                   at most kMostSamples; each of
//    so
//                                 "switches": [N…]}                 many runs, with the CPU time of
//                                                                   all threads and how often one
//                                                                   was taken off its processor
//   {"call": "memory"}           {"peak_memory_bytes",              most that was resident, and
//                                 "resident_memory_bytes"}          what is
//
// TENSOR is {"name", "dtype", "shape", "offset", "bytes"}, dtypes as in the text form. A reply with
// "error" says why not; after it the worker may be asked again. The shared memory is descriptor 3
// of the worker, as long as the parent made it. The samples are taken inside the worker: passing
// frames is no part of them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "base/result.h"
#include "formats/json.h"

namespace hone::workers {

inline constexpr int kProtocol = 2;
inline constexpr int kSharedDescriptor = 3;
inline constexpr uint32_t kMostFrameBytes = 64u << 20;
inline constexpr uint64_t kMostSamples = 20'000;  // of one call of bench

struct TensorSpan {
  std::string name, dtype;
  std::vector<int64_t> shape;  // -1 where it is not known
  uint64_t offset = 0, bytes = 0;
};
void write(JsonWriter& json, const TensorSpan& tensor);
Result<TensorSpan> read_tensor(const Json& json);
Result<std::vector<TensorSpan>> read_tensors(const Json& reply, std::string_view key);

// The text with its length in front. Fails with `over_size`.
Result<std::string> framed(std::string_view json);
// Writes a whole frame. Fails with `io` where the other side is gone.
Status send(int descriptor, std::string_view json);

// Bytes as they come, and the frames that they make.
class FrameBuffer {
 public:
  void append(std::span<const char> bytes) { bytes_.append(bytes.data(), bytes.size()); }
  // The next whole frame, if there is one; fails with `malformed` where it is too long.
  Result<std::optional<std::string>> next();

 private:
  std::string bytes_;
};

// Waits for the next frame; none at the end of the stream.
Result<std::optional<std::string>> receive(int descriptor, FrameBuffer& buffer);

}  // namespace hone::workers
