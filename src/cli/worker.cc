// `hone worker`: runs one model for another process, as src/workers/protocol.h says.
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <optional>

#include "base/process.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "workers/protocol.h"
#include "workers/shared_memory.h"

namespace hone::cli {
namespace {

using workers::TensorSpan;

constexpr uint64_t kAlignment = 64;  // of tensors in the shared memory

class Service {
 public:
  explicit Service(workers::SharedMemory memory) : memory_(std::move(memory)) {}

  // The reply to a request, which is an error where it cannot be done.
  std::string answer(const std::string& request) {
    std::string reply;
    JsonWriter json(reply, 0);
    json.begin_object();
    const Status done = dispatch(request, json);
    if (done) {
      json.end_object();
      return reply;
    }
    reply.clear();
    JsonWriter refusal(reply, 0);
    refusal.begin_object();
    refusal.member("error", done.error().message);
    refusal.end_object();
    return reply;
  }

 private:
  Status dispatch(const std::string& text, JsonWriter& json) {
    Ledger ledger{Limits()};
    const JsonDocument document = TRY(JsonDocument::parse(text, ledger));
    const Json request = document.root();
    const std::string_view call = TRY(TRY(request.get("call")).as_string());
    if (call == "hello") return hello(json);
    if (call == "open") return open_model(request, json);
    if (call == "feed") return feed(request);
    if (call == "run") return run_once(request, json);
    if (call == "bench") return bench(request, json);
    if (call == "memory") {
      json.member("peak_memory_bytes", peak_memory_bytes());
      json.member("resident_memory_bytes", resident_memory_bytes());
      return ok();
    }
    return fail(ErrorId::usage, "a worker does not know the call '" + printable(call) + "'");
  }

  static Status hello(JsonWriter& json) {
    json.member("engine", "hone");
    json.member("version", v1::version());
    json.member("protocol", workers::kProtocol);
    json.member("idle_memory_bytes", peak_memory_bytes());
    return ok();
  }

  Status open_model(const Json& request, JsonWriter& json) {
    const std::string path(TRY(TRY(request.get("path")).as_string()));
    const int64_t threads = TRY(TRY(request.get("threads")).as_int64());
    const auto begin = std::chrono::steady_clock::now();
    OpenOptions options;
    if (TRY(TRY(request.get("follow_links")).as_bool())) options.links = Links::follow;
    for (const LimitInfo& limit : all_limits())
      options.limits.*limit.field =
          TRY(TRY(TRY(request.get("limits")).get(limit.name)).as_uint64());
    v1::Model model = TRY(open(path, options));
    const v1::Description description = model.describe();
    if (description.target.empty()) model = TRY(from(model.clean()));
    v1::CompileOptions compiling{.threads = static_cast<int>(threads), .measure = "cached"};
    if (const auto folder = request.find("measurements"))
      compiling.cache = TRY(folder->as_string());
    const auto executable = TRY(from(model.compile(compiling)));
    session_.emplace(TRY(from(executable.session())));
    json.member("load_s", seconds_since(begin));
    json.key("inputs");
    json.begin_array();
    for (const auto& port : description.inputs) {
      TensorSpan tensor{port.name, port.dtype, {}, 0, 0};
      for (const std::string& extent : port.shape) {
        const bool known = extent.find_first_not_of("0123456789") == std::string::npos;
        tensor.shape.push_back(known && !extent.empty() ? std::stoll(extent) : -1);
      }
      workers::write(json, tensor);
    }
    json.end_array();
    for (const auto& port : description.outputs) outputs_.push_back(port.name);
    return ok();
  }

  Status feed(const Json& request) {
    inputs_.clear();
    for (const TensorSpan& t : TRY(workers::read_tensors(request, "inputs"))) {
      const auto bytes = TRY(memory_.part(t.offset, t.bytes));
      std::optional<v1::DType> dtype;
      for (int d = 0; d <= int(v1::DType::string); ++d)
        if (v1::name(v1::DType(d)) == t.dtype) dtype = v1::DType(d);
      if (!dtype) return fail(ErrorId::bad_data, "there is no dtype " + printable(t.dtype));
      inputs_.emplace(t.name, TRY(from(v1::Value::tensor(*dtype, t.shape, bytes))));
    }
    return ok();
  }

  Result<std::vector<v1::Value>> run() {
    if (!session_) return fail(ErrorId::usage, "no model is open");
    return TRY(from(session_->run(inputs_)));
  }

  Status run_once(const Json& request, JsonWriter& json) {
    uint64_t at = TRY(TRY(request.get("room")).as_uint64());
    const auto begin = std::chrono::steady_clock::now();
    const std::vector<v1::Value> values = TRY(run());
    json.member("first_s", seconds_since(begin));
    json.key("outputs");
    json.begin_array();
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i].kind() != v1::Value::Kind::tensor || values[i].dtype() == v1::DType::string)
        return fail(ErrorId::unsupported_feature,
                    "output '" + printable(outputs_[i]) + "' is no tensor of numbers");
      const auto bytes = values[i].bytes();
      const auto room = TRY(memory_.part(at, bytes.size()));
      std::memcpy(room.data(), bytes.data(), bytes.size());
      workers::write(json, {outputs_[i], std::string(v1::name(values[i].dtype())),
                            values[i].shape(), at, bytes.size()});
      at += (bytes.size() + kAlignment - 1) / kAlignment * kAlignment;
    }
    json.end_array();
    return ok();
  }

  Status bench(const Json& request, JsonWriter& json) {
    const uint64_t least = TRY(TRY(request.get("samples")).as_uint64());
    const uint64_t runs = TRY(TRY(request.get("runs")).as_uint64());
    const double seconds = TRY(TRY(request.get("seconds")).as_double());
    std::vector<int64_t> wall, cpu, switches;
    const auto first = std::chrono::steady_clock::now();
    const auto enough = [&] {
      return wall.size() >= least &&
             (seconds_since(first) >= seconds || wall.size() >= workers::kMostSamples);
    };
    while (!enough()) {
      const ProcessUsage before = process_usage();
      const auto begin = std::chrono::steady_clock::now();
      for (uint64_t i = 0; i < runs; ++i) TRY(run());
      const auto end = std::chrono::steady_clock::now();
      const ProcessUsage after = process_usage();
      wall.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(end - begin).count());
      cpu.push_back(std::llround((after.cpu_s - before.cpu_s) * 1e9));
      switches.push_back(after.involuntary_switches - before.involuntary_switches);
    }
    for (const auto& [name, values] :
         {std::pair("samples_ns", &wall), {"cpu_ns", &cpu}, {"switches", &switches}}) {
      json.key(name);
      json.begin_array();
      for (const int64_t value : *values) json.value(value);
      json.end_array();
    }
    return ok();
  }

  workers::SharedMemory memory_;
  std::optional<v1::Session> session_;
  std::map<std::string, v1::Value> inputs_;
  std::vector<std::string> outputs_;
};

Result<int> run(const Arguments&) {
  auto memory = workers::SharedMemory::of(workers::kSharedDescriptor);
  if (!memory)
    return fail(ErrorId::usage, "a worker is started by hone: descriptor 3 holds no shared memory");
  Service service(memory.take());
  workers::FrameBuffer buffer;
  while (const auto request = TRY(workers::receive(STDIN_FILENO, buffer)))
    TRY(workers::send(STDOUT_FILENO, service.answer(*request)));
  return 0;
}

}  // namespace

const Command& worker_command() {
  static const Command command{
      .name = "worker",
      .summary = "Run a model for another process; `hone benchmark` starts these.",
      .examples = "$ hone benchmark model.onnx",
      .details =
          "Reads requests from standard input and writes replies to standard output, each a length "
          "of\n4 bytes and so many bytes of JSON; tensors lie in shared memory, descriptor 3.",
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
