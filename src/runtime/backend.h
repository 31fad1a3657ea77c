// What an in-process executor offers: whether it supports a node, and a kernel for it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/thread_pool.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone {

// One node made ready to run. Immutable after preparation: sessions share it.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual Status run(Call& c, ThreadPool& pool) const = 0;
  // Does it write every byte of its outputs? Otherwise they are zeroed first.
  virtual bool overwrites() const { return false; }
  // May its only output lie where this input of the same size lies? Then it reads no element of any
  // input after it has written the output's element of that position.
  virtual bool in_place(size_t input) const {
    (void)input;
    return false;
  }
  // Can it write the rows of its only output apart (Call::row_step), without touching what lies
  // between? So parts of a joined tensor are made where they belong. Then it overwrites, and fills
  // the place that it is given.
  virtual bool spaces_rows() const { return false; }
  // Does it read this input byte by byte, so that it may lie at any address? Constants of model
  // files often lie at odd ones, and are copied otherwise.
  virtual bool reads_at_any_address([[maybe_unused]] size_t input) const { return false; }
};

// Yes, or no with the reason.
struct Support {
  bool yes = false;
  std::string reason;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view doc() const = 0;
  // The pipeline that brings a clean model into the form that suits it best; "" for none.
  virtual std::string lowering() const { return {}; }
  // The kernels that its lowered form is for, with the version of what they take; "" for none. A
  // lowered model runs only where this is the same.
  virtual std::string target() const { return {}; }
  // What the times of its kernels depend on beside the CPU, for who measures them; "" where there
  // is nothing to choose from.
  virtual std::string timing() const { return {}; }
  virtual Support supports(const Model& model, const Graph& graph, NodeId node) const = 0;
  // Called once for each node and each set of input types; may pack constants.
  virtual Result<std::unique_ptr<Kernel>> prepare(const Model& model, const Graph& graph,
                                                  NodeId node) const = 0;
};

}  // namespace hone
