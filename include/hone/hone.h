// The public API of hone: open a trained model, inspect it, clean it, save it, and run it.
//
//   auto model = hone::v1::Model::open("model.onnx");
//   if (!model) return fail(model.error().describe());
//   auto executable = model->compile();
//   auto image = hone::v1::Value::of<float>({1, 1, 28, 28}, pixels);
//   auto outputs = executable->run({*image});
//
// Everything that can fail returns a Result; nothing throws but Result::operator* on an error
// (std::bad_variant_access) and std::bad_alloc. Objects are cheap handles: copies share what they
// hold. Models, executables and values are immutable and may be used from several threads at once;
// a session may not. Names and signatures in this namespace stay as they are; changes that break
// callers go to hone::v2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hone::v1 {

// "0.1.0"
std::string_view version();

struct Error {
  std::string code;                  // stable, for programs: "data.truncated"; see docs/errors.md
  std::string message;               // what, with the offending names and numbers
  std::vector<std::string> context;  // what was being done, innermost first
  std::string hint;                  // what to do
  // As the command line: 1 a check does not hold, 2 wrong usage, 3 input refused, 4 a limit was
  // reached, 5 inconclusive, 70 a bug.
  int exit_code = 70;

  // The message with its code, a line for each context, and the hint.
  std::string describe() const;
};

// A value or an error.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};
using Status = Result<std::monostate>;

// Element types. Sub-byte types are packed in C order, low bits first.
// clang-format off
enum class DType : uint8_t {
  f32, f64, f16, bf16, f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, f8e8m0, f4e2m1,
  i2, u2, i4, u4, i8, u8, i16, u16, i32, u32, i64, u64, boolean, c64, c128, string
};
// clang-format on
std::string_view name(DType dtype);  // "f32", "bool"

// The C++ types whose arrays are the elements of a tensor, and their element types.
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  if constexpr (std::is_same_v<T, double>) return DType::f64;
  if constexpr (std::is_same_v<T, int8_t>) return DType::i8;
  if constexpr (std::is_same_v<T, uint8_t>) return DType::u8;
  if constexpr (std::is_same_v<T, int16_t>) return DType::i16;
  if constexpr (std::is_same_v<T, uint16_t>) return DType::u16;
  if constexpr (std::is_same_v<T, int32_t>) return DType::i32;
  if constexpr (std::is_same_v<T, uint32_t>) return DType::u32;
  if constexpr (std::is_same_v<T, int64_t>) return DType::i64;
  if constexpr (std::is_same_v<T, uint64_t>) return DType::u64;
  if constexpr (std::is_same_v<T, bool>) return DType::boolean;
  return DType::string;  // of no type that this works for
}
template <class T>
concept Element = dtype_of<T>() != DType::string;

// An input or output: a tensor, or a sequence, optional or map of them.
class Value {
 public:
  enum class Kind : uint8_t { tensor, sequence, optional, map };

  Value();  // an f32 tensor without elements
  // A tensor whose elements are copied from `bytes`, in C order. Extents are elements, outermost
  // first; `bytes` must be as long as dtype and shape say. Fails with `data.mismatch`.
  static Result<Value> tensor(DType dtype, std::vector<int64_t> shape,
                              std::span<const std::byte> bytes);
  template <Element T>
  static Result<Value> of(std::vector<int64_t> shape, std::span<const T> elements) {
    return tensor(dtype_of<T>(), std::move(shape), std::as_bytes(elements));
  }
  static Result<Value> strings(std::vector<int64_t> shape, std::vector<std::string> elements);
  // Elements of one type; a sequence needs at least one.
  static Value sequence(const std::vector<Value>& items);

  Kind kind() const;
  std::string type() const;  // "f32[1,10]", "sequence(i64[2])"
  // Of a tensor.
  DType dtype() const;
  const std::vector<int64_t>& shape() const;  // elements, outermost first
  int64_t count() const;                      // elements
  std::span<const std::byte> bytes() const;   // C order; empty for strings
  const std::vector<std::string>& texts() const;
  // An element as double: exact for floats, and for integers up to 2^53. NaN for strings and
  // complex numbers. 0 <= index < count().
  double real(int64_t index) const;
  // The elements as T, or nothing when the dtype is another.
  template <Element T>
  std::span<const T> as() const {
    if (kind() != Kind::tensor || dtype() != dtype_of<T>()) return {};
    return {reinterpret_cast<const T*>(bytes().data()), static_cast<size_t>(count())};
  }
  // Elements of a sequence; the content of an optional, if any; the values of a map.
  std::vector<Value> items() const;
  // Of a map, in the order of items(): a tensor with one axis.
  Value keys() const;

  // Writes a .npy file, or the ONNX protobuf message where the name ends in .pb, atomically. Fails
  // with `model.unsupported_feature` where .npy cannot hold the value.
  Status save(const std::string& path) const;

  struct Impl;
  explicit Value(std::shared_ptr<const Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

// Sizes of symbolic dimensions by name: {"N", 8}.
using Bindings = std::map<std::string, int64_t, std::less<>>;

struct OpenOptions {
  // Budgets for reading the file, as `--limits` takes them: {"memory", "512MB"}.
  std::vector<std::pair<std::string, std::string>> limits;
  // Compare the content with the hashes recorded in a .hone artefact: reads all of the file.
  bool verify = false;
  // Follow links in the names of files of weights, where the file they end at lies beneath the
  // model's folder, or in the folder `blobs` of the Hugging Face cache that the model lies in.
  bool follow_links = false;
  // Open the model even where files of its weights are not there: it can be described and printed,
  // and whatever needs their bytes fails with `io.not_found`.
  bool without_weights = false;
};

// How an image or a recording becomes an input.
struct LoadOptions {
  Bindings bindings;  // sizes that it must have
  // What the darkest and the brightest pixel become where the input is of floats.
  double pixel_low = 0, pixel_high = 1;
};

// Which of several forms nodes were given when the model was compiled.
struct Choice {
  std::string question;  // what was to be computed: operator, shapes, attributes
  std::string chosen;    // "direct", "winograd"
  // "measured", "remembered" from an earlier compilation, by "rule"; or "memory": what is faster
  // would take too much of it.
  std::string source;
  size_t nodes = 0;
  std::vector<std::pair<std::string, double>> seconds;  // of each form, where measured
  std::string machine;  // CPU, kernels and threads that were measured; "" for none
};

// What a model holds, without reading its weights.
struct Description {
  struct Port {
    std::string name, type;  // "f32[N,3,224,224]"
    std::string dtype;       // "f32"; empty when not a tensor
    bool ranked = true;
    std::vector<std::string> shape;  // "224", "N", "?"
  };
  struct Operators {
    std::string name;
    size_t nodes = 0;
  };
  struct Stored {
    std::string encoding;  // "f32", "f32 affine(i8, axis=0)"
    size_t constants = 0;
    uint64_t elements = 0, bytes = 0;
  };
  struct Constant {
    std::string name, type;
    uint64_t elements = 0, bytes = 0;
  };
  struct Symbol {
    std::string name, time;  // time: when it becomes known: model, session, call, data
  };
  struct Missing {
    std::string file;
    size_t constants = 0;
    uint64_t bytes = 0;  // that the constants take
  };

  std::string path, format, phase;              // format: "onnx", "text", "hone"
  std::string target;                           // of a compiled artefact: the kernels it is for
  uint64_t file_bytes = 0;                      // of the model file itself
  std::map<std::string, std::string> metadata;  // producer, opset …
  std::vector<Port> inputs, outputs, states;
  size_t graphs = 0, nodes = 0;
  std::vector<Operators> operators;  // most frequent first
  uint64_t parameters = 0;           // elements of the constants that are floating point or encoded
  uint64_t constant_bytes = 0;       // as stored
  std::vector<Stored> encodings;     // most bytes first
  std::vector<Symbol> symbols;
  std::vector<Constant> constants;  // named ones, in the order of the model
  std::vector<Missing> missing;     // files of weights that are not there
  std::vector<Choice> choices;      // of a compiled artefact
};

struct CleanOptions {
  // Other passes than the usual ones: "fold,merge,sweep".
  std::string pipeline;
};

struct CompileOptions {
  // "auto" (each node runs on the fastest backend that supports it), or one of `hone backends`.
  std::string backend = "auto";
  int threads = 0;  // 0: one for each CPU that the process may use

  // Where several kernels serve a node, which is taken: "never" by rule; "cached" what is
  // remembered of this CPU, else by rule; "missing" what is remembered, else measured; "always"
  // measured anew. Forms differ in rounding: results of two compilations agree within 1e-4 of the
  // largest element. Those of one executable are the same for any number of threads.
  std::string measure = "never";
  int measure_threads = 0;       // that are measured with; 0: one for each CPU
  double measure_seconds = 1.5;  // for all measurements, at most
  std::string cache;             // folder where measurements are remembered; "" for none
};

class Executable;

class Model {
 public:
  // ONNX, GGUF, a .hone artefact or the text form, told apart by content, or a Hugging Face folder.
  // Weights stay in their files, which must not change while the model is in use.
  static Result<Model> open(const std::string& path, const OpenOptions& options = {});
  static Result<Model> parse(std::string_view text, const OpenOptions& options = {});

  Description describe() const;
  // The text form; Model::parse reads it back. Constants in memory are part of it, with all their
  // elements; weights in files are not.
  std::string text() const;
  // The portable canonical form: folded, deduplicated, simplified. Same inputs, outputs, results.
  // A compiled artefact has left it behind and fails with `usage`.
  Result<Model> clean(const CleanOptions& options = {}) const;
  // Identifies the model, whatever file it lies in: SHA-256, in hexadecimal, over its text and
  // weights, as in the artefact that save() writes. Reads all weights, on so many threads: 0 for
  // one for each CPU that the process may use.
  Result<std::string> content_hash(int threads = 0) const;
  // Writes a .hone artefact, the graph and its weights in one file, atomically: a portable one, or
  // where the model was opened from a compiled one the same again. Threads as for content_hash().
  Status save(const std::string& path, int threads = 0) const;
  // Lowers the model for this machine and chooses a kernel for each node. Fails with
  // `model.unsupported_operator` when there is none, and with `backend.unavailable` where the model
  // was opened from an artefact that was compiled for other kernels.
  Result<Executable> compile(const CompileOptions& options = {}) const;

  // The value of a .npy or ONNX .pb file, checked against the type of input `index`, in every item
  // of a sequence too; of an output only kind and element type, so that shapes can be compared. An
  // input may also be a PNG image or a WAV recording of exactly the input's size: `hone help run`
  // says how their numbers become elements.
  Result<Value> load_input(size_t index, const std::string& path) const;
  Result<Value> load_input(size_t index, const std::string& path, const LoadOptions& options) const;
  Result<Value> load_output(size_t index, const std::string& path) const;
  // Values that fit the inputs, the same for the same seed: floats in [-1, 1), integers and
  // booleans 0 or 1. Sizes that nothing binds are 1.
  Result<std::vector<Value>> random_inputs(uint64_t seed, const Bindings& bindings = {}) const;
  // Position of the input of this name, or with this number; fails with `usage`.
  Result<size_t> input_index(std::string_view name) const;

  struct Impl;
  explicit Model(std::shared_ptr<const Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

struct SessionOptions {
  uint64_t seed = 0;   // of random operators
  Bindings bindings;   // of states whose size no input fixes
  bool trace = false;  // record a span for each node
};

// What the last run took.
struct Statistics {
  int64_t planned_arena_bytes = 0;   // planned for intermediate values
  int64_t measured_arena_bytes = 0;  // end of the highest byte that was in use
  size_t planned_steps = 0, dynamic_steps = 0;
  size_t specializations = 0;  // plans made so far, one for each set of input shapes
};

// Runs with states that are carried from call to call. Not safe for concurrent calls: make one for
// each thread; they share the executable.
class Session {
 public:
  // Inputs in the order of the model. Fails with `data.mismatch` when they do not fit. Where it
  // fails while running, states that are updated in their place (caches) may hold parts of what
  // they would have become: reset() or restore() them.
  Result<std::vector<Value>> run(const std::vector<Value>& inputs);
  // Inputs by name.
  Result<std::vector<Value>> run(const std::map<std::string, Value>& inputs);

  void reset();                         // states go back to their initial values
  Result<Session> fork() const;         // a copy that goes on alone
  std::vector<Value> snapshot() const;  // the states
  Status restore(const std::vector<Value>& states);

  Statistics statistics() const;
  // Writes what was recorded as a Chrome trace (chrome://tracing, Perfetto).
  Status write_trace(const std::string& path) const;

  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

 private:
  std::unique_ptr<Impl> impl_;
};

// A model bound to backends. Sessions share its kernels and constants.
class Executable {
 public:
  Result<Session> session(const SessionOptions& options = {}) const;
  // One call in a fresh session.
  Result<std::vector<Value>> run(const std::vector<Value>& inputs) const;

  struct Share {
    std::string backend;
    size_t nodes = 0;
    std::vector<std::string> operators;  // distinct, sorted
  };
  std::vector<Share> shares() const;

  // Which forms its nodes were given.
  std::vector<Choice> choices() const;

  // The kernels it runs on, "" where the backend takes models as they are.
  std::string target() const;

  // Writes a compiled .hone artefact, atomically: the lowered graph with its packed weights. It is
  // opened by mapping it, and only where the CPU has the same kernels; its metadata name the
  // content hash of the model it was made from ("portable_sha256").
  Status save(const std::string& path) const;

  struct Impl;
  explicit Executable(std::shared_ptr<const Impl> impl);

 private:
  std::shared_ptr<const Impl> impl_;
};

// How far two values are apart. Elements a and b agree when |a - b| <= absolute + relative * |b|
// (b is expected), both are NaN, or they are the same infinity; integers, booleans and strings
// only when equal.
struct Comparison {
  bool equal = false;
  std::string reason;  // when types or sizes differ
  double largest_absolute = 0, largest_relative = 0;
  int64_t different = 0, elements = 0;  // elements that do not agree; of how many
};
struct Tolerance {
  double relative = 1e-3, absolute = 1e-7;
};
Comparison compare(const Value& actual, const Value& expected, const Tolerance& tolerance = {});

}  // namespace hone::v1
