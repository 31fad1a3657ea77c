// Tests of the pass `collect`.
#include <gtest/gtest.h>

#include <cstring>

#include "base/scratch_folder.h"
#include "ir/builder.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"

namespace hone {
namespace {

// A model with constants in a file of 100 kB.
class Collect : public testing::Test {
 protected:
  Collect() {
    std::string bytes(100'000, 'x');
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = char(i * 7 % 251);
    folder_.write("weights", bytes);
    const auto file =
        std::make_shared<const MappedFile>(MappedFile::open(folder_ / "weights").take());
    model_.sources.push_back({.name = "weights", .mapped = file, .size = file->size()});
    model_.add_graph("main");
  }
  ConstantId add(std::string name, uint64_t offset, uint64_t bytes) {
    Constant constant;
    constant.name = std::move(name);
    constant.type = {DType::f32, Shape::of({int64_t(bytes / 4)}), {}};
    constant.data = Constant::Span{0, offset, bytes};
    const ConstantId id = model_.add_constant(std::move(constant));
    Builder builder(model_, GraphId{0}, standard_catalogue());
    builder.graph().add_output(model_.constants[id.index].name, builder.constant(id));
    return id;
  }
  std::string bytes_of(ConstantId id) const {
    const auto bytes = model_.stored(id);
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }
  uint32_t source_of(ConstantId id) const {
    return std::get<Constant::Span>(model_.constants[id.index].data).source;
  }
  void collect() { EXPECT_TRUE(run_pipeline(model_, "collect", standard_catalogue(), Limits())); }

  ScratchFolder folder_;
  Model model_;
};

TEST_F(Collect, SmallConstantsMoveAndKeepTheirBytes) {
  const ConstantId odd = add("odd", 13, 400), large = add("large", 1000, 40'000),
                   other = add("other", 50'000, 1024), none = add("none", 99, 0);
  const std::string expected[] = {bytes_of(odd), bytes_of(large), bytes_of(other)};
  collect();
  EXPECT_EQ(source_of(large), 0u);
  EXPECT_EQ(source_of(none), 0u);
  ASSERT_EQ(model_.sources.size(), 2u);
  EXPECT_EQ(source_of(odd), 1u);
  EXPECT_EQ(source_of(other), 1u);
  EXPECT_EQ(bytes_of(odd), expected[0]);
  EXPECT_EQ(bytes_of(large), expected[1]);
  EXPECT_EQ(bytes_of(other), expected[2]);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(model_.stored(odd)->data()) % 64, 0u);
  collect();  // nothing is left to do
  EXPECT_EQ(model_.sources.size(), 2u);
}

TEST_F(Collect, WhatSharesBytesGoesOnSharingThem) {
  const ConstantId a = add("a", 64, 800), b = add("b", 64, 800), c = add("c", 64, 400);
  collect();
  EXPECT_EQ(model_.stored(a)->data(), model_.stored(b)->data());
  EXPECT_EQ(bytes_of(c), bytes_of(a).substr(0, 400));
  EXPECT_EQ(model_.sources[1].size, 832u + 448u);
}

}  // namespace
}  // namespace hone
