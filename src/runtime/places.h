// Where the values of a graph lie: places in an arena, shared where one value is a part of another.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "planner/planner.h"
#include "runtime/specialization.h"

namespace hone {

// Fills in where the outputs of `steps` lie. Outputs, next states and what a view of them shares
// stay outside the arena: they outlive the run. The rest is placed so that
// - parts of a value lie within it, and what is joined lies in the result, where pieces are
//   contiguous, or where kernels can write rows apart: nothing is copied;
// - an output takes the place of an input that ends, where the kernel can do that.
class Places {
 public:
  Places(const Graph& graph, const Program::GraphPlan& plan, const Types& types,
         std::vector<Specialization::Step>& steps);

  Result<Placement> place(uint64_t limit);
  // Does it outlive the run?
  bool escapes(uint32_t value) const { return escapes_[value]; }

 private:
  // A value that is made within another one.
  struct Host {
    uint32_t value;
    int64_t offset;
    int64_t row_step = 0;  // elements; 0: it is contiguous
  };
  void find_roots();
  void find_state_updates();
  bool ends_in(uint32_t value, size_t step) const;
  void find_escapes();
  void find_parts();
  void find_hosts();
  void find_row_hosts(const Specialization::Step& step, const std::vector<const Kernel*>& made_by);
  bool can_be_hosted(ValueId v, NodeId user) const;
  void lay_out(bool hosting);
  void write_down(bool hosting, const Placement& placement);
  void find_copies(Specialization::Step& step) const;
  bool takes_over(size_t step, uint32_t value, int64_t bytes);
  Host home_of(uint32_t root, bool hosting) const;

  const Graph& graph_;
  const Program::GraphPlan& plan_;
  const Types& types_;
  std::vector<Specialization::Step>& steps_;
  // By value: the one whose bytes it shows, from which byte on; whether it outlives the run; the
  // last step that needs it or, of a root, what shows it; whether a planned step makes it in the
  // arena; the value within which it can be made.
  std::vector<uint32_t> root_;
  std::vector<int64_t> shift_;
  std::vector<bool> escapes_;
  std::vector<int32_t> last_;
  std::vector<bool> made_in_arena_;
  std::vector<Host> hosts_;
  std::vector<int64_t> buffer_of_;  // by root; -1: none yet, or outside
  std::vector<Buffer> buffers_;
};

}  // namespace hone
