// Packed weights of a lowered model, and the options of the passes that make them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/memory_budget.h"
#include "passes/packing.h"
#include "passes/pass.h"

namespace hone {

using packing::panel_count;

// Positions of a kernel, at most, that the channels-last form takes: kernels list them all.
inline constexpr int64_t kMostPositions = 4096;

// What the weights that one pass makes may take together: twice those of the model, and the memory
// of a run.
uint64_t packing_bytes(const PassContext& c);

// Memory for the packed weights of one pass, in large pieces: weights share their huge pages, so
// that little of these is left over. Together they take packing_bytes() at most.
class PackedWeights {
 public:
  explicit PackedWeights(PassContext& c);
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;
  ~PackedWeights();

  // Room for a constant of this type: zeros.
  struct Room {
    TensorType type;
    Constant::Span span;
    std::byte* data = nullptr;
    float* floats() const { return reinterpret_cast<float*>(data); }
    uint16_t* halves() const { return reinterpret_cast<uint16_t*>(data); }
  };
  Result<Room> room(DType dtype, const Extents& shape);

  // Calls pack(weights, begin, end) for parts of [0, units), on all threads. Unit i is made of the
  // bytes of the constant from about i * unit_bytes on. Now and then what has been read leaves
  // memory, so that it is never all there twice. The constant is dense.
  using Pack = std::function<void(const std::byte* weights, int64_t begin, int64_t end)>;
  Status pack(ConstantId weights, int64_t units, uint64_t unit_bytes, const Pack& pack);

  // Weights that are stored as integers, as the numbers that they stand for; others as they are.
  Result<ConstantId> dense(ConstantId weights);

  // The constant that was packed into the room.
  ConstantId keep(const Room& room, const std::string& name);

 private:
  struct Piece {
    std::shared_ptr<std::byte> memory;
    uint32_t source = 0;
    uint64_t size = 0, used = 0;
  };
  bool add_piece(uint64_t bytes);
  void give_back_rest();

  PassContext& context_;
  uint64_t piece_bytes_;
  uint64_t slab_bytes_;  // of what may be in memory twice
  MemoryBudget budget_;
  Piece piece_;          // the newest
  uint64_t mapped_ = 0;  // bytes read since the mapped files have left memory
};

// The option `width` of a pass.
Result<int64_t> panel_width(PassContext& c);

}  // namespace hone
