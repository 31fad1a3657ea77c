// Products of matrices: with packed weights of floats, bytes or blocks, and of two activations.
#include "estimate/families/shapes.h"
#include "kernels/block_gemm/features.h"
#include "kernels/gemm/features.h"
#include "kernels/integer_gemm/features.h"

namespace hone::estimate {
namespace {

constexpr double kFewRows = 3;  // kernels/gemm: as fast as weights are read

struct Sizes {
  double m, n, k;
};

// y [..., N] of x [..., K].
Sizes sizes_of(const Step& step, const Infer& call) {
  double n = 0;
  for (const Type& t : *step.out) n += last_of(t.tensor.shape);
  const double k = last_of(call.shape(0));
  return {elements_of(call.shape(0)) / std::max(1.0, k), n, k};
}

bool few_rows(const Step& step, std::string_view op, double most) {
  if (step.op->name != op || !step.known) return false;
  const Shape& x = (*step.in)[0].type->tensor.shape;
  return elements_of(x) / std::max(1.0, last_of(x)) <= most;
}

kernels::GemmShape shape_of(const Sizes& s, const Machine& machine, bool gathers) {
  return {s.m, s.n, s.k, double(machine.tile_rows), double(machine.tile_columns), gathers};
}
std::array<double, kMostCounts> counts_of(const kernels::GemmCounts& c) {
  return {c.multiplies, c.tile_steps, c.tiles, c.results, c.panel_reads, c.packed};
}

// As the kernel cuts it: rows in blocks, panels in groups; no piece is less than a tile.
double pieces_of(const Sizes& s, const Machine& machine) {
  const double tiles =
      ceil_div(s.m, double(machine.tile_rows)) * ceil_div(s.n, double(machine.tile_columns));
  return s.m * s.n * s.k < 65536 ? 1 : std::max(1.0, tiles);
}

Work linear_work(const Step& step, const Infer& call, const Machine& machine) {
  const Sizes s = sizes_of(step, call);
  return {counts_of(kernels::gemm_counts(shape_of(s, machine, false))),
          {log_of(s.m), log_of(s.n), log_of(s.k)},
          pieces_of(s, machine)};
}

Work few_rows_work(const Step& step, const Infer& call, const Machine& machine) {
  const Sizes s = sizes_of(step, call);
  const double panels = ceil_div(s.n, double(machine.tile_columns));
  // One row alone asks memory for less at a time than several do.
  double alone = 0;
  for (const Touch& t : step.touches)
    if (t.weights && s.m == 1) alone += t.bytes * (1 - held(t.distance, machine.l3_bytes));
  return {{s.m * panels * s.k, s.m * panels, panels, alone},
          {log_of(s.m) * 3, log_of(s.n), log_of(s.k)},
          pieces_of(s, machine)};
}

Work block_work(const Step& step, const Infer& call, const Machine& machine) {
  const Sizes s = sizes_of(step, call);
  const auto bits = double(call.integer("bits"));
  const double block = double(call.integer("super")) > 1 ? 256 : double(call.integer("block"));
  const auto c =
      kernels::block_gemm_counts({s.m, s.n, s.k, double(machine.block_rows), block, bits});
  return {{c.dots, c.tile_steps, c.sums, c.expanded, c.code_bytes, c.row_bytes},
          {log_of(s.m), log_of(s.n), log_of(s.k), bits / 4},
          pieces_of(s, machine)};
}

Work quantized_work(const Step& step, const Infer& call, const Machine& machine) {
  const Sizes s = sizes_of(step, call);
  const auto c = kernels::integer_gemm_counts(
      {s.m, s.n, s.k, double(machine.byte_rows), double(machine.byte_columns)});
  return {{c.dots, c.tile_steps, c.tiles, c.results, c.panel_bytes, c.row_bytes},
          {log_of(s.m), log_of(s.n), log_of(s.k)},
          pieces_of(s, machine)};
}

// [..., M, K] times [..., K, N].
Work matmul_work(const Step& step, const Infer& call, const Machine& machine) {
  const Shape& a = call.shape(0);
  const double k = std::max(1.0, last_of(a)),
               n = std::max(1.0, last_of(step.out->front().tensor.shape));
  const double all = elements_of(*step.out) / n, m = a.rank() >= 2 ? extent_of(a, a.rank() - 2) : 1;
  const double batch = std::max(1.0, all / std::max(1.0, m));
  auto counts = counts_of(kernels::gemm_counts(shape_of({m, n, k}, machine, true)));
  for (double& c : counts) c *= batch;
  counts[6] = batch * n * k;
  return {counts,
          {log_of(m), log_of(n), log_of(k), log_of(batch)},
          batch * m * n * k < 65536 ? 1 : batch * std::max(1.0, m / 8)};
}

}  // namespace

extern const Family linear_few_rows_family, linear_family, block_linear_few_rows_family,
    block_linear_family, quantized_few_rows_family, quantized_linear_family, matmul_family;

const Family linear_few_rows_family{
    "linear_few_rows",
    "at most three rows times packed weights of floats",
    {"panel rows", "panel results", "panels", "bytes from memory for one row"},
    [](const Step& s) { return few_rows(s, "linear", kFewRows); },
    few_rows_work};
const Family linear_family{
    "linear",
    "rows times packed weights of floats",
    {"multiplies", "tile steps", "tiles", "results", "panel reads", "packed"},
    [](const Step& s) { return s.op->name == "linear"; },
    linear_work};
const Family block_linear_few_rows_family{
    "block_linear_few_rows",
    "at most four rows times weights in quantized blocks",
    {"dots", "tile steps", "sums", "expanded", "code bytes", "row bytes"},
    [](const Step& s) { return few_rows(s, "block_linear", double(kernels::kThinBlockRows)); },
    block_work};
const Family block_linear_family{
    "block_linear",
    "rows times weights in quantized blocks",
    {"dots", "tile steps", "sums", "expanded", "code bytes", "row bytes"},
    [](const Step& s) { return s.op->name == "block_linear"; },
    block_work};
const Family quantized_few_rows_family{
    "quantized_few_rows",
    "at most four rows of bytes times packed bytes",
    {"dots", "tile steps", "tiles", "results", "panel bytes", "row bytes"},
    [](const Step& s) { return few_rows(s, "quantized_linear", 4); },
    quantized_work};
const Family quantized_linear_family{
    "quantized_linear",
    "rows of bytes times packed bytes",
    {"dots", "tile steps", "tiles", "results", "panel bytes", "row bytes"},
    [](const Step& s) { return s.op->name == "quantized_linear"; },
    quantized_work};
const Family matmul_family{
    "matmul",
    "products of two activations",
    {"multiplies", "tile steps", "tiles", "results", "panel reads", "packed", "right elements"},
    [](const Step& s) {
      return is_one_of(s.op->name,
                       {"matmul", "gemm", "einsum", "matmul_integer", "qlinear_matmul"});
    },
    matmul_work};

}  // namespace hone::estimate
