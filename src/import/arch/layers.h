// The parts that encoders are built of: products, norms, activations, and whole stacks of layers.
#pragma once

#include <string>

#include "import/arch/encoder.h"
#include "import/arch/weights.h"
#include "ir/builder.h"

namespace hone::arch {

class Layers {
 public:
  Layers(Builder& b, Weights& weights) : b_(b), weights_(weights) {}

  // x [.., in] times the transpose of the weight [out, in], and the bias where there is one.
  Result<ValueId> product(ValueId x, const std::string& name, int64_t in, int64_t out);
  Result<ValueId> norm(ValueId x, const std::string& name, int64_t size, double epsilon);
  Result<ValueId> activate(ValueId x, Activation activation);
  // Element `at` of the second axis of x [N, L, W]: [N, W].
  Result<ValueId> row(ValueId x, int64_t at);
  // Where `mask` [N, L] is not 0, as attention takes it: bool [N, 1, 1, L].
  Result<ValueId> seen(ValueId mask);
  // All layers. `mask` is what attention takes; none for no mask.
  Result<ValueId> stack(ValueId x, const StackConfig& config, const LayerNames& names,
                        ValueId mask);

 private:
  Result<ValueId> layer(ValueId x, const StackConfig& config, const LayerNames& names,
                        int64_t number, ValueId mask);
  Result<ValueId> attention(ValueId x, const StackConfig& config, const LayerNames& names,
                            int64_t number, ValueId mask);
  Result<ValueId> feed_forward(ValueId x, const StackConfig& config, const LayerNames& names,
                               int64_t number);

  Builder& b_;
  Weights& weights_;
};

}  // namespace hone::arch
