#include "estimate/memory_peak.h"

#include <algorithm>

#include "base/text.h"
#include "estimate/analysis.h"
#include "estimate/arena_blocks.h"
#include "estimate/bands.h"
#include "estimate/reorder.h"

namespace hone::estimate {
namespace {

// Tensors that are tried for a fusion: the largest.
constexpr size_t kMostFusions = 8;

std::string name_of(const Graph& graph, ValueId v) {
  if (!graph[v].name.empty()) return graph[v].name;
  const Node& node = graph[graph[v].producer];
  std::string name = node.name.empty() ? std::string(node.op->name) : node.name;
  if (node.outputs.size() > 1) name += ":" + std::to_string(graph[v].slot);
  return name;
}

class Peak {
 public:
  explicit Peak(const Workload& workload)
      : w_(workload), graph_(workload.program->model().main()), blocks_(blocks_of(workload)) {}

  MemoryPeak find() {
    const auto fullest = std::ranges::max_element(w_.steps, {}, &Step::live_bytes);
    if (fullest != w_.steps.end()) {
      peak_.step = size_t(fullest - w_.steps.begin());
      peak_.live_bytes = fullest->live_bytes;
    }
    find_tensors();
    if (!blocks_.empty()) {
      peak_.least_any_order_bytes = least_of_any_order(w_, blocks_);
      add("order", "another order of the steps", reordered(w_, blocks_).arena_bytes);
      add_in_place();
      add_fusion();
      add_halves();
    }
    add_weights();
    return std::move(peak_);
  }

 private:
  void add(std::string kind, std::string what, int64_t arena) {
    add_remedy(peak_, w_, {std::move(kind), std::move(what), arena, 0});
  }

  void find_tensors() {
    for (const ArenaBlock& block : blocks_) {
      std::vector<const ArenaValue*> alive, counted;
      for (const size_t at : block.values) {
        const ArenaValue& v = w_.arena_values[at];
        if (v.first <= peak_.step && v.last >= peak_.step) alive.push_back(&v);
      }
      std::ranges::stable_sort(alive, std::greater<>(), &ArenaValue::bytes);
      for (const ArenaValue* v : alive) {
        const bool shares = std::ranges::any_of(counted, [&](const ArenaValue* other) {
          return other->offset < v->offset + v->bytes && v->offset < other->offset + other->bytes;
        });
        if (!shares) counted.push_back(v);
        peak_.tensors.push_back({name_of(graph_, v->value), v->bytes, v->first, v->last, shares});
      }
    }
    std::ranges::stable_sort(peak_.tensors, std::greater<>(), &LiveTensor::bytes);
  }

  // Does the step read each element of this input only where it writes that element of its result?
  static bool element_by_element(const Node& node, size_t input) {
    if (node.op->is(Trait::elementwise)) return true;
    return input < node.op->inputs.size() && node.op->inputs[input].name == "residual";
  }

  size_t block_of(ValueId v) const {
    for (size_t b = 0; b < blocks_.size(); ++b)
      for (const size_t at : blocks_[b].values)
        if (w_.arena_values[at].value == v) return b;
    return SIZE_MAX;
  }

  // Every element-wise result in the place of an input that ends with it.
  void add_in_place() {
    std::vector<size_t> at(graph_.value_count(), SIZE_MAX);
    std::vector<int64_t> bytes(graph_.value_count(), 0);
    for (size_t b = 0; b < blocks_.size(); ++b)
      for (const size_t v : blocks_[b].values) {
        at[w_.arena_values[v].value.index] = b;
        bytes[w_.arena_values[v].value.index] = w_.arena_values[v].bytes;
      }
    std::vector<ArenaBlock> blocks = blocks_;
    std::vector<size_t> into(blocks.size());
    for (size_t b = 0; b < into.size(); ++b) into[b] = b;
    const auto home = [&](ValueId v) {
      size_t b = v.valid() ? at[v.index] : SIZE_MAX;
      while (b != SIZE_MAX && into[b] != b) b = into[b];
      return b;
    };
    size_t joined = 0;
    for (size_t s = 0; s < w_.steps.size(); ++s) {
      const Node& node = graph_[w_.steps[s].node];
      if (node.outputs.size() != 1 || w_.steps[s].nothing || !node.outputs[0].valid()) continue;
      const size_t out = home(node.outputs[0]);
      if (out == SIZE_MAX || blocks[out].buffer.first != int32_t(s)) continue;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const size_t in = home(node.inputs[i]);
        if (in == SIZE_MAX || in == out || !element_by_element(node, i) ||
            blocks[in].buffer.last != int32_t(s) ||
            blocks[in].buffer.bytes != blocks[out].buffer.bytes ||
            bytes[node.inputs[i].index] != blocks[in].buffer.bytes ||
            std::ranges::count_if(node.inputs, [&](ValueId v) { return home(v) == in; }) != 1)
          continue;
        blocks[in].buffer.last = blocks[out].buffer.last;
        blocks[out].buffer.bytes = 0;
        into[out] = in;
        ++joined;
        break;
      }
    }
    if (joined > 0)
      add("in_place",
          std::to_string(joined) + " more element-wise result" + (joined == 1 ? "" : "s") +
              " in the place of an input",
          planned(blocks).arena_bytes);
  }

  // Of two steps that follow each other one: what is between them is there piece by piece.
  void add_fusion() {
    std::vector<Fusion> fusions;
    for (size_t b = 0; b < blocks_.size(); ++b) {
      const Buffer& buffer = blocks_[b].buffer;
      if (buffer.first > int32_t(peak_.step) || buffer.last < int32_t(peak_.step)) continue;
      if (const auto band = band_of(blocks_[b])) fusions.push_back({b, *band});
    }
    std::ranges::stable_sort(fusions, std::greater<>(), [&](const Fusion& f) {
      return blocks_[f.block].buffer.bytes - f.band;
    });
    if (fusions.size() > kMostFusions) fusions.resize(kMostFusions);
    const Fusion* best = nullptr;
    int64_t least = w_.arena_bytes;
    for (const Fusion& f : fusions)
      if (const int64_t arena = fused(f); arena < least) best = &f, least = arena;
    if (!best) return;
    const ArenaValue& v = w_.arena_values[blocks_[best->block].values[0]];
    const auto step_text = [&](size_t s) {
      return "step " + std::to_string(s + 1) + " (" + std::string(w_.steps[s].op->name) + ")";
    };
    add("fuse",
        step_text(v.first) + " and " + step_text(v.last) + " as one, with " +
            human_bytes(uint64_t(best->band)) + " of the " + human_bytes(uint64_t(v.bytes)) +
            " between them at a time",
        least);
  }

  struct Fusion {
    size_t block;
    int64_t band;
  };

  // What has to lie between the two steps of a block that the second one alone reads.
  std::optional<int64_t> band_of(const ArenaBlock& block) const {
    if (block.values.size() != 1) return std::nullopt;
    const ArenaValue& v = w_.arena_values[block.values[0]];
    const auto& users = graph_[v.value].users;
    const Step &maker = w_.steps[v.first], &user = w_.steps[v.last];
    if (users.size() != 1 || users[0] != user.node || graph_[user.node].inputs[0] != v.value ||
        maker.op->is(Trait::control) || maker.macs <= 0)
      return std::nullopt;
    for (size_t s = v.first + 1; s < v.last; ++s)
      if (!w_.steps[s].nothing) return std::nullopt;
    const auto band = band_bytes(user, w_.program->model());
    return band && *band < v.bytes ? band : std::nullopt;
  }

  // What the first step reads has to stay until the second one has run.
  int64_t fused(const Fusion& fusion) const {
    std::vector<ArenaBlock> blocks = blocks_;
    ArenaBlock& between = blocks[fusion.block];
    const ArenaValue& v = w_.arena_values[between.values[0]];
    for (const ValueId input : graph_[graph_[v.value].producer].inputs)
      if (const size_t in = input.valid() ? block_of(input) : SIZE_MAX; in != SIZE_MAX)
        blocks[in].buffer.last = std::max(blocks[in].buffer.last, between.buffer.last);
    between.buffer.bytes = fusion.band;
    return planned(blocks).arena_bytes;
  }

  // Real numbers of 32 bits in fewer.
  void add_halves() {
    for (const int64_t bits : {16, 8}) {
      std::vector<ArenaBlock> blocks = blocks_;
      bool any = false;
      for (ArenaBlock& b : blocks)
        if (b.dtype == DType::f32) {
          b.buffer.bytes = (b.buffer.bytes * bits + 31) / 32;
          any = true;
        }
      const std::string text = std::to_string(bits);
      if (any)
        add("activations_" + text + "_bit", "activations in " + text + " bits",
            planned(blocks).arena_bytes);
    }
  }

  void add_weights() {
    const Model& model = w_.program->model();
    int64_t bytes = 0;
    std::vector<bool> seen(model.constants.size());
    for (uint32_t i = 0; i < graph_.value_count(); ++i) {
      const Value& value = graph_[ValueId{i}];
      if (value.kind != Value::Kind::constant || value.users.empty()) continue;
      const Constant& constant = model.constants[value.constant.index];
      if (seen[value.constant.index] || constant.type.dtype != DType::f32 ||
          !constant.type.encoding.is_dense())
        continue;
      seen[value.constant.index] = true;
      if (const auto stored = model.stored(value.constant)) bytes += int64_t(stored->size());
    }
    for (const int64_t bits : {16, 8}) {
      const std::string text = std::to_string(bits);
      add_remedy(peak_, w_,
                 {"weights_" + text + "_bit", "weights in " + text + " bits", w_.arena_bytes,
                  memory_of(w_).total() - bytes + bytes * bits / 32});
    }
  }

  const Workload& w_;
  const Graph& graph_;
  const std::vector<ArenaBlock> blocks_;
  MemoryPeak peak_;
};

}  // namespace

MemoryPeak memory_peak(const Workload& workload) { return Peak(workload).find(); }

void add_remedy(MemoryPeak& peak, const Workload& workload, Remedy remedy) {
  const int64_t total = memory_of(workload).total();
  if (remedy.total_bytes == 0)
    remedy.total_bytes = total - workload.arena_bytes + remedy.arena_bytes;
  if (remedy.total_bytes >= total) return;
  const auto at = std::ranges::find_if(
      peak.remedies, [&](const Remedy& r) { return r.total_bytes > remedy.total_bytes; });
  peak.remedies.insert(at, std::move(remedy));
}

}  // namespace hone::estimate
