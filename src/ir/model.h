// A model: graphs, constants as spans of files, symbols and metadata. Copying one copies no
// weights.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "ir/attachment.h"
#include "ir/graph.h"
#include "ir/tensor.h"

namespace hone {

// Bytes that constants lie in: a mapped file, or memory made while importing or folding.
struct DataSource {
  std::string name;  // file name relative to the model's folder; "" = memory
  std::shared_ptr<const MappedFile> mapped;  // null when in memory, or not opened
  std::shared_ptr<const std::byte> memory;
  uint64_t size = 0;
  static DataSource in_memory(std::vector<std::byte> bytes);
  std::span<const std::byte> bytes() const;  // empty when not opened
};

struct Constant {
  // Unique in the model; or empty for small anonymous constants, which print as literals.
  std::string name;
  TensorType type;
  // Where the bytes are: a span of a source, or inline (small tensors, at most kMaxInline bytes).
  struct Span {
    uint32_t source = 0;
    uint64_t offset = 0, length = 0;
    bool operator==(const Span&) const = default;
  };
  std::variant<std::vector<std::byte>, Span, std::vector<std::string>> data;
  // Of an affine encoding.
  ConstantId scale, zero_point;

  bool may_be_anonymous() const;  // dense, inline, at most one axis
};
inline constexpr uint64_t kMaxInline = 64;

struct Symbol {
  std::string name;
  BindingTime time = BindingTime::call;
};

class Model {
 public:
  std::vector<Graph> graphs;  // graphs[0] is the entry unless `entry` says otherwise
  std::vector<Constant> constants;
  std::vector<DataSource> sources;
  std::vector<Symbol> symbols;                  // in order of appearance
  std::map<std::string, std::string> metadata;  // producer, opset, description …
  std::map<std::string, std::shared_ptr<const Attachment>, std::less<>> attachments;
  GraphId entry{0};
  std::string phase = "import";  // import, clean, compress, lower
  // The kernels that a lowered model is for: Backend::target; "" in every other phase.
  std::string target;

  Graph& main() { return graphs[entry.index]; }
  const Graph& main() const { return graphs[entry.index]; }
  GraphId add_graph(std::string name);  // names are unique and stay
  GraphId graph_named(std::string_view name) const;
  void drop_graphs(size_t from);  // the newest, from this one on; nothing may refer to them
  void add_symbol(std::string name, BindingTime time);

  // The constant's elements, without copying where they lie in a source. Affine encodings are
  // decoded to the logical dtype. Fails when the source is not open or too short, or where elements
  // that have to be copied (not aligned) or decoded need more than the allowance.
  Result<Tensor> read(ConstantId id, const Allowance& allowance = uint64_t{1} << 40) const;
  // The same, for who reads byte by byte: elements that are not aligned stay where they are.
  Result<Tensor> read_at_any_address(ConstantId id, const Allowance& allowance) const;
  // The stored bytes as they are.
  Result<std::span<const std::byte>> stored(ConstantId id) const;
  // Do its bytes lie in a mapped file?
  bool is_mapped(const Constant& constant) const;
  // The constant's bytes are not expected to be read again soon: those in a mapped file leave
  // memory, and come back from the file when they are read after all.
  void release(ConstantId id) const;
  // The same of all constants.
  void release_all() const;
  // Adds a constant with these elements: inline when small, else in a memory source, which keeps
  // the tensor's bytes where nobody else has them, and else a copy.
  ConstantId add_constant(std::string name, Tensor tensor);
  ConstantId add_constant(Constant constant);  // a name that is taken gets a number
  ConstantId constant_named(std::string_view name) const;
  // Drops constants, in-memory sources and nested graphs that nothing refers to; ids change.
  void sweep();

 private:
  Result<Tensor> read_aligned(ConstantId id, size_t least, const Allowance& allowance) const;
  // A name not in use, made from `stem`.
  std::string fresh_constant_name(const std::string& stem);

  std::map<std::string, uint32_t, std::less<>> constant_index_, graph_index_;
  // By stem, the number to try next: those before it are taken, and are not tried again.
  std::map<std::string, size_t> next_number_;
};

// Does the constant's encoding fit its type: is there the axis, and are scale and zero point dense
// numbers, as many as the encoding needs? Everything that makes encoded constants asks this first.
Status check_encoding(const Model& model, const Constant& constant);

// Elements of small integer constants as Dims; none when too large or not integer.
std::optional<Known> known_elements(const Tensor& tensor);

}  // namespace hone
