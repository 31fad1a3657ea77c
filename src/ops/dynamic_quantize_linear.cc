// Quantization to u8 with a scale found from the data.
#include <algorithm>
#include <cmath>

#include "ops/quantization.h"

namespace hone {

const OpDef& dynamic_quantize_linear_op() {
  static const OpDef def{
      .name = "dynamic_quantize_linear",
      .doc =
          "y = saturate(round(x / scale) + zero_point) in u8, where the range of x, extended "
          "to hold 0, is divided into 255 steps: scale [] in f32 (1 for a range of 0) and "
          "zero_point [] in u8. `range` [2] is that of x, where it is known before.",
      .inputs = {{"x", DType::f32}, {"range", DType::f32, 0, Port::Presence::optional}},
      .outputs = {{"y", DType::u8},
                  {"scale", DType::f32, 0, Port::Presence::optional},
                  {"zero_point", DType::u8, 0, Port::Presence::optional}},
      .infer = [](const Infer& c) -> Result<Types> {
        if (c.has(1)) TRY(expect_vector(c, 1, Dim(2)));
        Types types{Type(DType::u8, c.shape(0)), Type(DType::f32, Shape()),
                    Type(DType::u8, Shape())};
        types.resize(std::max<size_t>(1, c.outputs()));
        return types;
      },
      .cost = elementwise_cost<4>,
      .reference = [](Call& c) -> Status {
        const std::span<const float> x = c.in(0).as<float>();
        Tensor& y = *TRY(c.out(0));
        float least = 0, most = 0;
        if (c.has(1)) least = c.in(1).as<float>()[0], most = c.in(1).as<float>()[1];
        for (float v : c.has(1) ? std::span<const float>() : x) {
          least = std::min(least, v);
          most = std::max(most, v);
        }
        const float scale = most == least ? 1.0f : (most - least) / 255.0f;
        const int64_t zero = requantize(DType::u8, -least / scale, 0);
        for (size_t i = 0; i < x.size(); ++i)
          store_integer(y, int64_t(i), requantize(DType::u8, x[i] / scale, zero));
        if (c.outputs() > 1) store_real(*TRY(c.out(1)), 0, scale);
        if (c.outputs() > 2) store_integer(*TRY(c.out(2)), 0, zero);
        return ok();
      },
  };
  return def;
}

}  // namespace hone
