// Hostile graphs in the text form: what is linear for honest models stays so for these.
#include <gtest/gtest.h>

#include <set>

#include "backends/backends.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "malformed/guarded.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/session.h"

namespace hone {
namespace {

// Of CPU time: several times what they take, and less than with a walk over all outputs for each.
constexpr testing::Bounds kBounds{.seconds = 5};

// Reads, cleans and binds the model.
testing::Outcome clean(const std::string& text) {
  const auto outcome = testing::guarded(
      [&](const testing::Note& note) -> Status {
        note("reading");
        Model model = TRY(parse_model_text(text, standard_catalogue(), Limits{}));
        note("cleaning");
        TRY(run_pipeline(model, "clean", standard_catalogue(), Limits{}));
        note("verifying");
        TRY(verify(model, standard_catalogue(), Phase::clean));
        note("binding");
        const auto shared = std::make_shared<const Model>(std::move(model));
        TRY(Program::make(shared, TRY(backends_for("auto")), Limits{}));
        return ok();
      },
      kBounds);
  testing::expect_contained(outcome, kBounds);
  EXPECT_FALSE(outcome.refused) << outcome.message;
  return outcome;
}

std::string joined(const std::string& before, int count, const std::string& after) {
  std::string list;
  for (int i = 0; i < count; ++i) list += (i ? ", " : "") + before + std::to_string(i) + after;
  return list;
}

// Each output is replaced several times on its way, and half of them become one value.
TEST(HostileGraph, ManyOutputs) {
  constexpr int kOutputs = 50'000 / testing::kSlack;
  std::string text = "hone 1 graph g(x: f32[2]) -> (" + joined("y", kOutputs, "") + ") {\n";
  for (int i = 0; i < kOutputs; ++i) {
    const std::string number = std::to_string(i / 2 * 2);
    text += "  y" + std::to_string(i) + " = identity(neg(neg(" +
            (i % 4 < 2 ? "x" : "leaky_relu(x) <alpha=1" + number + ".0>") + ")))\n";
  }
  clean(text + "}");
}

TEST(HostileGraph, OneValueAsManyOutputs) {
  clean("hone 1 graph g(x: f32[2]) -> (" + joined("y", 50'000, " = z") +
        ") { z = identity(relu(relu(neg(neg(x))))) }");
}

TEST(HostileGraph, ManyStates) {
  constexpr int kStates = 30'000;
  std::string text = "hone 1 graph g(x: f32[1]) state " + joined("s", kStates, ": f32[1]") +
                     " -> (y) {\n  y = neg(neg(neg(x)))\n";
  for (int i = 0; i < kStates; ++i)
    text += "  next s" + std::to_string(i) + " = " + (i % 2 ? "y" : "identity(x)") + "\n";
  clean(text + "}");
}

// One node that uses one value often, which is replaced several times.
TEST(HostileGraph, OneValueAsManyInputs) {
  std::string list = "a";
  for (int i = 1; i < 300'000; ++i) list += ", a";
  clean("hone 1 graph g(x: f32[2]) -> (y) { a = identity(neg(neg(x))) y = concat(" + list +
        ") <axis=0> }");
}

TEST(HostileGraph, ManyOrigins) {
  std::string origins = "\"n\"";
  for (int i = 0; i < 100'000; ++i) origins += ", \"n" + std::to_string(i) + "\"";
  clean("hone 1 graph g(x: f32[2]) -> (y) { y = max(x, 0.0) from " + origins + " }");
}

// Constants whose names are what others would be called when their own is taken.
TEST(HostileGraph, ConstantNamesThatAreTaken) {
  constexpr int kNames = 50'000;
  const auto outcome = testing::guarded(
      [&](const testing::Note&) -> Status {
        Model model;
        const Tensor one = Tensor::of({1, 1}, std::vector<float>{1});
        for (int i = 0; i < kNames; ++i)
          model.add_constant("x." + std::to_string(kNames + 1 + i), one);
        for (int i = 0; i < kNames; ++i) model.add_constant("x", one);
        std::set<std::string> names;
        for (const Constant& c : model.constants) names.insert(c.name);
        if (names.size() != 2 * kNames) return fail(ErrorId::internal, "names are not unique");
        return ok();
      },
      kBounds);
  testing::expect_contained(outcome, kBounds);
  EXPECT_FALSE(outcome.refused) << outcome.message;
}

}  // namespace
}  // namespace hone
