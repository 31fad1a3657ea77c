#include "passes/winograd_choice.h"

#include <fmt/format.h>

#include <functional>
#include <map>

#include "ir/builder.h"
#include "passes/panels.h"

namespace hone {
namespace {

// F(4 x 4, 3 x 3) multiplies tiles of 6 x 6 numbers for 4 x 4 results.
constexpr int64_t kTile = 4, kProducts = 36, kPositions = 9;

int64_t tiles_of(const WinogradCase& c) {
  return c.images * ((c.out_height() + kTile - 1) / kTile) * ((c.out_width() + kTile - 1) / kTile);
}

double macs_of(const WinogradCase& c) {
  return double(c.images * c.out_height() * c.out_width()) * double(c.channels * c.filters) *
         double(kPositions);
}

// The convolution alone, with the bias and activation that most have.
Result<Model> alone(const PassContext& context, const WinogradCase& c, int64_t panel,
                    bool winograd) {
  Model model;
  Builder builder(model, model.add_graph("main"), context.catalogue);
  const int64_t panels = panel_count(c.filters, panel);
  const ValueId x = builder.graph().add_input(
      "x", Type(DType::f32, Shape::of({c.images, c.height, c.width, c.channels})));
  const ValueId w = builder.constant(
      TRY(made_up_weights({1, panels, kPositions * c.channels, panel}, context.limits)));
  const ValueId bias = builder.constant(TRY(made_up_weights({c.filters}, context.limits)));
  Builder::Given given{{"filters", c.filters},
                       {"kernel_shape", Integers{3, 3}},
                       {"pads", c.pads},
                       {"activation", std::string("relu")},
                       {"algorithm", std::string(winograd ? "winograd" : "direct")}};
  const ValueId y = TRY(builder.emit1("channels_last_conv", {x, w, bias}, given));
  // An output is new memory in every run; as in a whole model, the result is to lie in the arena.
  const ValueId row =
      TRY(builder.emit1("gather", {y, builder.integers({0})}, {{"axis", int64_t{1}}}));
  builder.graph().add_output("row", row);
  return model;
}

}  // namespace

std::string WinogradCase::str() const {
  return fmt::format("conv 3x3 f32[{},{},{},{}] filters={} pads={},{},{},{}", images, height, width,
                     channels, filters, pads[0], pads[1], pads[2], pads[3]);
}

double direct_seconds(const WinogradCase& c) {
  constexpr double kMac = 1.2e-11, kWeight = 1.7e-10, kTap = 6.7e-9;
  const double taps = double(c.images * c.out_height() * c.out_width()) * kPositions;
  return kMac * macs_of(c) + kTap * taps + kWeight * double(kPositions * c.channels * c.filters);
}

// Products of tiles and weights work on kRows tiles at a time; weights are read again for every
// kBlock tiles.
double winograd_seconds(const WinogradCase& c) {
  constexpr double kMac = 1.5e-11, kIn = 2.6e-8, kOut = 1.7e-8, kWeight = 6.9e-11;
  constexpr int64_t kRows = 8, kBlock = 48;
  const int64_t tiles = tiles_of(c), rows = (tiles + kRows - 1) / kRows * kRows;
  const int64_t blocks = (tiles + kBlock - 1) / kBlock;
  const double weights = double(kProducts) * double(c.channels * c.filters);
  return kMac * double(rows) * weights + kWeight * double(blocks) * weights +
         double(tiles) * (kIn * double(c.channels) + kOut * double(c.filters));
}

Result<WinogradWay> winograd_way(PassContext& c) {
  const std::string& text = c.options["winograd"];
  if (text.empty()) return WinogradWay::chosen;
  if (text == "always") return WinogradWay::always;
  if (text == "never") return WinogradWay::never;
  return fail(ErrorId::usage, c.journal.pass + " takes winograd=always or never");
}

WinogradChoice::WinogradChoice(PassContext& c, WinogradWay way, int64_t panel)
    : context_(c), way_(way), panel_(panel) {}

Times WinogradChoice::ask(const WinogradCase& c) const {
  // What takes so long that a few runs would cost more than a compilation should: the rule knows
  // it.
  constexpr double kLong = 0.03;
  if (!context_.choosing.stopwatch || direct_seconds(c) > kLong) return {};
  const auto build = [&](bool winograd) {
    return [this, &c, winograd] { return alone(context_, c, panel_, winograd); };
  };
  Times times =
      context_.choosing.stopwatch({c.str(), {{"direct", build(false)}, {"winograd", build(true)}}});
  if (times.seconds.size() != 2) times = {};
  return times;
}

// The largest are asked about first: time for measuring may be short.
std::vector<WinogradChoice::Rated> WinogradChoice::rate(const std::vector<WinogradCase>& cases) {
  std::map<std::string, std::vector<const WinogradCase*>> equal;
  for (const WinogradCase& c : cases) equal[c.str()].push_back(&c);
  std::multimap<double, const std::vector<const WinogradCase*>*, std::greater<>> by_work;
  for (const auto& [name, group] : equal)
    by_work.emplace(macs_of(*group.front()) * double(group.size()), &group);
  std::vector<Rated> rated;
  for (const auto& [work, group] : by_work) {
    const Times times = ask(*group->front());
    const bool known = !times.seconds.empty();
    for (const WinogradCase* c : *group) {
      const double direct = known ? times.seconds[0] : direct_seconds(*c);
      const double winograd = known ? times.seconds[1] : winograd_seconds(*c);
      rated.push_back({c, times, winograd < kClearlyFaster * direct});
    }
  }
  return rated;
}

void WinogradChoice::report(const Rated& rated) {
  Decision d{.question = rated.what->str(),
             .chosen = rated.winograd ? "winograd" : "direct",
             .source = rated.times.source.empty() ? "rule" : rated.times.source,
             .nodes = 1};
  if (!rated.times.seconds.empty())
    d.seconds = {{"direct", rated.times.seconds[0]}, {"winograd", rated.times.seconds[1]}};
  for (Decision& other : context_.decisions) {
    if (other.question != d.question || other.chosen != d.chosen || other.source != d.source)
      continue;
    ++other.nodes;
    return;
  }
  context_.decisions.push_back(std::move(d));
}

std::set<NodeId> WinogradChoice::choose(const std::vector<WinogradCase>& cases) {
  std::set<NodeId> chosen;
  if (way_ != WinogradWay::chosen) {
    for (const WinogradCase& c : cases)
      if (way_ == WinogradWay::always) chosen.insert(c.node);
    return chosen;
  }
  for (const Rated& r : rate(cases)) {
    if (r.winograd) chosen.insert(r.what->node);
    report(r);
  }
  return chosen;
}

}  // namespace hone
