// The table of limits, their parsing, and the ledger's arithmetic.
#include "base/limits.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/text.h"

namespace hone {
namespace {

constexpr std::array kLimits{
    LimitInfo{"memory", &Limits::memory, true, "metadata of one model, in all"},
    LimitInfo{"header", &Limits::header, true, "one JSON header or text form"},
    LimitInfo{"name", &Limits::name, true, "one name"},
    LimitInfo{"nodes", &Limits::nodes, false, "nodes of a model after inlining"},
    LimitInfo{"tensors", &Limits::tensors, false, "constants of a model"},
    LimitInfo{"rank", &Limits::rank, false, "axes of a tensor"},
    LimitInfo{"depth", &Limits::depth, false, "nesting of graphs, messages and functions"},
    LimitInfo{"folded_constant", &Limits::folded_constant, true, "one constant made by folding"},
    LimitInfo{"folded_total", &Limits::folded_total, true, "all constants made by folding"},
    LimitInfo{"folded_work", &Limits::folded_work, false, "element operations spent on folding"},
    LimitInfo{"runtime_memory", &Limits::runtime_memory, true, "activations and states of one run"},
    LimitInfo{"iterations", &Limits::iterations, false,
              "nested graphs run by one call: iterations, branches"},
};
static_assert(sizeof(Limits) == kLimits.size() * sizeof(uint64_t), "every limit is in the table");

}  // namespace

std::span<const LimitInfo> all_limits() { return kLimits; }

Status set_limit(Limits& limits, std::string_view name, std::string_view value) {
  for (const LimitInfo& limit : kLimits) {
    if (limit.name != name) continue;
    std::optional<uint64_t> parsed;
    if (limit.is_bytes) {
      parsed = parse_bytes(value);
    } else {
      uint64_t count = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
      if (error == std::errc() && end == value.data() + value.size()) parsed = count;
    }
    if (!parsed) {
      return fail(ErrorId::usage,
                  fmt::format("limit {} takes {}, not \"{}\"", name,
                              limit.is_bytes ? "a size such as 512MB" : "a whole number",
                              printable(value)));
    }
    limits.*limit.field = *parsed;
    return ok();
  }
  std::array<std::string_view, kLimits.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kLimits[i].name;
  const auto near = closest(name, names.data(), names.size());
  return fail(ErrorId::usage,
              fmt::format("there is no limit named \"{}\"{}", printable(name),
                          near ? fmt::format("; did you mean {}?", *near)
                               : fmt::format("; there are {}", fmt::join(names, ", "))));
}

// Each compares with what is left, because the sum could wrap.
Status Ledger::charge(uint64_t bytes, std::string_view what) {
  if (bytes > limits_.memory - bytes_) {
    return fail(ErrorId::over_memory,
                fmt::format("{} needs {} bytes more, but only {} of the {} allowed for the model's "
                            "metadata are left",
                            what, bytes, limits_.memory - bytes_, limits_.memory));
  }
  bytes_ += bytes;
  return ok();
}

Status Ledger::charge_nodes(uint64_t count) {
  if (count > limits_.nodes - nodes_) {
    return fail(ErrorId::over_nodes,
                fmt::format("the model has more than {} nodes", limits_.nodes));
  }
  nodes_ += count;
  return ok();
}

Status Ledger::charge_tensors(uint64_t count) {
  if (count > limits_.tensors - tensors_) {
    Error error = fail(ErrorId::over_size,
                       fmt::format("the model has more than {} tensors", limits_.tensors));
    error.hint = "raise it with `--limits tensors=N` if you trust the file";
    return error;
  }
  tensors_ += count;
  return ok();
}

}  // namespace hone
