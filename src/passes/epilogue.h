// What follows a product or a convolution and is computed with it: bias, residual, activation.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/model.h"
#include "ir/rewriter.h"

namespace hone {

// Collects the users that come one after the other, as long as each is the only one.
class EpilogueChain {
 public:
  // `root` makes one output, whose axis `channels` has `count` elements.
  EpilogueChain(const Model& model, const Graph& graph, NodeId root, size_t channels,
                int64_t count);

  // A number for each channel that is added: a constant or a vector; or an invalid id.
  ValueId bias;
  ValueId residual;  // of the type of the output
  std::string activation = "none";
  double low = 0, high = 0;   // of "clip"
  std::vector<NodeId> nodes;  // root first

  ValueId output() const;  // of the last node
  // The only user of the output, if nothing else sees it.
  std::optional<NodeId> next() const;
  void take(NodeId node) { nodes.push_back(node); }
  // Takes a node that changes the shape: from here on the channels lie along this axis.
  void take_reshaped(NodeId node, size_t channels) {
    nodes.push_back(node);
    channels_ = channels;
  }
  // Takes everything that follows.
  void follow();
  // A reshape that keeps the last axis and behind which more follows: it is taken, and x, rows of
  // `depth` that the root multiplies, is reshaped in its place.
  Status reshape_before(Rewriter& rewriter, ValueId& x, int64_t depth);

  bool is_constant(ValueId v) const;  // dense
  // One number for each channel, the same everywhere else?
  bool is_per_channel(ValueId v) const;
  // The numbers of a constant that is.
  Result<std::vector<float>> per_channel(ValueId v) const;

 private:
  bool take_sum(NodeId user);
  bool take_activation(NodeId user);
  std::optional<double> number(const Node& node, size_t input) const;

  const Model& model_;
  const Graph& graph_;
  size_t channels_;
  int64_t count_;
};

// Do all extents have a value or a name? One that is not known equals no other.
bool all_known(const Shape& shape);

}  // namespace hone
