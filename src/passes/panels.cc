#include "passes/panels.h"

#include <algorithm>
#include <charconv>

#include "base/checked.h"
#include "base/pages.h"
#include "base/text.h"

namespace hone {
namespace {

constexpr uint64_t kAlignment = 64;  // of constants: a cache line

uint64_t source_bytes(const Model& model) {
  uint64_t bytes = 0;
  for (const DataSource& source : model.sources)
    if (__builtin_add_overflow(bytes, source.size, &bytes)) return UINT64_MAX;
  return bytes;
}

uint64_t rounded(uint64_t bytes, uint64_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

uint64_t packing_bytes(const PassContext& c) {
  constexpr uint64_t kAnySize = uint64_t{64} << 20;
  const uint64_t bytes = std::min(source_bytes(c.model), c.limits.runtime_memory);
  return std::min(kAnySize + 2 * bytes, c.limits.runtime_memory);
}

PackedWeights::PackedWeights(PassContext& c)
    : context_(c),
      // Address space only, until it is written to.
      piece_bytes_(rounded(std::clamp<uint64_t>(source_bytes(c.model), 1, 64 << 20), kHugePage)),
      slab_bytes_(std::clamp<uint64_t>(source_bytes(c.model) / 16, 2 << 20, 16 << 20)),
      budget_(packing_bytes(c)) {}

PackedWeights::~PackedWeights() {
  give_back_rest();
  context_.model.release_all();
}

// Of a huge page that is begun, too.
void PackedWeights::give_back_rest() {
  if (piece_.memory)
    release_pages({piece_.memory.get() + piece_.used, size_t(piece_.size - piece_.used)});
}

bool PackedWeights::add_piece(uint64_t bytes) {
  give_back_rest();
  piece_ = {};
  auto memory = zeroed_memory(bytes);
  if (!memory) return false;
  DataSource source;
  source.memory = memory;
  source.size = bytes;
  piece_ = {std::move(memory), uint32_t(context_.model.sources.size()), bytes, 0};
  context_.model.sources.push_back(std::move(source));
  return true;
}

Result<PackedWeights::Room> PackedWeights::room(DType dtype, const Extents& shape) {
  Room room{{dtype, Shape::of(shape), {}}, {}, nullptr};
  const auto count = checked_product(shape);
  const auto bytes = count ? bytes_for(dtype, *count) : std::nullopt;
  const auto too_large = [&](std::string_view why) {
    return fail(ErrorId::over_memory,
                "packed weights of type " + room.type.str() + std::string(why));
  };
  if (!bytes || !budget_.take(uint64_t(*bytes))) return too_large(" take more than they may");
  const auto length = uint64_t(*bytes);
  if (length > piece_.size - piece_.used &&
      !add_piece(std::max(rounded(length, kAlignment), piece_bytes_)))
    return too_large(" are more than the system gives");
  room.span = {piece_.source, piece_.used, length};
  room.data = piece_.memory.get() + piece_.used;
  piece_.used += rounded(length, kAlignment);
  return room;
}

Status PackedWeights::pack(ConstantId weights, int64_t units, uint64_t unit_bytes,
                           const Pack& pack) {
  if (context_.shapes_only) return ok();
  constexpr uint64_t kPiece = 256 << 10;  // of work
  const auto bytes = TRY(context_.model.stored(weights));
  const auto per = [&](uint64_t size) {
    return std::max<int64_t>(1, int64_t(size / std::max<uint64_t>(unit_bytes, 1)));
  };
  const int64_t grain = per(kPiece), slab = std::max(per(slab_bytes_), 4 * grain);
  for (int64_t first = 0; first < units; first += slab) {
    const int64_t last = units - first > slab ? first + slab : units;
    context_.parallel_for(last - first, grain, [&](int64_t begin, int64_t end) {
      pack(bytes.data(), first + begin, first + end);
    });
    mapped_ += uint64_t(last - first) * unit_bytes;
    if (mapped_ < slab_bytes_) continue;
    // All of the file: reading a few bytes between weights brings in as much as a huge page.
    context_.model.release_all();
    mapped_ = 0;
  }
  return ok();
}

Result<ConstantId> PackedWeights::dense(ConstantId weights) {
  Model& model = context_.model;
  if (model.constants[weights.index].type.encoding.is_dense()) return weights;
  const std::string name = model.constants[weights.index].name;
  Tensor numbers = TRY(model.read(weights, uint64_t{context_.limits.runtime_memory}));
  return model.add_constant(name, std::move(numbers));
}

ConstantId PackedWeights::keep(const Room& room, const std::string& name) {
  Constant constant{name, room.type, room.span, {}, {}};
  if (room.span.length <= kMaxInline)
    constant.data = std::vector<std::byte>(room.data, room.data + room.span.length);
  return context_.model.add_constant(std::move(constant));
}

Result<int64_t> panel_width(PassContext& c) {
  const std::string& text = c.options["width"];
  int64_t width = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), width);
  if (error == std::errc() && end == text.data() + text.size() && width >= 1 && width <= 1024)
    return width;
  return fail(ErrorId::usage, c.journal.pass + " needs width=W, the columns of a panel");
}

}  // namespace hone
