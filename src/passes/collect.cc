// Copies small constants of mapped files into one piece of memory. Passes that read them would
// bring the weights between them into memory, which are read later or not at all: a page fault maps
// 64 KB around it, or a huge page.
#include <cstring>
#include <map>
#include <tuple>

#include "base/memory_budget.h"
#include "base/pages.h"
#include "passes/panels.h"
#include "passes/pass.h"

namespace hone {
namespace {

constexpr uint64_t kMostBytes = 16 << 10;  // of a small one
constexpr uint64_t kAlignment = 64;

class Collecting {
 public:
  explicit Collecting(PassContext& c) : model_(c.model), budget_(packing_bytes(c)) {}

  Status run() {
    find();
    if (size_ == 0) return ok();
    DataSource source;
    auto memory = zeroed_memory(size_);
    if (!memory) return ok();  // they stay where they are
    const auto number = uint32_t(model_.sources.size());
    for (const uint32_t c : small_) {
      Constant& constant = model_.constants[c];
      auto& span = std::get<Constant::Span>(constant.data);
      const uint64_t place = places_.at(key(span));
      const auto bytes = model_.stored(ConstantId{c});
      if (!bytes) continue;
      std::memcpy(memory.get() + place, bytes->data(), bytes->size());
      span = {number, place, span.length};
    }
    source.memory = std::move(memory);
    source.size = size_;
    model_.sources.push_back(std::move(source));
    model_.release_all();
    return ok();
  }

 private:
  using Key = std::tuple<uint32_t, uint64_t, uint64_t>;
  static Key key(const Constant::Span& span) { return {span.source, span.offset, span.length}; }

  // Constants that share their bytes go on doing so.
  void find() {
    for (uint32_t c = 0; c < model_.constants.size(); ++c) {
      const Constant& constant = model_.constants[c];
      if (!model_.is_mapped(constant)) continue;
      const auto& span = std::get<Constant::Span>(constant.data);
      if (span.length == 0 || span.length > kMostBytes) continue;
      if (!places_.contains(key(span))) {
        const uint64_t room = (span.length + kAlignment - 1) / kAlignment * kAlignment;
        if (!budget_.take(room)) continue;
        places_.emplace(key(span), size_);
        size_ += room;
      }
      small_.push_back(c);
    }
  }

  Model& model_;
  MemoryBudget budget_;
  std::vector<uint32_t> small_;     // constants
  std::map<Key, uint64_t> places_;  // in the piece
  uint64_t size_ = 0;               // of it
};

}  // namespace

const PassDef& collect_pass() {
  static const PassDef def{
      .name = "collect",
      .doc = "small constants of mapped files lie together in memory",
      .run = [](PassContext& c) { return Collecting(c).run(); },
  };
  return def;
}

}  // namespace hone
