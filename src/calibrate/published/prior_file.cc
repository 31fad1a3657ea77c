// The prior as a table: `kind,quantity,name,value` and a column for each network.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.h"
#include "calibrate/published/prior.h"

namespace hone::calibrate {
namespace {

constexpr size_t kFixed = 4;  // columns in front of those of the networks
constexpr std::array<std::string_view, kFixed> kFixedNames{"kind", "quantity", "name", "value"};

// Five digits are more than the data hold; six keep matrices positive definite.
std::string number(double x) { return fmt::format("{:.6g}", x); }

class Writer {
 public:
  explicit Writer(const Prior& prior) : prior_(prior) {}

  std::string write() {
    std::vector<std::string> header(kFixedNames.begin(), kFixedNames.end());
    header.insert(header.end(), prior_.networks.begin(), prior_.networks.end());
    text_ = csv_line(header);
    row("", "source", prior_.source, "");
    row("", "statistic", std::string(name(prior_.statistic)), "");
    for (const std::string& network : prior_.calibration) row("", "calibration", network, "");
    for (size_t k = 0; k < kRunKinds; ++k)
      for (const bool known : {true, false}) bound(RunKind(k), known);
    features();
    for (size_t k = 0; k < kRunKinds; ++k) kind(name(RunKind(k)), prior_.kinds[k]);
    return std::move(text_);
  }

 private:
  void row(std::string_view kind, std::string_view quantity, std::string name, std::string value,
           std::vector<std::string> of_networks = {}) {
    of_networks.resize(prior_.networks.size());
    std::vector<std::string> cells{std::string(kind), std::string(quantity), std::move(name),
                                   std::move(value)};
    cells.insert(cells.end(), of_networks.begin(), of_networks.end());
    text_ += csv_line(cells);
  }
  void bound(RunKind kind, bool known) {
    const ConformalBound& b = prior_.bound(kind, known);
    if (b.n == 0) return;
    const std::string of = known ? "known" : "by_features";
    row(name(kind), "bound", of, number(b.half_width));
    row(name(kind), "bound_residuals", of, fmt::format("{}", b.n));
  }
  void features() {
    for (size_t f = 0; f < NetworkFeatures::kColumns.size(); ++f) {
      std::vector<std::string> cells;
      for (const auto& of : prior_.features)
        cells.push_back(of ? fmt::format("{:.17g}", of->values[f]) : "");
      row("", "feature", std::string(NetworkFeatures::kColumns[f]), "", cells);
    }
  }
  void kind(std::string_view kind, const Gaussian& g) {
    std::vector<std::string> cells;
    for (const double x : g.mean) cells.push_back(number(x));
    row(kind, "mean", "", "", cells);
    for (size_t r = 0; r < prior_.networks.size(); ++r) {
      cells.clear();
      for (size_t c = 0; c <= r; ++c) cells.push_back(number(g.covariance(r, c)));
      row(kind, "covariance", prior_.networks[r], "", cells);
    }
  }

  const Prior& prior_;
  std::string text_;
};

class Reader {
 public:
  explicit Reader(const CsvTable& table) : table_(table) {}

  Result<Prior> read() {
    TRY(header());
    for (size_t row = 0; row < table_.rows(); ++row) TRY(read_row(row));
    TRY(complete());
    return std::move(prior_);
  }

 private:
  Status header() {
    for (size_t c = 0; c < kFixed; ++c) {
      if (c < table_.columns() && table_.header(c) == kFixedNames[c]) continue;
      return fail(ErrorId::bad_data, fmt::format("{}:1: a prior begins with the columns {}",
                                                 table_.name(), fmt::join(kFixedNames, ",")));
    }
    n_ = table_.columns() - kFixed;
    if (n_ == 0 || n_ > kMostNetworks)
      return fail(ErrorId::bad_data,
                  fmt::format("{}:1: {} networks, not 1 to {}", table_.name(), n_, kMostNetworks));
    for (size_t c = 0; c < n_; ++c) {
      const std::string_view network = table_.header(kFixed + c);
      if (find_network(prior_.networks, network))
        return fail(ErrorId::duplicate_name, fmt::format("{}:1: two columns are of the network {}",
                                                         table_.name(), printable(network)));
      prior_.networks.emplace_back(network);
    }
    features_.resize(n_);
    have_.assign(n_, 0);
    for (Gaussian& g : prior_.kinds) g = {std::vector<double>(n_, std::nan("")), Matrix(n_, n_)};
    return ok();
  }

  Status read_row(size_t row) {
    const std::string_view quantity = table_.cell(row, 1);
    if (quantity == "source") {
      prior_.source = table_.cell(row, 2);
    } else if (quantity == "statistic") {
      const auto statistic = parse_statistic(table_.cell(row, 2));
      if (!statistic) return table_.error(row, 2, "is none of avg, min and max");
      prior_.statistic = *statistic;
    } else if (quantity == "calibration") {
      if (!find_network(prior_.networks, table_.cell(row, 2)))
        return table_.error(row, 2, "there is no column of this network");
      prior_.calibration.emplace_back(table_.cell(row, 2));
    } else if (quantity == "bound" || quantity == "bound_residuals") {
      return read_bound(row, quantity == "bound");
    } else if (quantity == "feature") {
      return read_feature(row);
    } else if (quantity == "mean" || quantity == "covariance") {
      return read_kind(row, quantity == "mean");
    } else {
      return table_.error(row, 1, fmt::format("\"{}\" is unknown", printable(quantity)));
    }
    return ok();
  }

  Result<RunKind> run_kind_of(size_t row) const {
    for (size_t k = 0; k < kRunKinds; ++k)
      if (name(RunKind(k)) == table_.cell(row, 0)) return RunKind(k);
    return table_.error(row, 0, "is no kind of run");
  }

  Status read_bound(size_t row, bool width) {
    const RunKind kind = TRY(run_kind_of(row));
    const std::string_view of = table_.cell(row, 2);
    if (of != "known" && of != "by_features")
      return table_.error(row, 2, "is neither known nor by_features");
    const double value = TRY(table_.number(row, 3));
    if (value < 0 || value > 1e9) return table_.error(row, 3, "is out of range");
    ConformalBound& bound = prior_.bound(kind, of == "known");
    if (width) {
      bound.half_width = value;
    } else {
      bound.n = static_cast<size_t>(value);
      bound.certified = bound.n >= 9;
    }
    return ok();
  }

  Status read_feature(size_t row) {
    const auto& columns = NetworkFeatures::kColumns;
    const auto at = std::find(columns.begin(), columns.end(), table_.cell(row, 2));
    if (at == columns.end()) return table_.error(row, 2, "is no feature of networks");
    for (size_t c = 0; c < n_; ++c) {
      const auto value = TRY(table_.optional_number(row, kFixed + c));
      if (!value) continue;
      if (*value < 0) return table_.error(row, kFixed + c, "is negative");
      if (*value > kMostFeature)
        return table_.error(row, kFixed + c, fmt::format("is above {:g}", kMostFeature));
      features_[c].values[size_t(at - columns.begin())] = *value;
      ++have_[c];
    }
    return ok();
  }

  // Logarithms of times, and their squares, are small; huge ones would lose all digits.
  Result<double> moderate(size_t row, size_t column) const {
    constexpr double kMost = 1e4;
    const double value = TRY(table_.number(row, column));
    if (std::abs(value) > kMost) return table_.error(row, column, "is out of range");
    return value;
  }

  Status read_kind(size_t row, bool mean) {
    Gaussian& g = prior_.kinds[size_t(TRY(run_kind_of(row)))];
    if (mean) {
      for (size_t c = 0; c < n_; ++c) g.mean[c] = TRY(moderate(row, kFixed + c));
      return ok();
    }
    const auto of = find_network(prior_.networks, table_.cell(row, 2));
    if (!of) return table_.error(row, 2, "there is no column of this network");
    for (size_t c = 0; c <= *of; ++c)
      g.covariance(*of, c) = g.covariance(c, *of) = TRY(moderate(row, kFixed + c));
    return ok();
  }

  Status complete() {
    const auto missing = [&](std::string_view what) {
      return fail(ErrorId::bad_data, fmt::format("{}: {}", table_.name(), what));
    };
    if (prior_.calibration.empty()) return missing("there is no row calibration");
    for (size_t k = 0; k < kRunKinds; ++k) {
      const Gaussian& g = prior_.kinds[k];
      for (const double m : g.mean)
        if (std::isnan(m)) return missing(fmt::format("there is no mean of {}", name(RunKind(k))));
      if (!cholesky(g.covariance))
        return missing(
            fmt::format("the covariance of {} is not positive definite", name(RunKind(k))));
    }
    for (size_t c = 0; c < n_; ++c) {
      features_[c].network = prior_.networks[c];
      const bool all = have_[c] == NetworkFeatures::kColumns.size();
      if (have_[c] != 0 && (!all || features_[c].macs() <= 0))
        return missing(
            fmt::format("the features of {} are incomplete", printable(prior_.networks[c])));
      prior_.features.push_back(all ? std::optional(features_[c]) : std::nullopt);
    }
    return ok();
  }

  const CsvTable& table_;
  Prior prior_;
  size_t n_ = 0;
  std::vector<NetworkFeatures> features_;
  std::vector<size_t> have_;  // features of each network
};

}  // namespace

std::string print_prior(const Prior& prior) { return Writer(prior).write(); }
Result<Prior> parse_prior(const CsvTable& table) { return Reader(table).read(); }

}  // namespace hone::calibrate
