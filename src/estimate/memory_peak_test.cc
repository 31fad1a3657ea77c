// What makes the peak of an arena, and that what would lower it is what planning finds.
#include "estimate/memory_peak.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "estimate/analysis.h"
#include "estimate/arena_blocks.h"
#include "estimate/bands.h"
#include "estimate/partition.h"
#include "estimate/reorder.h"
#include "support/programs.h"

namespace hone::estimate {
namespace {

using testing::inputs_of;
using testing::kNetworks;
using testing::types_of;

Workload work_of(const std::shared_ptr<const Program>& program) {
  auto work = workload_of(program, types_of(inputs_of(*program)), {});
  EXPECT_TRUE(work.ok()) << describe(work.error());
  return work ? work.take() : Workload();
}
Workload work_of(std::string_view text) { return work_of(testing::program_of(text)); }

const Remedy* remedy(const MemoryPeak& peak, std::string_view kind) {
  const auto it = std::ranges::find(peak.remedies, kind, &Remedy::kind);
  return it == peak.remedies.end() ? nullptr : &*it;
}

// What is planned again as it stands gives the arena that there is.
TEST(ArenaBlocks, PlannedAgain) {
  for (const char* text : kNetworks) {
    SCOPED_TRACE(text);
    for (const Workload& work : {work_of(testing::program_of(text, {"clean"})),
                                 work_of(testing::lowered_program_of(text))}) {
      const auto blocks = blocks_of(work);
      EXPECT_EQ(planned(blocks).arena_bytes, work.arena_bytes);
      EXPECT_EQ(planned(blocks).peak_live_bytes, work.peak_live_bytes);
    }
  }
}

TEST(MemoryPeak, NamesWhatIsAlive) {
  const Workload work = work_of(R"(
      graph main(x: f32[4,64], v: f32[64,256], w: f32[256,16]) -> (y) {
        small = transpose(x) <perm=[1, 0]>
        back = transpose(small) <perm=[1, 0]>
        large = matmul(back, v)
        less = matmul(large, w)
        y = neg(less)
      })");
  const MemoryPeak peak = memory_peak(work);
  EXPECT_EQ(peak.step, 2u);
  EXPECT_EQ(peak.live_bytes, 4 * (4 * 64 + 4 * 256));
  ASSERT_EQ(peak.tensors.size(), 2u);
  EXPECT_EQ(peak.tensors[0].name, "large");
  EXPECT_EQ(peak.tensors[0].bytes, 4 * 4 * 256);
  EXPECT_EQ(peak.tensors[0].first, 2u);
  EXPECT_EQ(peak.tensors[0].last, 3u);
  EXPECT_EQ(peak.tensors[1].name, "back");
  EXPECT_EQ(peak.least_any_order_bytes, peak.live_bytes);
  EXPECT_FALSE(remedy(peak, "order"));  // there is no other
  // All is of 32 bits, and a multiple of 64 bytes.
  const Remedy* half = remedy(peak, "activations_16_bit");
  ASSERT_TRUE(half);
  EXPECT_EQ(half->arena_bytes, work.arena_bytes / 2);
  EXPECT_EQ(half->total_bytes, memory_of(work).total() - work.arena_bytes / 2);
  EXPECT_FALSE(remedy(peak, "weights_16_bit"));  // the weights are inputs
}

// What is written over lies there once, whoever is alive at the peak.
TEST(MemoryPeak, TensorsAddUpToWhatIsAlive) {
  for (const char* text : kNetworks)
    for (const Workload& work : {work_of(testing::program_of(text, {"clean"})),
                                 work_of(testing::lowered_program_of(text))}) {
      SCOPED_TRACE(text);
      const MemoryPeak peak = memory_peak(work);
      int64_t bytes = 0;
      for (const LiveTensor& t : peak.tensors) bytes += t.shares ? 0 : t.bytes;
      EXPECT_EQ(bytes, peak.live_bytes);
    }
}

// Two branches that grow and shrink again: one after the other they need one large tensor.
TEST(MemoryPeak, AnotherOrder) {
  const Workload work = work_of(R"(
      graph main(x: f32[1,16], v: f32[16,1024], w: f32[1024,16]) -> (y) {
        t = softmax(x) <axis=-1>
        a = matmul(t, v)
        b = matmul(t, v)
        c = matmul(a, w)
        d = matmul(b, w)
        y = matmul(c, transpose(d) <perm=[1, 0]>)
      })");
  const MemoryPeak peak = memory_peak(work);
  const Remedy* order = remedy(peak, "order");
  ASSERT_TRUE(order);
  EXPECT_LT(order->arena_bytes, 4 * (1024 + 5 * 16) + 64);
  EXPECT_GE(order->arena_bytes, peak.least_any_order_bytes);
  EXPECT_GT(work.arena_bytes, 2 * 4 * 1024);
  const Order found = reordered(work, blocks_of(work));
  EXPECT_EQ(found.arena_bytes, order->arena_bytes);
  // Every step once, and none before what it needs.
  std::vector<int32_t> at(work.steps.size(), -1);
  for (size_t i = 0; i < found.steps.size(); ++i) at[size_t(found.steps[i])] = int32_t(i);
  EXPECT_EQ(std::ranges::count(at, -1), 0);
  const Graph& graph = work.program->model().main();
  std::vector<int32_t> made(graph.value_count(), -1);
  for (size_t s = 0; s < work.steps.size(); ++s)
    for (const ValueId v : graph[work.steps[s].node].outputs) made[v.index] = at[s];
  for (size_t s = 0; s < work.steps.size(); ++s)
    for (const ValueId v : graph[work.steps[s].node].inputs) EXPECT_LT(made[v.index], at[s]);
}

// Plain loops never write over an input.
TEST(MemoryPeak, InPlace) {
  const Workload work = work_of(R"(
      graph main(x: f32[64,64]) -> (y) {
        a = transpose(x) <perm=[1, 0]>
        b = neg(a)
        c = exp(b)
        y = transpose(c) <perm=[1, 0]>
      })");
  EXPECT_EQ(work.arena_bytes, 2 * 4 * 64 * 64);
  const MemoryPeak peak = memory_peak(work);
  const Remedy* in_place = remedy(peak, "in_place");
  ASSERT_TRUE(in_place);
  EXPECT_EQ(in_place->arena_bytes, 4 * 64 * 64);
  EXPECT_TRUE(in_place->what.starts_with("2 more")) << in_place->what;
}

TEST(MemoryPeak, FusedByBands) {
  const auto program = testing::lowered_program_of(R"(
      graph main(x: f32[1,8,32,32]) -> (y) {
        a = relu(conv(x, expand(f32{0.02}, i64[4]{32, 8, 3, 3})) <kernel_shape=[3, 3], pads=[1, 1, 1, 1]>)
        b = relu(conv(a, expand(f32{0.02}, i64[4]{8, 32, 3, 3})) <kernel_shape=[3, 3], pads=[1, 1, 1, 1]>)
        y = max_pool(b) <kernel_shape=[2, 2], strides=[2, 2]>
      })");
  const Workload work = work_of(program);
  const MemoryPeak peak = memory_peak(work);
  const Remedy* fuse = remedy(peak, "fuse");
  ASSERT_TRUE(fuse);
  EXPECT_LT(fuse->arena_bytes, work.arena_bytes);
  EXPECT_NE(fuse->what.find("at a time"), std::string::npos);
  size_t windows = 0;
  for (const Step& s : work.steps) {
    if (s.op->name != "channels_last_conv" || s.in->front().type->tensor.shape.dims.back() != 32)
      continue;
    ++windows;
    EXPECT_EQ(band_bytes(s, program->model()), 4 * 3 * 32 * 32);
  }
  EXPECT_EQ(windows, 1u);
}

TEST(MemoryPeak, NothingToLower) {
  const Workload work = work_of("graph main(x: f32[4]) -> (y) { y = neg(x) }");
  const MemoryPeak peak = memory_peak(work);
  EXPECT_TRUE(peak.tensors.empty());
  EXPECT_TRUE(peak.remedies.empty());
  EXPECT_EQ(peak.live_bytes, 0);
}

TEST(MemoryPeak, RemediesAreInOrderAndLower) {
  for (const char* text : kNetworks) {
    const Workload work = work_of(testing::lowered_program_of(text));
    MemoryPeak peak = memory_peak(work);
    const int64_t total = memory_of(work).total();
    add_remedy(peak, work, {"batch", "more", 0, total});
    EXPECT_FALSE(remedy(peak, "batch"));
    add_remedy(peak, work, {"batch", "all but nothing", 0, 1});
    EXPECT_EQ(peak.remedies.front().kind, "batch");
    EXPECT_TRUE(std::ranges::is_sorted(peak.remedies, {}, &Remedy::total_bytes));
    EXPECT_LT(peak.remedies.back().total_bytes, total);
  }
}

TEST(Partition, StepsKnowWhatTheyStandFor) {
  const Workload work = work_of(testing::lowered_program_of(R"(
      graph main(x: f32[2,8]) -> (y) {
        p = matmul(x, expand(f32{0.5}, i64[2]{8, 4})) from "/product"
        q = add(p, expand(f32{1}, i64[1]{4})) from "/bias"
        y = relu(q) from "/relu"
      })"));
  const auto groups = partition_of(work);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].op, "linear");
  EXPECT_EQ(groups[0].with, "bias, relu");
  auto sources = groups[0].sources;
  std::ranges::sort(sources);
  EXPECT_EQ(sources, (std::vector<std::string>{"/bias", "/product", "/relu"}));
  EXPECT_EQ(sources_of(groups), 3u);
  ASSERT_EQ(largest_groups(groups, 5).size(), 1u);
}

}  // namespace
}  // namespace hone::estimate
