// Times products and convolutions in hone and in oneDNN, whose weights are packed as it likes them
// best too, in turn (A B A B): which of the two serves a class of shapes better?
//
//   apt-get install libdnnl-dev
//   cmake --preset release && cmake --build build/release --target hone_bench_onednn
//   build/release/hone_bench_onednn [THREADS]
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <dnnl.hpp>
#include <memory>
#include <string>
#include <vector>

#include "api/random_input.h"
#include "backends/backends.h"
#include "measure/operator_model.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/session.h"

namespace hone {
namespace {

using Numbers = std::vector<int64_t>;

struct Case {
  std::string what, op;
  Numbers dims;  // as operator_model() takes them
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"product, 128 rows", "gemm", {128, 768, 768}},
      {"product, 128 rows", "gemm", {128, 3072, 768}},
      {"product, 128 rows", "gemm", {128, 768, 3072}},
      {"product, 512 rows", "gemm", {512, 768, 768}},
      {"product, 64 rows", "gemm", {64, 3072, 768}},
      {"product, few rows", "gemm", {1, 3072, 768}},
      {"product, few rows", "gemm", {4, 3072, 768}},
      {"first layer", "conv", {1, 3, 224, 224, 64, 7, 2}},
      {"1 x 1", "conv", {1, 64, 56, 56, 256, 1}},
      {"1 x 1", "conv", {1, 256, 56, 56, 64, 1}},
      {"1 x 1", "conv", {1, 1024, 14, 14, 256, 1}},
      {"1 x 1, few channels", "conv", {1, 16, 112, 112, 96, 1}},
      {"3 x 3, stride 1", "conv", {1, 64, 56, 56, 64, 3}},
      {"3 x 3, stride 1", "conv", {1, 256, 14, 14, 256, 3}},
      {"3 x 3, stride 1", "conv", {1, 512, 7, 7, 512, 3}},
      {"3 x 3, stride 2", "conv", {1, 128, 56, 56, 128, 3, 2}},
      {"depthwise", "depthwise", {1, 144, 56, 56, 3}},
      {"depthwise", "depthwise", {1, 576, 14, 14, 3}},
  };
  return all;
}

double seconds(const std::function<void()>& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// One case in hone, through the lowering and the executor.
class Ours {
 public:
  Ours(const Case& c, ThreadPool& pool) {
    const Limits limits;
    auto model = std::make_shared<Model>(
        measure::operator_model(c.op, fmt::format("{}", fmt::join(c.dims, "x")), limits).take());
    const Backend& backend = *backends_for("cpu").take()[0];
    for (const std::string& pipeline : {std::string("clean"), backend.lowering()})
      run_pipeline(*model, pipeline, standard_catalogue(), limits, {.pool = &pool}).take();
    const Graph& graph = model->main();
    inputs_.push_back(random_datum(graph[graph.inputs[0]].type, 1, {}, limits).take());
    program_ = Program::make(std::move(model), backends_for("cpu").take(), limits).take();
    session_ = std::make_unique<Session>(program_, pool);
  }
  void run() { session_->run(inputs_).take(); }

 private:
  std::shared_ptr<const Program> program_;
  std::unique_ptr<Session> session_;
  std::vector<Datum> inputs_;
};

// The same in oneDNN, data with channels last as hone keeps them.
class Theirs {
 public:
  Theirs(const Case& c) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    if (c.op == "gemm")
      make_product(c.dims);
    else
      make_convolution(c.dims, c.op == "depthwise");
  }
  void run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  using Memory = dnnl::memory;
  using Tag = Memory::format_tag;
  static constexpr auto kF32 = Memory::data_type::f32;
  static constexpr auto kInference = dnnl::prop_kind::forward_inference;

  void make_product(const Numbers& d) {
    const dnnl::inner_product_forward::primitive_desc made(
        {kInference, Memory::desc({d[0], d[2]}, kF32, Tag::ab),
         Memory::desc({d[1], d[2]}, kF32, Tag::any), Memory::desc({d[0], d[1]}, kF32, Tag::ab)},
        engine_);
    primitive_ = dnnl::inner_product_forward(made);
    arguments_ = {{DNNL_ARG_SRC, filled(made.src_desc())},
                  {DNNL_ARG_WEIGHTS, filled(made.weights_desc())},
                  {DNNL_ARG_DST, filled(made.dst_desc())}};
  }

  void make_convolution(const Numbers& d, bool depthwise) {
    const int64_t channels = d[1], filters = depthwise ? channels : d[4];
    const int64_t size = d[depthwise ? 4 : 5], before = (size - 1) / 2, after = size / 2;
    const size_t last = depthwise ? 5 : 6;
    const int64_t stride = d.size() > last ? d[last] : 1;
    const auto out = [&](int64_t in) { return (in + before + after - size) / stride + 1; };
    const Memory::dims weights = depthwise ? Memory::dims{channels, 1, 1, size, size}
                                           : Memory::dims{filters, channels, size, size};
    const dnnl::convolution_forward::primitive_desc made(
        {kInference,
         dnnl::algorithm::convolution_auto,
         Memory::desc({d[0], channels, d[2], d[3]}, kF32, Tag::nhwc),
         Memory::desc(weights, kF32, Tag::any),
         Memory::desc({d[0], filters, out(d[2]), out(d[3])}, kF32, Tag::nhwc),
         {stride, stride},
         {before, before},
         {after, after}},
        engine_);
    primitive_ = dnnl::convolution_forward(made);
    arguments_ = {{DNNL_ARG_SRC, filled(made.src_desc())},
                  {DNNL_ARG_WEIGHTS, filled(made.weights_desc())},
                  {DNNL_ARG_DST, filled(made.dst_desc())}};
  }

  Memory filled(const Memory::desc& desc) {
    Memory memory(desc, engine_);
    auto* data = static_cast<float*>(memory.get_data_handle());
    for (size_t i = 0; i < desc.get_size() / sizeof(float); ++i)
      data[i] = float(i % 17) / 16 - 0.5f;
    return memory;
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::unordered_map<int, Memory> arguments_;
};

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + ptrdiff_t(values.size() / 2));
  return values[values.size() / 2];
}

void measure_case(const Case& c, ThreadPool& pool) {
  Ours ours(c, pool);
  Theirs theirs(c);
  const auto run = [](auto& side, int n) {
    return seconds([&] {
             for (int i = 0; i < n; ++i) side.run();
           }) /
           n;
  };
  run(theirs, 3);
  const double once = run(ours, 3);
  const int n = std::clamp(int(0.01 / once), 1, 1000);
  std::vector<double> a, b, ratios;
  constexpr int kRounds = 15;
  for (int round = 0; round < kRounds; ++round) {
    a.push_back(run(ours, n));
    b.push_back(run(theirs, n));
    ratios.push_back(a.back() / b.back());
  }
  fmt::print("| {} | {} | {:.0f} | {:.0f} | {:.2f} |\n", c.what, fmt::join(c.dims, " x "),
             median(a) * 1e6, median(b) * 1e6, median(ratios));
}

}  // namespace
}  // namespace hone

int main(int argc, char** argv) {
  const char* threads = argc > 1 ? argv[1] : "1";
  // oneDNN's threads are counted when it is loaded; they are to leave the cores when it is done.
  if (const char* set = std::getenv("OMP_NUM_THREADS"); !set || std::string_view(set) != threads) {
    setenv("OMP_NUM_THREADS", threads, 1);
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", argv);
  }
  hone::ThreadPool pool(std::atoi(threads));
  const dnnl_version_t* version = dnnl_version();
  fmt::print(
      "oneDNN {}.{}.{}, {} threads\n\n| class | sizes | hone, us | oneDNN, us | ratio |\n"
      "|---|---|---|---|---|\n",
      version->major, version->minor, version->patch, threads);
  for (const auto& c : hone::cases()) hone::measure_case(c, pool);
}
