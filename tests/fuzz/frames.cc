// Fuzzes what a worker writes: frames as they come, their tensors in the shared memory, and
// outputs. The first byte of the input says in which pieces the others come.
#include <algorithm>

#include "measure/benchmark.h"
#include "target.h"
#include "workers/protocol.h"

namespace {

constexpr uint64_t kShared = 4096;

struct Expected {
  hone::workers::SharedMemory memory = hone::workers::SharedMemory::make(kShared).take();
  std::vector<hone::measure::NamedTensor> outputs;
  Expected() {
    for (const auto dtype : {hone::DType::f32, hone::DType::i8, hone::DType::boolean})
      outputs.push_back({"y", hone::Tensor::make(dtype, {2, 3}).take()});
    for (auto& output : outputs)
      std::fill_n(output.tensor.mutable_data(), output.tensor.byte_size(), std::byte{1});
  }
};

// A frame that is text may hold anything; what lies outside of the memory has no bytes.
void read(const std::string& frame, const Expected& expected) {
  const hone::Limits limits = hone::fuzz::limits();
  hone::Ledger ledger(limits);
  const auto document = hone::JsonDocument::parse(frame, ledger);
  hone::fuzz::require_clean(document);
  if (!document) return;
  const auto spans = hone::workers::read_tensors(document->root(), "inputs");
  hone::fuzz::require_clean(spans);
  if (spans) {
    for (const hone::workers::TensorSpan& span : *spans) {
      const auto part = expected.memory.part(span.offset, span.bytes);
      hone::fuzz::require_clean(part);
      if (part) hone::fuzz::require(part->size() == span.bytes && span.bytes <= kShared);
    }
  }
  const auto outputs =
      hone::measure::outputs_in(document->root(), expected.memory, expected.outputs);
  hone::fuzz::require_clean(outputs);
  if (!outputs) return;
  const auto parity = hone::measure::compare_outputs(*outputs, expected.outputs, 1e-3);
  hone::fuzz::require(parity.equal == parity.reason.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Expected expected;
  if (size == 0) return 0;
  const size_t piece = std::max<size_t>(data[0], 1);
  std::string_view rest = hone::fuzz::text(data + 1, size - 1);
  hone::workers::FrameBuffer buffer;
  while (!rest.empty()) {
    const std::string_view next = rest.substr(0, piece);
    rest.remove_prefix(next.size());
    buffer.append(next);
    while (true) {
      const auto frame = buffer.next();
      hone::fuzz::require_clean(frame);
      if (!frame) return 0;
      if (!*frame) break;
      read(**frame, expected);
    }
  }
  return 0;
}
