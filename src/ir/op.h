// What an operator is: one struct of declarations and functions, one file per operator.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory_pool.h"
#include "base/result.h"
#include "ir/attr.h"
#include "ir/graph.h"
#include "ir/tensor.h"

namespace hone {

class Model;

// One input or output (or, variadic, the last several of them).
struct Port {
  enum class Presence : uint8_t { required, optional, variadic };
  enum class Holds : uint8_t { tensor, sequence, optional, map, any };
  std::string_view name;
  DTypes dtypes = kAny;  // of tensors; ignored for other kinds
  // Ports with the same letter have the same dtype. 0: free.
  char same = 0;
  Presence presence = Presence::required;
  Holds holds = Holds::tensor;
};
using Ports = std::vector<Port>;

// What inference sees: types of the inputs, known elements, attributes.
class Infer {
 public:
  struct Input {
    const Type* type = nullptr;    // null: an optional input that is not given
    const Known* known = nullptr;  // elements of a small integer tensor, some may be unknown
  };
  Infer(const OpDef& op, const Attrs& attrs, std::span<const Input> inputs, size_t outputs,
        const Model* model = nullptr)
      : op_(op), attrs_(attrs), inputs_(inputs), outputs_(outputs), model_(model) {}

  size_t inputs() const { return inputs_.size(); }
  size_t outputs() const { return outputs_; }  // how many outputs the node has
  bool has(size_t i) const { return i < inputs_.size() && inputs_[i].type; }
  const Type& type(size_t i) const { return *inputs_[i].type; }
  const TensorType& tensor(size_t i) const { return inputs_[i].type->tensor; }
  const Shape& shape(size_t i) const { return tensor(i).shape; }
  DType dtype(size_t i) const { return tensor(i).dtype; }
  // Elements of input i (i may be absent); null when unknown. Single elements may be unknown Dims.
  const Known* known(size_t i) const { return i < inputs_.size() ? inputs_[i].known : nullptr; }
  // All elements as numbers; none when not given or not all are numbers.
  std::optional<Integers> integers(size_t i) const;

  // Attributes by name: the given value, else the declared default. The kind must be as declared.
  bool given(std::string_view name) const;  // given, or with a default
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  const Integers& list(std::string_view name) const;
  const Reals& reals(std::string_view name) const;
  const Texts& texts(std::string_view name) const;
  DType dtype_attr(std::string_view name) const;
  const Type& type_attr(std::string_view name) const;
  GraphId graph(std::string_view name) const;
  // The attribute of that name, given or by default; none when absent. Any name and kind.
  std::optional<Attr> attribute(std::string_view name) const;
  // Signature of a nested graph.
  Types graph_inputs(std::string_view name) const;
  Types graph_outputs(std::string_view name) const;

  const OpDef& op() const { return op_; }

 protected:
  const Attr* find(std::string_view name) const;
  const OpDef& op_;
  const Attrs& attrs_;
  std::span<const Input> inputs_;
  size_t outputs_;
  const Model* model_;
};

// What computing an operator takes, as polynomials of its sizes. Counting rule: one multiply-add is
// one MAC and two FLOPs; a comparison, addition, division or transcendental function is one FLOP.
struct Cost {
  Dim macs = 0;
  Dim flops = 0;
  Dim bytes_read = 0, bytes_written = 0;
  Dim events = 0;  // synaptic events, of spiking operators
};

// Runs a nested graph; given to the kernels of control-flow operators.
class GraphRunner {
 public:
  virtual ~GraphRunner() = default;
  virtual Result<std::vector<Datum>> run(GraphId graph, std::span<const Datum> inputs) = 0;
};

// What a kernel sees: inputs, outputs to fill, attributes. Types have been inferred and checked for
// the actual shapes, so a kernel re-checks only what inference cannot see (values of the data).
class Call : public Infer {
 public:
  Call(const OpDef& op, const Attrs& attrs, std::span<const Infer::Input> types,
       std::span<const Datum* const> in, std::span<Datum> out, const Types& out_types,
       const Model* model)
      : Infer(op, attrs, types, out.size(), model), in_(in), out_(out), out_types_(out_types) {}

  bool has(size_t i) const { return i < in_.size() && in_[i]; }
  const Datum& datum(size_t i) const { return *in_[i]; }
  const Tensor& in(size_t i) const { return in_[i]->tensor; }
  std::span<const Datum* const> in() const { return in_; }

  // Output i with its inferred type, zero-filled or in its planned place; the type must be fixed.
  Result<Tensor*> out(size_t i);
  // Output i with this shape, where only the data decide it.
  Result<Tensor*> out(size_t i, Extents shape);
  void set(size_t i, Datum value) { out_[i] = std::move(value); }
  const Type& out_type(size_t i) const { return out_types_[i]; }

  // Memory for intermediate values, on any thread: `const auto sums = c.scratch<float>(n);`. It is
  // used again by later calls. Throws std::bad_alloc, which ends the run with `over_memory`.
  template <class T>
  Scratch<T> scratch(int64_t count) const {
    return Scratch<T>(scratch_pool, size_t(count));
  }

  // Elements from one row of the last axis of output 0 to the next; 0: they follow each other. For
  // kernels that can do this (Kernel::spaces_rows); the tensor shows a place too short by what lies
  // between rows.
  int64_t row_step = 0;
  GraphRunner* runner = nullptr;
  MemoryPool* scratch_pool = nullptr;            // null: scratch is had from the system
  uint64_t seed = 0;                             // differs by node and call; for random operators
  Allowance memory_limit = uint64_t{1} << 40;    // what the outputs and what they need may take
  uint64_t iteration_limit = uint64_t{1} << 40;  // of loops

 private:
  std::span<const Datum* const> in_;
  std::span<Datum> out_;
  const Types& out_types_;
};

enum class Trait : uint32_t {
  none = 0,
  commutative = 1,   // the first two inputs may be exchanged
  involution = 2,    // f(f(x)) = x exactly
  idempotent = 4,    // f(f(x)) = f(x)
  random = 8,        // differs from call to call: never folded, merged
  elementwise = 16,  // output element i depends on input elements i only (after broadcast)
  view = 32,         // the bytes of output 0 are those of input 0
  control = 64,      // runs nested graphs
};
constexpr Trait operator|(Trait a, Trait b) {
  return static_cast<Trait>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}

struct OpDef {
  std::string_view name;
  std::string_view doc;  // one or a few sentences: shapes, formula, source
  Ports inputs, outputs;
  std::vector<AttrDef> attrs = {};
  Trait traits = Trait::none;
  // Types of the outputs (c.outputs() of them). The ports have been checked already.
  Result<Types> (*infer)(const Infer& c) = nullptr;
  // Elements of output `slot` when they can be told from types and known inputs (shape arithmetic).
  std::optional<Known> (*propagate)(const Infer& c, size_t slot) = nullptr;
  // Null: one FLOP for each output element, all inputs read, all outputs written.
  Cost (*cost)(const Infer& c, const Types& out) = nullptr;
  // Plain loops, the oracle. Null: the body is run.
  Status (*reference)(Call& c) = nullptr;
  // The meaning in smaller operators, as IR text, and other spellings found in exported models.
  std::string_view body = {};
  std::vector<std::string_view> also = {};
  // Spellings of what it means with a text attribute that is not the default.
  struct Variant {
    std::string_view attribute, value, text;
  };
  std::vector<Variant> variants = {};
  // IR text of calls for the generic tests, where random inputs of simple shapes will not do:
  // each a graph with inputs; see ops/op_test.cc.
  std::vector<std::string_view> examples = {};

  ~OpDef();
  bool is(Trait t) const { return (static_cast<uint32_t>(traits) & static_cast<uint32_t>(t)) != 0; }
};

// The operators there are. Passed by reference, never global; tests and plug-ins can extend a copy.
class Catalogue {
 public:
  explicit Catalogue(std::vector<const OpDef*> ops);
  const OpDef* find(std::string_view name) const;
  std::span<const OpDef* const> all() const { return ops_; }

 private:
  std::vector<const OpDef*> ops_;  // sorted by name
};

// Arity, dtypes and attributes as declared; the message names the port.
Status check_call(const OpDef& op, const Attrs& attrs, std::span<const Infer::Input> inputs,
                  size_t outputs);
// Drops defaults, orders by declaration; fails on unknown names, wrong kinds, missing required
// ones.
Result<Attrs> normalize(const OpDef& op, std::vector<std::pair<std::string, Attr>> given);

// The default cost.
Cost default_cost(const Infer& c, const Types& out);
Cost cost_of(const Infer& c, const Types& out);

}  // namespace hone
