// What a worker says of its outputs is not believed.
#include "measure/benchmark.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hone::measure {
namespace {

// Two outputs of six floats are expected; 64 bytes are shared.
Result<std::vector<NamedTensor>> outputs(std::string_view tensors) {
  const auto memory = workers::SharedMemory::make(64).take();
  std::vector<NamedTensor> expected;
  for (int i = 0; i < 2; ++i) expected.push_back({"y", Tensor::make(DType::f32, {2, 3}).take()});
  Ledger ledger{Limits()};
  const auto reply = JsonDocument::parse("{\"outputs\": [" + std::string(tensors) + "]}", ledger);
  if (!reply) return reply.error();
  return outputs_in(reply->root(), memory, expected);
}

std::string tensor(std::string_view dtype, std::string_view shape, std::string_view offset,
                   std::string_view bytes) {
  return fmt::format(R"({{"name": "y", "dtype": "{}", "shape": [{}], "offset": {}, "bytes": {}}})",
                     dtype, shape, offset, bytes);
}

TEST(Outputs, LieInTheSharedMemory) {
  const auto read = outputs(tensor("f32", "2, 3", "40", "24"));
  ASSERT_TRUE(read.ok()) << describe(read.error());
  EXPECT_EQ((*read)[0].tensor.shape(), (std::vector<int64_t>{2, 3}));
  for (const std::string& lie :
       {tensor("f32", "2, 3", "48", "24"), tensor("f32", "2, 3", "18446744073709551600", "24"),
        tensor("f32", "2, 3", "0", "32"), tensor("f32", "2, 3", "0", "20"),
        tensor("f32", "2, -3", "0", "24"), tensor("f32", "4294967296, 4294967296", "0", "24"),
        tensor("string", "1", "0", "24"), tensor("f33", "2, 3", "0", "24")})
    EXPECT_FALSE(outputs(lie).ok()) << lie;
  const std::string one = tensor("f32", "2, 3", "0", "24");
  EXPECT_TRUE(outputs(one + "," + one).ok());
  EXPECT_FALSE(outputs(one + "," + one + "," + one).ok());
}

}  // namespace
}  // namespace hone::measure
