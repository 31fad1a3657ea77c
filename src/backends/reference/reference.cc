// The oracle: runs every operator with the plain loops of the catalogue, on one thread.
#include "backends/backends.h"

namespace hone {
namespace {

class ReferenceKernel : public Kernel {
 public:
  explicit ReferenceKernel(const OpDef& op) : op_(op) {}
  Status run(Call& c, ThreadPool&) const override { return op_.reference(c); }

 private:
  const OpDef& op_;
};

class ReferenceBackend : public Backend {
 public:
  std::string_view name() const override { return "reference"; }
  std::string_view doc() const override {
    return "plain loops from the operator catalogue; slow, exact, runs everything";
  }
  Support supports(const Model&, const Graph& graph, NodeId node) const override {
    if (graph[node].op->reference) return {true, {}};
    return {false, "the operator has neither a reference kernel nor a body"};
  }
  Result<std::unique_ptr<Kernel>> prepare(const Model&, const Graph& graph,
                                          NodeId node) const override {
    return std::unique_ptr<Kernel>(new ReferenceKernel(*graph[node].op));
  }
};

}  // namespace

const Backend& reference_backend() {
  static const ReferenceBackend backend;
  return backend;
}

}  // namespace hone
