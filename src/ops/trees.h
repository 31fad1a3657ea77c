// Ensembles of decision trees: checked once, then walked without bounds checks.
#pragma once

#include <initializer_list>
#include <vector>

#include "ops/ml.h"

namespace hone {

// Tests of a feature v against the split value s, in the order of TreeEnsemble's `nodes_modes`.
enum class Split : uint8_t { leq, lt, gte, gt, eq, neq, member };

struct Forest {
  struct Vote {
    int64_t target;
    double weight;
  };
  struct Node {
    bool leaf = false;
    Split split = Split::leq;
    bool missing_true = false;  // where NaN goes
    int64_t feature = 0;
    double value = 0;
    int64_t yes = 0, no = 0;      // nodes
    int64_t first = 0, last = 0;  // of a leaf: its votes; of `member`: its set
  };
  std::vector<Node> nodes;
  std::vector<Vote> votes;
  std::vector<double> members;  // sets of `member` nodes, each sorted
  std::vector<int64_t> roots;

  // Children and features in range, and no way back from a node to itself.
  Status check(const Infer& c, int64_t features) const;
  // The leaf that a row ends in.
  const Node& leaf(int64_t root, const double* row) const;
};

// The ensemble of the attributes nodes_* and `prefix`_ids, _nodeids, _treeids of the classifier
// ("class") and the regressor ("target"); inputs 1 and 2 hold the split values and the weights.
Result<Forest> forest_of(const Call& c, std::string_view prefix, int64_t targets);
// Fails unless the lists about n nodes have n elements; `missing` may have none.
Status check_node_lists(const Infer& c, size_t n, std::initializer_list<size_t> lengths,
                        size_t missing);
// Their declarations.
std::vector<AttrDef> forest_attrs(std::string_view prefix);

}  // namespace hone
