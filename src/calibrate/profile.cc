#include "calibrate/profile.h"

#include <climits>
#include <cmath>

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
constexpr size_t kMostResiduals = 10'000;

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

  double number(std::string_view name) {
    return read(name, [](const Json& j) { return j.as_double(); }, 0.0);
  }
  int64_t integer(std::string_view name) {
    return read(name, [](const Json& j) { return j.as_int64(); }, int64_t{0});
  }
  bool flag(std::string_view name) {
    return read(name, [](const Json& j) { return j.as_bool(); }, false);
  }
  std::string text(std::string_view name) {
    return std::string(read(name, [](const Json& j) { return j.as_string(); }, std::string_view()));
  }
  // An integer from 1 on that fits into an int, and numbers above or from zero on.
  int count(std::string_view name) {
    const int64_t n = integer(name);
    if (n < 1 || n > INT_MAX) keep(name, "it has to be a number from 1 on");
    return int(n);
  }
  double positive(std::string_view name) {
    const double n = number(name);
    if (!(n > 0)) keep(name, "it has to be positive");
    return n;
  }
  double not_negative(std::string_view name) {
    const double n = number(name);
    if (!(n >= 0)) keep(name, "it is negative");
    return n;
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
    return items;
  }
  std::vector<double> numbers(std::string_view name) {
    std::vector<double> all;
    for (const Json item : list(name)) all.push_back(number_of(name, item));
    return all;
  }
  double number_of(std::string_view name, const Json& item) {
    const auto value = item.as_double();
    if (!value) keep(name, value.error().message);
    return value ? *value : 0;
  }
  std::optional<Json> member(std::string_view name) {
    auto found = json_.get(name);
    if (!found) {
      keep(name, found.error().message);
      return std::nullopt;
    }
    return *found;
  }
  void keep(std::string_view name, const std::string& what) {
    if (!error_) error_ = in_file(name, what);
  }
  Error in_file(std::string_view name, const std::string& what) const {
    Error error =
        fail(ErrorId::bad_data, "'" + printable(path_) + "': " + std::string(name) + ": " + what);
    error.hint = "`hone calibrate` makes calibrations anew";
    return error;
  }
  const std::optional<Error>& error() const { return error_; }
  Json json() const { return json_; }

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

  Json json_;
  const std::string& path_;
  std::optional<Error> error_;
};

Residual read_residual(const Json& row, Reader& r) {
  constexpr size_t kNumbers = kPosition + 3;
  Residual residual;
  if (!row.is_array() || row.size() != kNumbers) {
    r.keep("residuals", "expected rows of " + std::to_string(kNumbers) + " numbers");
    return residual;
  }
  std::array<double, kNumbers> numbers{};
  size_t at = 0;
  for (const Json n : row.elements()) numbers[at++] = r.number_of("residuals", n);
  std::copy_n(numbers.begin(), kPosition, residual.position.begin());
  residual.log_ratio = numbers[kPosition];
  residual.seconds = numbers[kPosition + 1];
  residual.weight = numbers[kPosition + 2];
  return residual;
}

Result<FamilyFit> read_family(Json json, const std::string& path) {
  Reader r(json, path);
  FamilyFit f;
  f.family = r.text("family");
  if (!r.error() && !estimate::family_named(f.family))
    return r.in_file("family", "there is no family '" + printable(f.family) + "'");
  f.median_error = r.not_negative("median_error");
  f.p90_error = r.not_negative("p90_error");
  f.half_width = r.not_negative("half_width_log");
  f.adopted = r.flag("adopted");
  f.corrects = r.flag("corrects");
  const int64_t own = r.integer("own_residuals");
  f.reach = r.positive("reach");
  f.noise = r.positive("noise");
  const std::vector<double> coefficients = r.numbers("coefficients_s");
  const std::vector<Json> rows = r.list("residuals");
  if (r.error()) return *r.error();
  if (coefficients.size() != kFeatures)
    return r.in_file("coefficients_s", "expected " + std::to_string(kFeatures) + " numbers");
  for (size_t i = 0; i < kFeatures; ++i) {
    if (!(coefficients[i] >= 0)) return r.in_file("coefficients_s", "a coefficient is negative");
    f.coefficients[i] = coefficients[i];
  }
  if (rows.size() > kMostResiduals) return r.in_file("residuals", "there are too many");
  if (own < 0 || size_t(own) > rows.size())
    return r.in_file("own_residuals", "there are not so many residuals");
  f.own = size_t(own);
  for (const Json& row : rows) f.residuals.push_back(read_residual(row, r));
  if (r.error()) return *r.error();
  return f;
}

Result<estimate::PowerFit> read_power(Json json, const std::string& path) {
  Reader r(json, path);
  if (!json.is_object()) return r.in_file("power", "expected an object");
  estimate::PowerFit p;
  for (const Json& sensor : r.list("sensors")) {
    const auto name = sensor.as_string();
    if (!name) return r.in_file("sensors", name.error().message);
    p.sensors.emplace_back(*name);
  }
  p.workloads = size_t(r.count("workloads"));
  p.idle_w = r.not_negative("idle_w");
  p.compute_w = r.not_negative("compute_w");
  p.memory_w = r.not_negative("memory_w");
  const auto price = [&](const std::string& name, double& joules, double& error) {
    if (!json.find(name + "_j") && !json.find(name + "_error_j")) return;
    joules = r.positive(name + "_j");
    error = r.not_negative(name + "_error_j");
  };
  price("operation", p.operation_j, p.operation_error_j);
  price("byte", p.byte_j, p.byte_error_j);
  p.left_out_error = r.not_negative("left_out_error");
  p.half_width = r.positive("half_width_log");
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

Result<Calibration> parse_calibration(std::string_view text, const std::string& path) {
  const Limits limits;
  Ledger ledger(limits);
  const JsonDocument document =
      TRY(JsonDocument::parse(text, ledger).context("reading '" + printable(path) + "'"));
  Reader r(document.root(), path);
  if (!r.json().is_object()) return r.in_file("the document", "expected an object");
  if (const int64_t schema = r.integer("schema"); !r.error() && schema != kSchema)
    return r.in_file("schema", "this hone reads schema " + std::to_string(kSchema) + ", not " +
                                   std::to_string(schema));
  Calibration c;
  c.device = r.text("device");
  c.created = r.text("created");
  c.cpu = r.text("cpu");
  c.fingerprint = r.text("fingerprint");
  c.kernels = r.text("kernels");
  c.engine = r.text("engine");
  c.machine.threads = r.count("threads");
  c.machine.l1_bytes = r.positive("l1_bytes");
  c.machine.l2_bytes = r.positive("l2_bytes");
  c.machine.l3_bytes = r.positive("l3_bytes");
  c.machine.tile_rows = r.count("tile_rows");
  c.machine.tile_columns = r.count("tile_columns");
  c.machine.vector = r.count("vector");
  c.machine.byte_rows = r.count("byte_rows");
  c.machine.byte_columns = r.count("byte_columns");
  c.machine.block_rows = r.count("block_rows");
  c.rates = {r.not_negative("f32_flops"), r.not_negative("int8_ops"),
             r.not_negative("l2_bytes_per_s"), r.not_negative("l3_bytes_per_s"),
             r.not_negative("dram_bytes_per_s")};
  c.seed = uint64_t(r.integer("seed"));
  c.shapes = size_t(r.integer("shapes"));
  c.samples = size_t(r.integer("samples"));
  c.seconds = r.not_negative("took_s");
  c.noise = r.not_negative("noise");
  c.step_seconds = r.not_negative("step_s");
  c.run_seconds = r.not_negative("run_s");
  c.scale = r.positive("scale");
  c.half_width = r.not_negative("half_width_difficulty");
  c.network_half_width = r.not_negative("network_half_width_log");
  c.network_residuals = r.numbers("network_residuals");
  const std::vector<Json> families = r.list("families");
  if (r.error()) return *r.error();
  if (const auto power = r.json().find("power")) c.power = TRY(read_power(*power, path));
  for (const Json& f : families) c.families.push_back(TRY(read_family(f, path)));
  return c;
}

}  // namespace hone::calibrate
