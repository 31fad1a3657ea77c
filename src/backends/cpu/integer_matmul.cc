// Products of matrices of bytes that are both computed, with batches: into 32 bits, or quantized
// again.
#include <algorithm>
#include <functional>

#include "backends/cpu/cpu.h"
#include "backends/cpu/integer_pairs.h"
#include "backends/cpu/integer_products.h"
#include "kernels/quantization/quantization.h"
#include "ops/quantization.h"

namespace hone::cpu {
namespace {

// Which inputs are the operands and their zero points.
struct Operands {
  size_t a, a_zero, b, b_zero;
};

// The products of a batch, one after the other.
class Batch {
 public:
  Batch(const Call& c, const Operands& in) : in_(in) {
    a_shape_ = c.in(in.a).shape(), b_shape_ = c.in(in.b).shape();
    if (a_shape_.size() == 1) a_shape_.insert(a_shape_.begin(), 1);
    if (b_shape_.size() == 1) b_shape_.push_back(1);
    m = a_shape_.end()[-2], k = a_shape_.back(), n = b_shape_.back();
    const Extents a(a_shape_.begin(), a_shape_.end() - 2), b(b_shape_.begin(), b_shape_.end() - 2);
    Extents batch(std::max(a.size(), b.size()), 1);
    for (const Extents* e : {&a, &b})
      for (size_t i = 0; i < e->size(); ++i)
        if ((*e)[i] != 1) batch[batch.size() - e->size() + i] = (*e)[i];
    Odometer at(batch, {broadcast_strides(a, batch), broadcast_strides(b, batch)});
    if (at.empty()) return;
    do places_.push_back({at.offset(0), at.offset(1)});
    while (at.next());
    // A batch against one matrix is one product with more rows.
    const auto rows_of = [&](const Place& p) { return p.a == &p - places_.data(); };
    if (places_.size() > 1 && std::ranges::all_of(places_, [](auto& p) { return p.b == 0; }) &&
        std::ranges::all_of(places_, rows_of)) {
      period_ = m;
      m *= int64_t(places_.size());
      places_.resize(1);
    }
  }
  int64_t m = 0, k = 0, n = 0;
  int64_t count() const { return int64_t(places_.size()); }

  BytePair pair(const Call& c, const uint8_t* a, int64_t i) const {
    const Place& at = places_[size_t(i)];
    BytePair p;
    p.a = a + at.a * m * k;
    p.a_signed = c.dtype(in_.a) == DType::i8;
    p.b = c.in(in_.b).data() + at.b * k * n;
    p.b_signed = c.dtype(in_.b) == DType::i8;
    p.m = m, p.k = k, p.n = n;
    p.row_zeros = zeros(c, in_.a_zero, at.a * m);
    if (period_ > 0 && p.row_zeros.tensor && p.row_zeros.tensor->rank() == 1)
      p.row_zeros.period = period_;  // those of each matrix of the batch
    p.column_zeros = zeros(c, in_.b_zero, at.b * n);
    return p;
  }

 private:
  // The matrices of one product.
  struct Place {
    int64_t a, b;
  };
  // One for all, one for each row or column of every matrix, or of all of them from `first` on.
  static Zeros zeros(const Call& c, size_t input, int64_t first) {
    if (!c.has(input)) return {};
    const Tensor& t = c.in(input);
    if (t.count() == 1) return {&t, 0, 0};
    return {&t, t.rank() == 1 ? 0 : first, 1};
  }

  Operands in_;
  Extents a_shape_, b_shape_;
  std::vector<Place> places_;
  int64_t period_ = 0;
};

Status run_integers(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Batch batch(c, {0, 2, 1, 3});
  const TurnedBytes a = turned_bytes(c, pool);
  int32_t* sums = y.as<int32_t>().data();
  each_product(batch.count(), batch.k, batch.n, pool, [&](int64_t i) {
    multiply_pair(batch.pair(c, a.bytes, i), sums + i * batch.m * batch.n, c, pool);
  });
  return ok();
}

enum Input : size_t { kA, kAScale, kAZero, kB, kBScale, kBZero, kYScale, kYZero };

// The factors of the sums, where all rows have the same: one, or one for each column.
class Factors {
 public:
  explicit Factors(const Call& c) {
    if (c.dtype(kAScale) != DType::f32) return;
    for (const size_t i : {kAScale, kYScale, kYZero})
      if (c.in(i).count() != 1) return;
    const Tensor& b = c.in(kBScale);
    if (b.count() != 1 && (b.rank() != 1 || c.in(kB).rank() < 2)) return;
    const float a = c.in(kAScale).as<float>()[0], y = c.in(kYScale).as<float>()[0];
    for (const float s : b.as<float>()) {
      const float product = a * s;
      all_.push_back(product / y);
    }
  }
  bool known() const { return !all_.empty(); }
  const float* data() const { return all_.data(); }
  int64_t step() const { return all_.size() == 1 ? 0 : 1; }

 private:
  std::vector<float> all_;
};

// Rows of y with parameters of their own.
class AnyFactors {
 public:
  AnyFactors(const Call& c, const Extents& y) : c_(c), y_(y) {
    const bool matrix = c.in(kB).rank() > 1;
    const auto strides = [&](size_t i, bool by_row) {
      Extents shape = c.in(i).count() == 1 ? Extents{} : c.in(i).shape();
      if (by_row && shape.size() == 1 && matrix) shape.push_back(1);
      return broadcast_strides(shape, y);
    };
    strides_ = {strides(kAScale, true), strides(kBScale, false), strides(kYScale, true),
                strides(kYZero, true)};
  }
  // Elements [begin, end) of y.
  void requantize(const int32_t* sums, int64_t begin, int64_t end, Tensor& y) const {
    const DType dtype = c_.dtype(kAScale);
    for (int64_t i = begin; i < end; ++i) {
      const double product = round_to(
          dtype, load_real(c_.in(kAScale), at(0, i)) * load_real(c_.in(kBScale), at(1, i)));
      const double factor = round_to(dtype, product / load_real(c_.in(kYScale), at(2, i)));
      const float scaled = float(sums[i]) * float(factor);
      store_integer(y, i,
                    hone::requantize(y.dtype(), scaled, load_integer(c_.in(kYZero), at(3, i))));
    }
  }

 private:
  int64_t at(size_t which, int64_t element) const {
    int64_t offset = 0;
    for (size_t axis = y_.size(); axis-- > 0; element /= y_[axis])
      offset += element % y_[axis] * strides_[which][axis];
    return offset;
  }
  const Call& c_;
  const Extents& y_;
  std::vector<std::vector<int64_t>> strides_;
};

Status run_requantized(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Batch batch(c, {kA, kAZero, kB, kBZero});
  const TurnedBytes a = turned_bytes(c, pool);
  const auto sums = c.scratch<int32_t>(y.count());
  const Factors factors(c);
  auto* bytes = reinterpret_cast<uint8_t*>(y.mutable_data());
  const auto zero = int32_t(load_integer(c.in(kYZero), 0));
  const IntegerRange whole = range_of(y.dtype());
  const kernels::ByteRange range{int32_t(whole.least), int32_t(whole.most)};
  each_product(batch.count(), batch.k, batch.n, pool, [&](int64_t i) {
    const int64_t first = i * batch.m * batch.n;
    const auto finish = [&](int64_t row, const int32_t* of_row) {
      kernels::quantization_kernels().requantize(of_row, batch.n, factors.data(), factors.step(),
                                                 zero, range, bytes + first + row * batch.n);
    };
    multiply_pair(batch.pair(c, a.bytes, i), sums.data() + first, c, pool,
                  factors.known() ? std::function<void(int64_t, const int32_t*)>(finish) : nullptr);
  });
  if (factors.known()) return ok();
  const AnyFactors any(c, y.shape());
  pool.parallel_for(y.count(), kGrain / 16, [&](int64_t begin, int64_t end) {
    any.requantize(sums.data(), begin, end, y);
  });
  return ok();
}

Support accepts_integers(const Graph&, const Node&) { return yes(); }

Support accepts_requantized(const Graph& graph, const Node& node) {
  for (const size_t i : {kA, kB, kYZero})
    if (!kQuantizedBytes.has(graph[node.inputs[i]].type.tensor.dtype))
      return no("only integers of 8 bits");
  return yes();
}

}  // namespace

const CpuKernel matmul_integer_kernel{"matmul_integer", accepts_integers, run_integers};
const CpuKernel qlinear_matmul_kernel{"qlinear_matmul", accepts_requantized, run_requantized};

}  // namespace hone::cpu
