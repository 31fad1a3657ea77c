// Random calls of one operator, and the operators that they are made for.
#pragma once

#include <cmath>
#include <string_view>
#include <vector>

#include "ir/builder.h"
#include "ops/catalogue.h"
#include "support/data.h"

namespace hone::testing {

// One random call: a graph of one node, and the data it runs on.
class RandomCall {
 public:
  RandomCall(uint64_t seed)
      : random(seed), builder_(model, model.add_graph("g"), standard_catalogue()) {
    special_ = random.chance(0.1);
    loose_ = random.chance(0.4);
  }

  // An input of this shape. What the graph says of it may be less: symbols for extents, no rank.
  ValueId input(const Extents& shape, DType dtype = DType::f32, bool finite = false) {
    Dim::Bindings none;
    Datum datum = testing::random_datum(Type(dtype, Shape::of(shape)), none, random, true);
    if (special_ && dtype == DType::f32 && !finite)
      for (float& x : datum.tensor.as<float>())
        if (random.chance(0.1)) x = kSpecial[random.between(0, std::size(kSpecial) - 1)];
    return add(std::move(datum));
  }
  ValueId integers(const Extents& shape, int64_t low, int64_t high, DType dtype = DType::i64) {
    Tensor t = Tensor::make(dtype, shape).take();
    for (int64_t i = 0; i < t.count(); ++i) store_integer(t, i, random.between(low, high));
    return add(Datum(std::move(t)));
  }
  ValueId given(Datum datum) { return add(std::move(datum)); }
  ValueId known(const Integers& elements) { return builder_.integers(elements); }

  // A rank and extents that a kernel can be wrong about.
  Extents shape(int64_t least_rank, int64_t most_rank) {
    Extents shape(size_t(random.between(least_rank, most_rank)));
    for (int64_t& n : shape) n = extent();
    return shape;
  }
  int64_t extent() {
    constexpr int64_t kOdd[] = {1, 1, 2, 3, 4, 5, 7, 16, 17};
    return random.chance(0.04) ? 0 : kOdd[random.between(0, std::size(kOdd) - 1)];
  }
  // One that broadcasts with `to`: leading axes gone, extents 1.
  Extents narrowed(const Extents& to) {
    Extents shape(to.begin() + random.between(0, random.chance(0.3) ? int64_t(to.size()) : 0),
                  to.end());
    for (int64_t& n : shape)
      if (random.chance(0.25)) n = 1;
    return shape;
  }
  int64_t axis(size_t rank) { return random.between(-int64_t(rank), int64_t(rank) - 1); }
  // Of 0 … rank - 1, some counted from the end.
  Integers permutation(size_t rank) {
    Integers perm(rank);
    for (size_t i = 0; i < rank; ++i) perm[i] = int64_t(i);
    for (size_t i = rank; i > 1; --i)
      std::swap(perm[i - 1], perm[size_t(random.between(0, int64_t(i) - 1))]);
    for (int64_t& a : perm)
      if (random.chance(0.4)) a -= int64_t(rank);
    return perm;
  }
  float factor() {
    constexpr float kFactors[] = {0, -0.0f, 1, 1, -1, 0.5f, 2};
    return kFactors[random.between(0, std::size(kFactors) - 1)];
  }
  DType whole_bytes() {
    constexpr DType kTypes[] = {DType::f32, DType::i8,      DType::f16,
                                DType::i64, DType::boolean, DType::c128};
    return kTypes[random.between(0, std::size(kTypes) - 1)];
  }

  // False where inference refuses the call.
  bool emit(std::string_view op, std::vector<ValueId> inputs, Builder::Given attrs = {},
            size_t outputs = 1) {
    const auto made = builder_.emit(op, std::move(inputs), std::move(attrs), outputs);
    for (size_t i = 0; made && i < outputs; ++i)
      builder_.graph().add_output("y" + std::to_string(i), (*made)[i]);
    return made.ok();
  }

  Random random;
  Model model;
  std::vector<Datum> data;

 private:
  static constexpr float kSpecial[] = {INFINITY, -INFINITY, NAN, 0, -0.0f};

  ValueId add(Datum datum) {
    Type type = datum.type();
    if (loose_ && random.chance(0.2)) {
      type.tensor.shape = Shape::unranked();
    } else if (loose_) {
      for (Dim& d : type.tensor.shape.dims) {
        if (!random.chance(0.4)) continue;
        // A symbol of its own: one that two axes share would promise that they are equal.
        const std::string name = "s" + std::to_string(model.symbols.size());
        model.add_symbol(name, BindingTime::call);
        d = random.chance(0.3) ? Dim::unknown() : Dim::symbol(name);
      }
    }
    const ValueId v =
        builder_.graph().add_input("x" + std::to_string(data.size()), std::move(type));
    data.push_back(std::move(datum));
    return v;
  }

  Builder builder_;
  bool special_ = false, loose_ = false;
};

// How to make a call of an operator; false where inference refuses it.
struct Subject {
  std::string_view op;
  bool (*make)(RandomCall& c, std::string_view op);
};
inline std::ostream& operator<<(std::ostream& out, const Subject& s) { return out << s.op; }

// Those of element-wise kernels, reductions and normalizations; of kernels that move elements;
// of kernels on quantized tensors.
std::vector<Subject> computing_subjects();
std::vector<Subject> moving_subjects();
std::vector<Subject> quantized_subjects();
// Of the kernels of language models.
std::vector<Subject> language_subjects();

}  // namespace hone::testing
