// What works on whole rows: attention, softmax, norms, reductions, recurrent networks.
#include "estimate/families/shapes.h"

namespace hone::estimate {
namespace {

double pieces_of(double work, double pieces) { return work < 32768 ? 1 : std::max(1.0, pieces); }

// Queries [B, H, S, D] or [B, S, H D].
Work attention_work(const Step& step, const Infer& call, const Machine&) {
  const Shape &q = call.shape(0), &k = call.shape(1);
  const bool split = q.rank() == 4;
  const auto given = [&](std::string_view name) {
    return call.given(name) ? double(call.integer(name)) : 1.0;
  };
  const double heads = split ? extent_of(q, 1) : given("q_num_heads");
  const double rows = extent_of(q, split ? 2 : 1), batch = extent_of(q, 0);
  const double past = call.has(4) ? extent_of(call.shape(4), 2) : 0;
  const double keys = extent_of(k, split ? 2 : 1) + past;
  const double size = last_of(q) / (split ? 1 : heads);
  const double scores = batch * heads * rows * keys;
  return {{scores * round_up(size, 16), scores, batch * heads * rows, batch * heads * keys * size,
           batch * heads},
          {log_of(batch * heads), log_of(rows), log_of(keys), log_of(size)},
          pieces_of(step.macs, batch * heads * ceil_div(rows, 16))};
}

// Rows of sequences over the pages of a cache: query [T, heads size], keys [pages, kv heads, …],
// table [S, pages of a sequence]. Row i of a prompt sees what is before it: half of the rows, on
// average.
Work paged_work(const Step&, const Infer& call, const Machine&) {
  const double rows = extent_of(call.shape(0), 0), heads = double(call.integer("heads"));
  const double size = last_of(call.shape(0)) / std::max(1.0, heads);
  const Shape& cache = call.shape(1);
  const double elements =
      elements_of(cache) / std::max(1.0, extent_of(cache, 0) * extent_of(cache, 1));
  const double page = elements / std::max(1.0, size);
  const double sequences = std::max(1.0, extent_of(call.shape(5), 0));
  const double each = rows / sequences, keys = extent_of(call.shape(5), 1) * page;
  const double seen = std::max(1.0, keys - each / 2);
  const double scores = heads * rows * seen;
  return {{scores * round_up(size, 16), scores, heads * rows, sequences * heads * keys * size,
           sequences * heads},
          {log_of(sequences * heads), log_of(each), log_of(keys), log_of(size)},
          pieces_of(scores * size, heads * ceil_div(rows, 16))};
}

Work row_work(const Step&, const Infer& call, const Machine&) {
  const Shape& x = call.shape(0);
  const double n = elements_of(x), row = std::max(1.0, last_of(x));
  return {{n, n / row, n / row * round_up(row, 16)},
          {log_of(n / row), log_of(row)},
          pieces_of(n, n / row)};
}

Work normalization_work(const Step& step, const Infer& call, const Machine&) {
  const Shape& x = call.shape(0);
  const double n = elements_of(x);
  const bool planes =
      !is_one_of(step.op->name, {"layer_normalization", "rms_normalization",
                                 "quantized_rms_normalization", "lp_normalization"});
  const double row = planes ? std::max(1.0, n / std::max(1.0, extent_of(x, 0) * extent_of(x, 1)))
                            : std::max(1.0, last_of(x));
  return {{planes ? 0 : n, planes ? n : 0, n / row},
          {log_of(n / row), log_of(row), planes ? 4.0 : 0},
          pieces_of(n, n / row)};
}

Work neighbours_work(const Step&, const Infer& call, const Machine&) {
  const Shape& x = call.shape(0);
  const auto axis = double(call.integer("axis"));
  const bool last = axis == -1 || axis == double(x.rank()) - 1;
  const double n = elements_of(x), row = std::max(1.0, last_of(x));
  const auto size = double(call.integer("size"));
  return {{last ? n : 0, last ? 0 : n, n * size, n / row},
          {log_of(n), log_of(row), last ? 0 : 4.0, log_of(size)},
          pieces_of(n, n / row)};
}

Work reduction_work(const Step& step, const Infer& call, const Machine& machine) {
  const double in = elements_of(call.shape(0)), out = std::max(1.0, elements_of(*step.out));
  const double row = std::max(1.0, last_of(call.shape(0)));
  const double last = last_of(step.out->front().tensor.shape);
  const bool inner = last == 1 || last != row;
  const double rows = in / row, vectors = rows * ceil_div(row, double(machine.vector));
  return {{inner ? in : 0, inner ? rows : 0, inner ? 0 : vectors, inner ? 0 : rows, out},
          {log_of(rows), log_of(row), inner ? 4.0 : 0},
          pieces_of(in, out)};
}

Work recurrent_work(const Step& step, const Infer& call, const Machine&) {
  const Shape& x = call.shape(0);
  const double steps = extent_of(x, 0),
               hidden = double(call.given("hidden_size") ? call.integer("hidden_size") : 1);
  return {{step.macs, steps * hidden, steps},
          {log_of(steps), log_of(hidden), log_of(last_of(x)), log_of(extent_of(x, 1))},
          1};
}

}  // namespace

extern const Family attention_family, paged_attention_family, softmax_family, normalization_family,
    neighbours_family, reduction_family, recurrent_family;

const Family attention_family{"attention",
                              "scores, softmax and values of heads",
                              {"products", "scores", "rows", "packed", "heads"},
                              [](const Step& s) { return s.op->name == "attention"; },
                              attention_work};
const Family paged_attention_family{"paged_attention",
                                    "attention to the pages of a cache",
                                    {"products", "scores", "rows", "packed", "heads"},
                                    [](const Step& s) { return s.op->name == "paged_attention"; },
                                    paged_work};
const Family softmax_family{
    "softmax",
    "softmax along rows",
    {"elements", "rows", "rows with a tail"},
    [](const Step& s) { return is_one_of(s.op->name, {"softmax", "log_softmax", "hardmax"}); },
    row_work};
const Family normalization_family{
    "normalization",
    "norms of rows and of planes",
    {"elements of rows", "elements of planes", "rows"},
    [](const Step& s) { return s.op->name.ends_with("_normalization"); },
    normalization_work};
const Family neighbours_family{"neighbours",
                               "normalization by neighbouring channels",
                               {"elements along rows", "elements of planes", "squares", "rows"},
                               [](const Step& s) { return s.op->name == "lrn"; },
                               neighbours_work};
const Family reduction_family{
    "reduction",
    "sums, means and extrema along axes",
    {"elements along rows", "rows", "vectors across", "rows across", "results"},
    [](const Step& s) {
      return s.op->name.starts_with("reduce_") || s.op->name.starts_with("arg_") ||
             s.op->name.starts_with("cum_") || s.op->name == "top_k";
    },
    reduction_work};
const Family recurrent_family{
    "recurrent",
    "lstm, gru and rnn",
    {"products", "gates", "steps"},
    [](const Step& s) { return is_one_of(s.op->name, {"lstm", "gru", "rnn"}); },
    recurrent_work};

}  // namespace hone::estimate
