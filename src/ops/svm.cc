// Support vector machines of ai.onnx.ml, in the conventions of LIBSVM (Chang & Lin 2011).
#include <algorithm>

#include "ops/ml.h"

namespace hone {
namespace {

constexpr std::string_view kIntegers = "classlabels_ints", kStrings = "classlabels_strings";

Reals listed(const Infer& c, std::string_view name) {
  return c.given(name) ? c.reals(name) : Reals{};
}

enum class KernelType : uint8_t { linear, poly, rbf, sigmoid };

struct Kernel {
  KernelType type = KernelType::linear;
  double gamma = 0, coef0 = 0, degree = 0;

  double operator()(const double* a, const float* b, int64_t n) const {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double difference = a[i] - b[i];
      sum += type == KernelType::rbf ? difference * difference : a[i] * b[i];
    }
    switch (type) {
      case KernelType::linear: return sum;
      case KernelType::poly: return std::pow(gamma * sum + coef0, degree);
      case KernelType::rbf: return std::exp(-gamma * sum);
      case KernelType::sigmoid: return std::tanh(gamma * sum + coef0);
    }
    return sum;
  }
};

Result<Kernel> kernel_of(const Infer& c) {
  Kernel kernel;
  const std::string& type = c.text("kernel_type");
  if (type == "POLY")
    kernel.type = KernelType::poly;
  else if (type == "RBF")
    kernel.type = KernelType::rbf;
  else if (type == "SIGMOID")
    kernel.type = KernelType::sigmoid;
  else if (type != "LINEAR")
    return attribute_error(c, "kernel_type is \"" + type + "\"");
  const Reals params = listed(c, "kernel_params");
  if (!params.empty() && params.size() != 3)
    return attribute_error(
        c, "kernel_params has " + std::to_string(params.size()) + " elements, 3 are needed");
  if (params.size() == 3) {
    kernel.gamma = params[0];
    kernel.coef0 = params[1];
    kernel.degree = params[2];
  }
  return kernel;
}

struct Machine {
  bool supports = false;  // support vectors, or plain coefficients
  int64_t vectors = 0, classes = 0, width = 0;
  Integers starts, counts;  // of each class's support vectors
  Reals coefficients, rho, prob_a, prob_b, support;
  Kernel kernel;
  Labels labels;
  int64_t pairs() const { return classes * (classes - 1) / 2; }
  int64_t scores() const { return supports && prob_a.empty() ? pairs() : classes; }
  // Two classes with one score get two scores.
  bool doubled() const { return scores() == 1 && labels.count == 2; }
};

Error sizes(const Infer& c, std::string_view name, size_t have, int64_t want) {
  return attribute_error(c, std::string(name) + " has " + std::to_string(have) + " elements, " +
                                std::to_string(want) + " are needed");
}

constexpr int64_t kMaxClasses = 1 << 16;

// Features of each vector in `values`.
Result<int64_t> width_of(const Infer& c, const Reals& values, int64_t vectors,
                         std::string_view name) {
  if (vectors < 1 || values.size() % uint64_t(vectors) != 0)
    return attribute_error(c, std::string(name) + " has " + std::to_string(values.size()) +
                                  " elements for " + std::to_string(vectors) + " vectors");
  const auto width = int64_t(values.size()) / vectors;
  const Shape& shape = c.shape(0);
  if (shape.ranked && shape.rank() > 0)
    if (auto n = shape.dims.back().constant(); n && *n != width)
      return shape_error(
          c, "x has " + std::to_string(*n) + " features, the vectors " + std::to_string(width));
  return width;
}

Result<Machine> classifier_of(const Infer& c) {
  Machine m;
  m.labels = TRY(labels_of(c, kIntegers, kStrings));
  m.kernel = TRY(kernel_of(c));
  m.coefficients = listed(c, "coefficients");
  m.rho = listed(c, "rho");
  m.prob_a = listed(c, "prob_a");
  m.prob_b = listed(c, "prob_b");
  m.support = listed(c, "support_vectors");
  if (c.given("vectors_per_class")) m.counts = c.list("vectors_per_class");
  for (int64_t n : m.counts) {
    const auto total = checked_add(m.vectors, n);
    if (n < 0 || !total || *total > (int64_t{1} << 40))
      return attribute_error(c, "vectors_per_class holds " + std::to_string(n));
    m.starts.push_back(m.vectors);
    m.vectors = *total;
  }
  m.supports = m.vectors > 0;
  m.classes = int64_t(m.supports ? m.counts.size() : m.labels.count);
  if (m.classes < 1 || m.classes > kMaxClasses || (m.supports && m.classes < 2))
    return attribute_error(c, "there are " + std::to_string(m.classes) + " classes");
  if (!m.supports) {
    m.kernel.type = KernelType::linear;
    m.prob_a.clear();
    m.width = TRY(width_of(c, m.coefficients, m.classes, "coefficients"));
    if (m.rho.empty()) return attribute_error(c, "rho is missing");
    return m;
  }
  m.width = TRY(width_of(c, m.support, m.vectors, "support_vectors"));
  if (int64_t(m.coefficients.size()) != m.vectors * (m.classes - 1))
    return sizes(c, "coefficients", m.coefficients.size(), m.vectors * (m.classes - 1));
  if (int64_t(m.rho.size()) != m.pairs()) return sizes(c, "rho", m.rho.size(), m.pairs());
  if (!m.prob_a.empty() && int64_t(m.prob_a.size()) != m.pairs())
    return sizes(c, "prob_a", m.prob_a.size(), m.pairs());
  if (m.prob_b.size() != m.prob_a.size())
    return sizes(c, "prob_b", m.prob_b.size(), int64_t(m.prob_a.size()));
  return m;
}

// Class probabilities from pairwise ones (Wu, Lin & Weng 2004, second method).
std::vector<double> couple(const std::vector<double>& r, size_t k) {
  std::vector<double> q(k * k), p(k, 1.0 / double(k)), qp(k);
  for (size_t t = 0; t < k; ++t)
    for (size_t j = 0; j < k; ++j) {
      if (j == t) continue;
      q[t * k + t] += r[j * k + t] * r[j * k + t];
      q[t * k + j] = -r[j * k + t] * r[t * k + j];
    }
  const double enough = 0.005 / double(k);
  const size_t rounds = std::max<size_t>(100, k);
  for (size_t round = 0; round < rounds; ++round) {
    double pqp = 0;
    for (size_t t = 0; t < k; ++t) {
      qp[t] = 0;
      for (size_t j = 0; j < k; ++j) qp[t] += q[t * k + j] * p[j];
      pqp += p[t] * qp[t];
    }
    double error = 0;
    for (size_t t = 0; t < k; ++t) error = std::max(error, std::abs(qp[t] - pqp));
    if (error < enough) break;
    for (size_t t = 0; t < k; ++t) {
      const double step = (pqp - qp[t]) / q[t * k + t];
      p[t] += step;
      pqp = (pqp + step * (step * q[t * k + t] + 2 * qp[t])) / (1 + step) / (1 + step);
      for (size_t j = 0; j < k; ++j) {
        qp[j] = (qp[j] + step * q[t * k + j]) / (1 + step);
        p[j] /= 1 + step;
      }
    }
  }
  return p;
}

struct Decision {
  std::vector<double> scores;
  int64_t winner = 0;
};

// One against one: a positive value is a vote for the first class of the pair.
Decision compare_pairs(const Machine& m, const double* row) {
  std::vector<double> kernels;
  for (int64_t v = 0; v < m.vectors; ++v)
    kernels.push_back(m.kernel(row, m.support.data() + v * m.width, m.width));
  Decision d;
  std::vector<int64_t> votes(size_t(m.classes), 0);
  const auto weighted = [&](int64_t of, int64_t against) {
    double sum = 0;
    const int64_t start = m.starts[size_t(of)], line = against < of ? against : against - 1;
    for (int64_t v = start; v < start + m.counts[size_t(of)]; ++v)
      sum += m.coefficients[size_t(line * m.vectors + v)] * kernels[size_t(v)];
    return sum;
  };
  size_t pair = 0;
  for (int64_t i = 0; i < m.classes; ++i)
    for (int64_t j = i + 1; j < m.classes; ++j) {
      const double value = weighted(i, j) + weighted(j, i) + m.rho[pair++];
      d.scores.push_back(value);
      ++votes[size_t(value > 0 ? i : j)];
    }
  d.winner = std::max_element(votes.begin(), votes.end()) - votes.begin();
  if (m.prob_a.empty()) return d;
  const auto k = size_t(m.classes);
  std::vector<double> chances(k * k);
  pair = 0;
  for (size_t i = 0; i < k; ++i)
    for (size_t j = i + 1; j < k; ++j, ++pair) {
      const double p = 1 - logistic(d.scores[pair] * m.prob_a[pair] + m.prob_b[pair]);
      chances[i * k + j] = std::clamp(p, 1e-7, 1 - 1e-7);
      chances[j * k + i] = 1 - chances[i * k + j];
    }
  d.scores = couple(chances, k);
  return d;
}

Decision weigh(const Machine& m, const double* row) {
  Decision d;
  for (int64_t k = 0; k < m.classes; ++k)
    d.scores.push_back(m.kernel(row, m.coefficients.data() + k * m.width, m.width) + m.rho[0]);
  d.winner = std::max_element(d.scores.begin(), d.scores.end()) - d.scores.begin();
  if (m.labels.count != 2 || m.rho.size() != 1) return d;
  // Two classes: the second wins by a positive margin, or a probability of at least one half.
  const double top = d.scores[size_t(d.winner)];
  const bool positive =
      std::all_of(m.coefficients.begin(), m.coefficients.end(), [](float w) { return w >= 0; });
  if (positive ? top >= 0.5 : top > 0) d.winner = 1;
  return d;
}

Result<Types> infer_classifier(const Infer& c) {
  const Machine m = TRY(classifier_of(c));
  TRY(transform_of(c));
  const Dim rows = TRY(row_count(c));
  return Types{Type(m.labels.strings ? DType::string : DType::i64, {rows}),
               Type(DType::f32, {rows, m.doubled() ? 2 : m.scores()})};
}

Status classifier(Call& c) {
  const Tensor& x = c.in(0);
  const Rows rows = TRY(rows_of(c, x));
  const Machine m = TRY(classifier_of(c));
  const Transform transform = TRY(transform_of(c));
  Tensor& label = *TRY(c.out(0));
  Tensor* y = c.outputs() > 1 ? TRY(c.out(1)) : nullptr;
  const std::vector<double> values = reals(x);
  for (int64_t r = 0; r < rows.count; ++r) {
    const double* row = values.data() + r * rows.width;
    Decision d = m.supports ? compare_pairs(m, row) : weigh(m, row);
    if (m.doubled())
      d.scores = two_scores(transform, d.scores[0], false);
    else
      apply(transform, d.scores);
    store_label(c, m.labels, kIntegers, kStrings, d.winner, label, r);
    for (size_t k = 0; y && k < d.scores.size(); ++k)
      store_real(*y, r * int64_t(d.scores.size()) + int64_t(k), d.scores[k]);
  }
  return ok();
}

Result<Machine> regressor_of(const Infer& c) {
  Machine m;
  m.kernel = TRY(kernel_of(c));
  m.coefficients = listed(c, "coefficients");
  m.rho = listed(c, "rho");
  m.support = listed(c, "support_vectors");
  m.vectors = c.integer("n_supports");
  m.supports = m.vectors > 0;
  if (m.rho.empty()) return attribute_error(c, "rho is missing");
  if (!m.supports) {
    m.kernel.type = KernelType::linear;
    m.width = TRY(width_of(c, m.coefficients, 1, "coefficients"));
    return m;
  }
  m.width = TRY(width_of(c, m.support, m.vectors, "support_vectors"));
  if (int64_t(m.coefficients.size()) != m.vectors)
    return sizes(c, "coefficients", m.coefficients.size(), m.vectors);
  return m;
}

Result<Types> infer_regressor(const Infer& c) {
  TRY(regressor_of(c));
  TRY(transform_of(c));
  return Types{Type(DType::f32, {TRY(row_count(c)), 1})};
}

Status regressor(Call& c) {
  const Tensor& x = c.in(0);
  const Rows rows = TRY(rows_of(c, x));
  const Machine m = TRY(regressor_of(c));
  const Transform transform = TRY(transform_of(c));
  Tensor& y = *TRY(c.out(0));
  const std::vector<double> values = reals(x);
  for (int64_t r = 0; r < rows.count; ++r) {
    const double* row = values.data() + r * rows.width;
    double sum = m.rho[0];
    if (!m.supports) sum += m.kernel(row, m.coefficients.data(), m.width);
    for (int64_t v = 0; v < m.vectors; ++v)
      sum += m.coefficients[size_t(v)] * m.kernel(row, m.support.data() + v * m.width, m.width);
    std::vector<double> score{sum};
    if (c.integer("one_class") != 0)
      score[0] = sum > 0 ? 1 : -1;
    else
      apply(transform, score);
    store_real(y, r, score[0]);
  }
  return ok();
}

std::vector<AttrDef> with_kernel(std::vector<AttrDef> attrs) {
  attrs.insert(attrs.end(), {{"coefficients", AttrKind::reals},
                             {"kernel_params", AttrKind::reals, false, {}, "gamma, coef0, degree"},
                             {"kernel_type", AttrKind::text, false, "LINEAR"},
                             {"rho", AttrKind::reals},
                             {"support_vectors", AttrKind::reals},
                             {"post_transform", AttrKind::text, false, "NONE"}});
  return attrs;
}

}  // namespace

const OpDef& svm_classifier_op() {
  static const OpDef def{
      .name = "svm_classifier",
      .doc =
          "The label with the most votes of the one-against-one machines, and their decision "
          "values or, given prob_a and prob_b, class probabilities; without support vectors a "
          "linear score for each class (ai.onnx.ml).",
      .inputs = {{"x", kFeatures}},
      .outputs = {{"label", DType::string | DType::i64}, {"scores", DType::f32}},
      .attrs = with_kernel({{kIntegers, AttrKind::integers},
                            {kStrings, AttrKind::texts},
                            {"prob_a", AttrKind::reals},
                            {"prob_b", AttrKind::reals},
                            {"vectors_per_class", AttrKind::integers}}),
      .infer = infer_classifier,
      .reference = classifier,
      .examples = {R"(graph svc(x: f32[3,2]) -> (label, scores) {
        label, scores = svm_classifier(x) <classlabels_ints=[0, 1, 2], vectors_per_class=[1, 1, 1],
            coefficients=[1.0, -0.5, 0.25, 0.5, -1.0, -0.75], kernel_type="RBF",
            kernel_params=[0.5, 0.0, 3.0], rho=[0.1, -0.2, 0.3],
            support_vectors=[1.0, 0.0, 0.0, 1.0, -1.0, -1.0]>
      })"},
  };
  return def;
}

const OpDef& svm_regressor_op() {
  static const OpDef def{
      .name = "svm_regressor",
      .doc =
          "Sum over the support vectors of coefficient times kernel, plus rho; with one_class the "
          "sign of it, as 1 or -1. Without support vectors the coefficients are linear weights "
          "(ai.onnx.ml).",
      .inputs = {{"x", kFeatures}},
      .outputs = {{"y", DType::f32}},
      .attrs = with_kernel({{"n_supports", AttrKind::integer, false, int64_t{0}},
                            {"one_class", AttrKind::integer, false, int64_t{0}}}),
      .infer = infer_regressor,
      .reference = regressor,
      .examples = {R"(graph svr(x: f32[3,2]) -> (y) {
        y = svm_regressor(x) <n_supports=2, coefficients=[1.0, -0.5], kernel_type="POLY",
            kernel_params=[0.5, 1.0, 2.0], rho=[0.1], support_vectors=[1.0, 0.0, 0.0, 1.0]>
      })"},
  };
  return def;
}

}  // namespace hone
