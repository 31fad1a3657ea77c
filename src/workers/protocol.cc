#include "workers/protocol.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace hone::workers {
namespace {

Error broken(std::string_view what) {
  return fail(ErrorId::io, fmt::format("the stream of a worker: {}", what));
}

Status write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return broken(std::generic_category().message(errno));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return ok();
}

}  // namespace

void write(JsonWriter& json, const TensorSpan& tensor) {
  json.begin_object();
  json.member("name", tensor.name);
  json.member("dtype", tensor.dtype);
  json.key("shape");
  json.begin_array();
  for (const int64_t n : tensor.shape) json.value(n);
  json.end_array();
  json.member("offset", tensor.offset);
  json.member("bytes", tensor.bytes);
  json.end_object();
}

Result<TensorSpan> read_tensor(const Json& json) {
  TensorSpan tensor;
  tensor.name = TRY(TRY(json.get("name")).as_string());
  tensor.dtype = TRY(TRY(json.get("dtype")).as_string());
  for (const Json n : TRY(json.get("shape")).elements()) tensor.shape.push_back(TRY(n.as_int64()));
  if (const auto offset = json.find("offset")) tensor.offset = TRY(offset->as_uint64());
  if (const auto bytes = json.find("bytes")) tensor.bytes = TRY(bytes->as_uint64());
  return tensor;
}

Result<std::vector<TensorSpan>> read_tensors(const Json& reply, std::string_view key) {
  std::vector<TensorSpan> tensors;
  for (const Json tensor : TRY(reply.get(key)).elements())
    tensors.push_back(TRY(read_tensor(tensor)));
  return tensors;
}

Result<std::string> framed(std::string_view json) {
  if (json.size() > kMostFrameBytes)
    return fail(ErrorId::over_size, "a frame of " + std::to_string(json.size()) + " bytes, above " +
                                        std::to_string(kMostFrameBytes));
  std::string frame;
  for (int i = 0; i < 4; ++i) frame += static_cast<char>(json.size() >> (8 * i) & 255);
  return frame + std::string(json);
}

Status send(int descriptor, std::string_view json) {
  return write_all(descriptor, TRY(framed(json)));
}

Result<std::optional<std::string>> FrameBuffer::next() {
  constexpr size_t kHead = 4;
  if (bytes_.size() < kHead) return std::optional<std::string>();
  uint32_t size = 0;
  for (size_t i = 0; i < kHead; ++i)
    size |= static_cast<uint32_t>(static_cast<unsigned char>(bytes_[i])) << (8 * i);
  if (size > kMostFrameBytes)
    return fail(ErrorId::malformed,
                "a frame of " + std::to_string(size) +
                    " bytes is announced: something else writes to the worker's standard output");
  if (bytes_.size() - kHead < size) return std::optional<std::string>();
  std::optional<std::string> json = bytes_.substr(kHead, size);
  bytes_.erase(0, kHead + size);
  return json;
}

Result<std::optional<std::string>> receive(int descriptor, FrameBuffer& buffer) {
  std::array<char, 1 << 16> chunk;
  while (true) {
    auto frame = TRY(buffer.next());
    if (frame) return frame;
    const ssize_t n = read(descriptor, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return broken(std::generic_category().message(errno));
    if (n == 0) return std::optional<std::string>();
    buffer.append({chunk.data(), static_cast<size_t>(n)});
  }
}

}  // namespace hone::workers
