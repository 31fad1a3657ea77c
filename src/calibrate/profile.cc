#include "calibrate/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/json_writer.h"
#include "base/text.h"
#include "formats/json.h"

namespace hone::calibrate {
namespace {

using estimate::Calibration;
using estimate::FamilyFit;
using estimate::kFeatures;
using estimate::kMostCounts;
using estimate::kPosition;
using estimate::Residual;

constexpr int64_t kSchema = 1;
constexpr size_t kMostResiduals = 10'000;  // of a family, and of networks

// Far beyond what machines and fits give, and small enough that no estimate leaves the range of
// numbers.
struct Range {
  double least, most;
};
constexpr Range kBytes{1, 1e15}, kWatts{0, 1e6}, kJoules{1e-18, 1}, kRate{0, 1e18},
    kSeconds{0, 1e9}, kStepSeconds{0, 1e3}, kCoefficient{0, 1e2}, kError{0, 1e6},
    kHalfWidth{0, 1e4}, kScale{1e-6, 1e6}, kCorrector{1e-9, 1e9}, kLogarithm{-1e4, 1e4},
    kPlace{-1e6, 1e6}, kWeight{-1e9, 1e9};
constexpr int64_t kMostThreads = 1024, kMostTile = 65536;
constexpr size_t kMostText = 256, kMostFingerprint = 16384;
// What earlier versions wrote and nothing reads.
constexpr std::array<std::string_view, 1> kRetired{"repeat"};

void write_numbers(JsonWriter& json, std::string_view name, std::span<const double> numbers) {
  json.key(name);
  json.begin_array();
  for (const double n : numbers) json.value(n);
  json.end_array();
}

void write_family(JsonWriter& json, const FamilyFit& f) {
  json.begin_object();
  json.member("family", f.family);
  json.member("median_error", f.median_error);
  json.member("p90_error", f.p90_error);
  json.member("half_width_log", f.half_width);
  json.member("adopted", f.adopted);
  json.member("corrects", f.corrects);
  json.member("own_residuals", int64_t(f.own));
  json.member("reach", f.reach);
  json.member("noise", f.noise);
  json.key("features");
  json.begin_array();
  const estimate::Family* family = estimate::family_named(f.family);
  for (size_t i = 0; i < kMostCounts; ++i) json.value(family ? family->counts[i] : "");
  for (const auto* name : {"bytes read from L2", "bytes read from L3", "bytes read from memory",
                           "bytes written to L2", "bytes written beyond", "calls of other code",
                           "calls beyond L2", "calls beyond L3", "calls of threads", "calls"})
    json.value(name);
  json.end_array();
  write_numbers(json, "coefficients_s", f.coefficients);
  // Position, ln(measured / fitted), seconds, weight.
  json.key("residuals");
  json.begin_array();
  for (const Residual& r : f.residuals) {
    json.begin_array();
    for (const double p : r.position) json.value(std::round(p * 1e3) / 1e3);
    json.value(std::round(r.log_ratio * 1e5) / 1e5);
    json.value(r.seconds);
    json.value(r.weight);
    json.end_array();
  }
  json.end_array();
  json.end_object();
}

void write_power(JsonWriter& json, const estimate::PowerFit& p) {
  json.key("power");
  json.begin_object();
  json.key("sensors");
  json.begin_array();
  for (const std::string& sensor : p.sensors) json.value(sensor);
  json.end_array();
  json.member("workloads", int64_t(p.workloads));
  json.member("idle_w", p.idle_w);
  json.member("compute_w", p.compute_w);
  json.member("memory_w", p.memory_w);
  const auto price = [&](const std::string& name, double joules, double error) {
    if (joules <= 0) return;  // not identifiable
    json.member(name + "_j", joules);
    json.member(name + "_error_j", error);
  };
  price("operation", p.operation_j, p.operation_error_j);
  price("byte", p.byte_j, p.byte_error_j);
  json.member("left_out_error", p.left_out_error);
  json.member("half_width_log", p.half_width);
  json.end_object();
}

// Reads members of one object; the first error is kept and names the member.
class Reader {
 public:
  Reader(Json json, const std::string& path) : json_(json), path_(path) {}

  double number(std::string_view name, Range range) {
    const double n = read(name, [](const Json& j) { return j.as_double(); }, range.least);
    check(name, n, range);
    return n;
  }
  int64_t integer(std::string_view name, int64_t least, int64_t most) {
    const int64_t n = read(name, [](const Json& j) { return j.as_int64(); }, least);
    if (n < least || n > most)
      keep(name, fmt::format("{} is not a whole number from {} to {}", n, least, most));
    return n;
  }
  int count(std::string_view name, int64_t most) { return int(integer(name, 1, most)); }
  bool flag(std::string_view name) {
    return read(name, [](const Json& j) { return j.as_bool(); }, false);
  }
  std::string text(std::string_view name, size_t most = kMostText) {
    return text_of(
        name, read(name, [](const Json& j) { return j.as_string(); }, std::string_view()), most);
  }
  // It goes to terminals as it is.
  std::string text_of(std::string_view name, std::string_view text, size_t most = kMostText) {
    if (text.size() > most) keep(name, fmt::format("longer than {} bytes", most));
    for (size_t at = 0; at < text.size();) {
      const CodePoint code = decode_utf8(text.substr(at));
      if (code.length == 0 || is_unprintable(code.value)) {
        keep(name, "has a character that cannot be printed: " + printable(text));
        break;
      }
      at += code.length;
    }
    return std::string(text);
  }
  // None where it is not there or is something else.
  std::vector<Json> list(std::string_view name) {
    const auto found = member(name);
    std::vector<Json> items;
    if (!found) return items;
    if (!found->is_array()) {
      keep(name, "expected an array");
      return items;
    }
    for (const Json item : found->elements()) items.push_back(item);
    if (items.size() > kMostResiduals) keep(name, "there are too many");
    return items;
  }
  std::vector<double> numbers(std::string_view name, Range range) {
    std::vector<double> all;
    for (const Json item : list(name)) all.push_back(number_of(name, item, range));
    return all;
  }
  double number_of(std::string_view name, const Json& item, Range range) {
    const auto value = item.as_double();
    if (!value) {
      keep(name, value.error().message);
      return range.least;
    }
    check(name, *value, range);
    return *value;
  }
  void keep(std::string_view name, const std::string& what) {
    if (!error_) error_ = in_file(name, what);
  }
  Error in_file(std::string_view name, const std::string& what) const {
    Error error =
        fail(ErrorId::bad_data, "'" + printable(path_) + "': " + std::string(name) + ": " + what);
    error.hint = kHint;
    return error;
  }
  // Of a member that need not be there.
  auto find(std::string_view name) {
    asked_.emplace(name);
    return json_.find(name);
  }
  // After everything has been asked for.
  void refuse_the_rest() {
    for (const auto [name, value] : json_.members())
      if (!asked_.contains(name) && std::ranges::find(kRetired, name) == kRetired.end())
        keep(printable(name), "there is no such member");
  }
  const std::optional<Error>& error() const { return error_; }
  Json json() const { return json_; }

  static constexpr std::string_view kHint = "`hone calibrate` makes calibrations anew";

 private:
  template <class Get, class T>
  T read(std::string_view name, Get get, T fallback) {
    const auto found = member(name);
    if (!found) return fallback;
    auto value = get(*found);
    if (value) return *value;
    keep(name, value.error().message);
    return fallback;
  }
  std::optional<Json> member(std::string_view name) {
    asked_.emplace(name);
    auto found = json_.get(name);
    if (!found) {
      keep(name, found.error().message);
      return std::nullopt;
    }
    return *found;
  }
  void check(std::string_view name, double n, Range range) {
    if (!(n >= range.least && n <= range.most))
      keep(name, fmt::format("{:g} is not a number from {:g} to {:g}", n, range.least, range.most));
  }

  Json json_;
  const std::string& path_;
  std::set<std::string, std::less<>> asked_;
  std::optional<Error> error_;
};

Residual read_residual(const Json& row, Reader& r) {
  constexpr size_t kNumbers = kPosition + 3;
  Residual residual;
  if (!row.is_array() || row.size() != kNumbers) {
    r.keep("residuals", "expected rows of " + std::to_string(kNumbers) + " numbers");
    return residual;
  }
  constexpr std::array kRest{kLogarithm, kSeconds, kWeight};
  std::array<double, kNumbers> numbers{};
  size_t at = 0;
  for (const Json n : row.elements()) {
    numbers[at] = r.number_of("residuals", n, at < kPosition ? kPlace : kRest[at - kPosition]);
    ++at;
  }
  std::copy_n(numbers.begin(), kPosition, residual.position.begin());
  residual.log_ratio = numbers[kPosition];
  residual.seconds = numbers[kPosition + 1];
  residual.weight = numbers[kPosition + 2];
  return residual;
}

Result<FamilyFit> read_family(Json json, const std::string& path) {
  Reader r(json, path);
  if (!json.is_object()) return r.in_file("families", "expected objects");
  FamilyFit f;
  f.family = r.text("family");
  if (!r.error() && !estimate::family_named(f.family))
    return r.in_file("family", "there is no family '" + printable(f.family) + "'");
  f.median_error = r.number("median_error", kError);
  f.p90_error = r.number("p90_error", kError);
  f.half_width = r.number("half_width_log", kHalfWidth);
  f.adopted = r.flag("adopted");
  f.corrects = r.flag("corrects");
  f.own = size_t(r.integer("own_residuals", 0, int64_t(kMostResiduals)));
  f.reach = r.number("reach", kCorrector);
  f.noise = r.number("noise", kCorrector);
  const std::vector<double> coefficients = r.numbers("coefficients_s", kCoefficient);
  if (!r.error() && coefficients.size() != kFeatures)
    r.keep("coefficients_s", "expected " + std::to_string(kFeatures) + " numbers");
  // For people: what coefficients multiply.
  if (!std::ranges::all_of(r.list("features"), [](const Json& j) { return j.is_string(); }))
    r.keep("features", "expected names");
  for (const Json& row : r.list("residuals")) f.residuals.push_back(read_residual(row, r));
  if (f.own > f.residuals.size()) r.keep("own_residuals", "there are not so many residuals");
  r.refuse_the_rest();
  if (r.error()) return *r.error();
  std::ranges::copy(coefficients, f.coefficients.begin());
  return f;
}

// What everything else depends on.
Status read_schema(Reader& r) {
  if (!r.json().is_object()) return r.in_file("the document", "expected an object");
  const int64_t schema = r.integer("schema", 0, INT64_MAX);
  if (r.error()) return *r.error();
  if (schema == kSchema) return ok();
  return r.in_file("schema", "this hone reads schema " + std::to_string(kSchema) + ", not " +
                                 std::to_string(schema));
}

void read_machine(Reader& r, Calibration& c) {
  c.machine.threads = r.count("threads", kMostThreads);
  for (const auto& [name, bytes] : {std::pair("l1_bytes", &c.machine.l1_bytes),
                                    {"l2_bytes", &c.machine.l2_bytes},
                                    {"l3_bytes", &c.machine.l3_bytes}})
    *bytes = r.number(name, kBytes);
  c.machine.tile_rows = r.count("tile_rows", kMostTile);
  c.machine.tile_columns = r.count("tile_columns", kMostTile);
  c.machine.vector = r.count("vector", kMostTile);
  c.machine.byte_rows = r.count("byte_rows", kMostTile);
  c.machine.byte_columns = r.count("byte_columns", kMostTile);
  c.machine.block_rows = r.count("block_rows", kMostTile);
  for (const auto& [name, rate] : {std::pair("f32_flops", &c.rates.f32_flops),
                                   {"int8_ops", &c.rates.int8_ops},
                                   {"l2_bytes_per_s", &c.rates.l2_bytes_per_s},
                                   {"l3_bytes_per_s", &c.rates.l3_bytes_per_s},
                                   {"dram_bytes_per_s", &c.rates.dram_bytes_per_s}})
    *rate = r.number(name, kRate);
}

Result<estimate::PowerFit> read_power(Json json, const std::string& path) {
  Reader r(json, path);
  if (!json.is_object()) return r.in_file("power", "expected an object");
  estimate::PowerFit p;
  for (const Json& sensor : r.list("sensors")) {
    const auto name = sensor.as_string();
    if (!name) return r.in_file("sensors", name.error().message);
    p.sensors.push_back(r.text_of("sensors", *name));
  }
  p.workloads = size_t(r.count("workloads", 1000));
  p.idle_w = r.number("idle_w", kWatts);
  p.compute_w = r.number("compute_w", kWatts);
  p.memory_w = r.number("memory_w", kWatts);
  const auto price = [&](const std::string& name, double& joules, double& error) {
    if (!r.find(name + "_j") && !r.find(name + "_error_j")) return;
    joules = r.number(name + "_j", kJoules);
    error = r.number(name + "_error_j", {0, kJoules.most});
  };
  price("operation", p.operation_j, p.operation_error_j);
  price("byte", p.byte_j, p.byte_error_j);
  p.left_out_error = r.number("left_out_error", kError);
  p.half_width = r.number("half_width_log", {1e-9, kHalfWidth.most});
  r.refuse_the_rest();
  if (r.error()) return *r.error();
  if (p.sensors.empty()) return r.in_file("sensors", "there is none");
  return p;
}

}  // namespace

std::string print(const Calibration& c) {
  std::string text;
  JsonWriter json(text, 1);
  json.begin_object();
  json.member("schema", kSchema);
  json.member("device", c.device);
  json.member("created", c.created);
  json.member("cpu", c.cpu);
  json.member("fingerprint", c.fingerprint);
  json.member("kernels", c.kernels);
  json.member("engine", c.engine);
  json.member("threads", c.machine.threads);
  json.member("l1_bytes", c.machine.l1_bytes);
  json.member("l2_bytes", c.machine.l2_bytes);
  json.member("l3_bytes", c.machine.l3_bytes);
  json.member("tile_rows", c.machine.tile_rows);
  json.member("tile_columns", c.machine.tile_columns);
  json.member("vector", c.machine.vector);
  json.member("byte_rows", c.machine.byte_rows);
  json.member("byte_columns", c.machine.byte_columns);
  json.member("block_rows", c.machine.block_rows);
  json.member("f32_flops", c.rates.f32_flops);
  json.member("int8_ops", c.rates.int8_ops);
  json.member("l2_bytes_per_s", c.rates.l2_bytes_per_s);
  json.member("l3_bytes_per_s", c.rates.l3_bytes_per_s);
  json.member("dram_bytes_per_s", c.rates.dram_bytes_per_s);
  json.member("seed", int64_t(c.seed));
  json.member("shapes", int64_t(c.shapes));
  json.member("samples", int64_t(c.samples));
  json.member("took_s", c.seconds);
  json.member("noise", c.noise);
  json.member("step_s", c.step_seconds);
  json.member("run_s", c.run_seconds);
  json.member("scale", c.scale);
  json.member("half_width_difficulty", c.half_width);
  json.member("network_half_width_log", c.network_half_width);
  write_numbers(json, "network_residuals", c.network_residuals);
  if (c.power) write_power(json, *c.power);
  json.key("families");
  json.begin_array();
  for (const FamilyFit& f : c.families) write_family(json, f);
  json.end_array();
  json.end_object();
  return text + "\n";
}

Result<Calibration> parse_calibration(std::string_view text, const std::string& path,
                                      const Limits& limits) {
  Ledger ledger(limits);
  auto document = JsonDocument::parse(text, ledger);
  if (!document) {
    Error error = document.error();
    // Hints about models say nothing of this file; those about limits do.
    if (info(error.id).blame == Blame::input) error.hint = Reader::kHint;
    error.context.push_back("reading '" + printable(path) + "'");
    return error;
  }
  Reader r(document->root(), path);
  TRY(read_schema(r));
  Calibration c;
  c.device = r.text("device");
  c.created = r.text("created");
  c.cpu = r.text("cpu");
  c.fingerprint = r.text("fingerprint", kMostFingerprint);
  c.kernels = r.text("kernels");
  c.engine = r.text("engine");
  read_machine(r, c);
  constexpr int64_t kMostSamples = 1'000'000'000;
  c.seed = uint64_t(r.integer("seed", INT64_MIN, INT64_MAX));
  c.shapes = size_t(r.integer("shapes", 0, kMostSamples));
  c.samples = size_t(r.integer("samples", 0, kMostSamples));
  c.seconds = r.number("took_s", kSeconds);
  c.noise = r.number("noise", kError);
  c.step_seconds = r.number("step_s", kStepSeconds);
  c.run_seconds = r.number("run_s", kStepSeconds);
  c.scale = r.number("scale", kScale);
  c.half_width = r.number("half_width_difficulty", kHalfWidth);
  c.network_half_width = r.number("network_half_width_log", kHalfWidth);
  c.network_residuals = r.numbers("network_residuals", kLogarithm);
  const std::vector<Json> families = r.list("families");
  if (const auto power = r.find("power")) c.power = TRY(read_power(*power, path));
  r.refuse_the_rest();
  if (r.error()) return *r.error();
  for (const Json& f : families) {
    FamilyFit fit = TRY(read_family(f, path));
    if (c.fit(fit.family)) return r.in_file("families", fit.family + " stands twice");
    c.families.push_back(std::move(fit));
  }
  return c;
}

}  // namespace hone::calibrate
