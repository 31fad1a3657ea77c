// Which 3 x 3 convolutions go by Winograd's minimal filtering: those that it makes faster on this
// machine.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "passes/packing.h"
#include "passes/pass.h"

namespace hone {

// A convolution that Winograd's way can compute: 3 x 3, stride 1, one group.
struct WinogradCase {
  NodeId node;
  int64_t images = 1, height = 0, width = 0, channels = 0;  // of the input
  int64_t filters = 0;
  Integers pads;  // before each axis, then after each axis

  int64_t out_height() const { return height + pads[0] + pads[2] - 2; }
  int64_t out_width() const { return width + pads[1] + pads[3] - 2; }
  std::string str() const;  // what its time depends on
};

// Estimated seconds, on one core of the machine that bench/winograd_rule.py fitted them on: their
// ratio is what matters.
double direct_seconds(const WinogradCase& c);
double winograd_seconds(const WinogradCase& c);

enum class WinogradWay : uint8_t { chosen, always, never };
// The option `winograd` of a pass; chosen where it is not given.
Result<WinogradWay> winograd_way(PassContext& c);

// Chooses for all graphs of a model. Panels have `panel` columns.
class WinogradChoice {
 public:
  WinogradChoice(PassContext& c, WinogradWay way, int64_t panel);
  // The nodes to lower by Winograd's way.
  std::set<NodeId> choose(const std::vector<WinogradCase>& cases);

 private:
  struct Rated {
    const WinogradCase* what;
    Times times;  // direct, winograd
    bool winograd = false;
  };
  std::vector<Rated> rate(const std::vector<WinogradCase>& cases);
  Times ask(const WinogradCase& c) const;
  void report(const Rated& rated);

  PassContext& context_;
  WinogradWay way_;
  int64_t panel_;
};

}  // namespace hone
