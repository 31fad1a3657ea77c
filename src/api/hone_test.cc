// The public API as a program outside uses it: only hone/hone.h is included.
#include "hone/hone.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <filesystem>

#include "base/scratch_folder.h"

namespace hone::v1 {
namespace {

constexpr std::string_view kModel = R"(hone 1
symbol N: call
const @w: f32[2,2] = {1, 2, 3, 4}
graph main(x: f32[N,2]) -> (y) {
  y: f32[N,2] = matmul(x, @w)
}
)";
constexpr std::string_view kCounter = R"(hone 1
graph main(x: f32[2]) state total: f32[2] -> (y) {
  y: f32[2] = add(total, x)
  next total = y
}
)";

Value floats(std::vector<int64_t> shape, std::vector<float> elements) {
  auto value = Value::of<float>(std::move(shape), elements);
  EXPECT_TRUE(value.ok());
  return *value;
}
std::vector<float> elements(const Value& value) {
  const auto span = value.as<float>();
  return {span.begin(), span.end()};
}

TEST(Api, ParsesDescribesRuns) {
  const auto model = Model::parse(kModel);
  ASSERT_TRUE(model.ok()) << model.error().describe();
  const Description d = model->describe();
  EXPECT_EQ(d.format, "text");
  ASSERT_EQ(d.inputs.size(), 1u);
  EXPECT_EQ(d.inputs[0].type, "f32[N,2]");
  EXPECT_EQ(d.inputs[0].shape, (std::vector<std::string>{"N", "2"}));
  EXPECT_EQ(d.parameters, 4u);
  EXPECT_EQ(d.operators[0].name, "matmul");
  const auto executable = model->compile({.backend = "reference", .threads = 1});
  ASSERT_TRUE(executable.ok()) << executable.error().describe();
  const auto outputs = executable->run({floats({1, 2}, {1, 10})});
  ASSERT_TRUE(outputs.ok()) << outputs.error().describe();
  EXPECT_EQ(elements((*outputs)[0]), (std::vector<float>{31, 42}));
  EXPECT_EQ(executable->shares()[0].nodes, 1u);
}

TEST(Api, EveryIterationDrawsAnew) {
  const auto model = Model::parse(R"(hone 1
graph main() -> (all) {
  all = loop(i64{2}, _) <body=graph body, carried=0>
}
graph body(i: i64[], c: bool[]) -> (go = c, y) {
  y = random_normal() <shape=[2]>
}
)");
  ASSERT_TRUE(model.ok()) << model.error().describe();
  const auto executable = model->compile({.backend = "reference", .threads = 1});
  ASSERT_TRUE(executable.ok()) << executable.error().describe();
  const auto outputs = executable->run({});
  ASSERT_TRUE(outputs.ok()) << outputs.error().describe();
  const std::vector<float> drawn = elements((*outputs)[0]);
  ASSERT_EQ(drawn.size(), 4u);
  EXPECT_NE(drawn[0], drawn[2]);
}

TEST(Api, InputsByName) {
  const auto model = Model::parse(kModel);
  const auto executable = model->compile();
  auto session = executable->session();
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE(session->run({{"x", floats({2, 2}, {1, 0, 0, 1})}}).ok());
  const auto missing = session->run(std::map<std::string, Value>{});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().exit_code, 3);
  EXPECT_FALSE(session->run({{"z", Value()}}).ok());
  const Value x = floats({2, 2}, {1, 0, 0, 1});
  EXPECT_FALSE(session->run({{"x", x}, {"0", x}}).ok()) << "both are the first input";
}

TEST(Api, ErrorsSayWhat) {
  const auto model = Model::open("there/is/no/such/file");
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, "io.not_found");
  EXPECT_EQ(model.error().exit_code, 3);
  EXPECT_NE(model.error().describe().find("hint: "), std::string::npos);
  EXPECT_EQ(Model::parse("hello").error().code, "text.syntax");
  EXPECT_EQ(Model::parse(kModel, {.limits = {{"nothing", "1"}}}).error().exit_code, 2);
  const std::array<std::byte, 3> three{};
  EXPECT_FALSE(Value::tensor(DType::f32, {1}, three).ok());
  EXPECT_FALSE(Value::tensor(DType::f32, {-1}, {}).ok());
  EXPECT_FALSE(Value::strings({2}, {"one"}).ok());
}

TEST(Api, StatesAreCarriedForkedAndRestored) {
  const auto model = Model::parse(kCounter);
  ASSERT_TRUE(model.ok()) << model.error().describe();
  auto session = *model->compile()->session();
  const std::vector<Value> one{floats({2}, {1, 2})};
  EXPECT_EQ(elements((*session.run(one))[0]), (std::vector<float>{1, 2}));
  const auto saved = session.snapshot();
  auto other = session.fork();
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(elements((*session.run(one))[0]), (std::vector<float>{2, 4}));
  EXPECT_EQ(elements((*other->run(one))[0]), (std::vector<float>{2, 4}));
  ASSERT_TRUE(session.restore(saved).ok());
  EXPECT_EQ(elements((*session.run(one))[0]), (std::vector<float>{2, 4}));
  session.reset();
  EXPECT_EQ(elements((*session.run(one))[0]), (std::vector<float>{1, 2}));
  EXPECT_FALSE(session.restore({}).ok());
}

TEST(Api, SavesAndOpensArtefacts) {
  const ScratchFolder folder;
  const auto model = Model::parse(kModel);
  const auto clean = model->clean();
  ASSERT_TRUE(clean.ok()) << clean.error().describe();
  ASSERT_TRUE(clean->save(folder / "a.hone").ok());
  const auto opened = Model::open(folder / "a.hone", {.verify = true});
  ASSERT_TRUE(opened.ok()) << opened.error().describe();
  EXPECT_EQ(opened->describe().format, "hone");
  EXPECT_EQ(opened->describe().phase, "clean");
  const auto inputs = opened->random_inputs(3, {{"N", 5}});
  ASSERT_TRUE(inputs.ok());
  EXPECT_EQ((*inputs)[0].shape(), (std::vector<int64_t>{5, 2}));
  const auto a = model->compile()->run(*inputs), b = opened->compile()->run(*inputs);
  EXPECT_TRUE(compare((*a)[0], (*b)[0], {0, 0}).equal);
}

TEST(Api, SavesAndOpensCompiledArtefacts) {
  const ScratchFolder folder;
  const auto model = Model::parse(kModel);
  const auto executable = model->compile();
  ASSERT_TRUE(executable.ok()) << executable.error().describe();
  EXPECT_NE(executable->target(), "");
  ASSERT_TRUE(executable->save(folder / "a.hone").ok());
  const auto opened = Model::open(folder / "a.hone", {.verify = true});
  ASSERT_TRUE(opened.ok()) << opened.error().describe();
  EXPECT_EQ(opened->describe().target, executable->target());
  const auto input = floats({1, 2}, {1, 10});
  const auto again = opened->compile();
  ASSERT_TRUE(again.ok()) << again.error().describe();
  EXPECT_EQ(elements((*again->run({input}))[0]), (std::vector<float>{31, 42}));
  EXPECT_EQ(opened->clean().error().code, "usage");
  // What was compiled once is saved as it is.
  ASSERT_TRUE(again->save(folder / "b.hone").ok());
  EXPECT_EQ(folder.read("a.hone"), folder.read("b.hone"));
  // The reference takes models as they are.
  EXPECT_EQ(model->compile({.backend = "reference"})->save(folder / "c.hone").error().code,
            "usage");
}

TEST(Api, ValuesAsFiles) {
  const ScratchFolder folder;
  const auto model = Model::parse(kModel);
  const Value value = floats({2, 2}, {1, -2, 3.5, std::nanf("")});
  for (const char* name : {"x.npy", "x.pb"}) {
    ASSERT_TRUE(value.save(folder / name).ok());
    const auto back = model->load_input(0, folder / name);
    ASSERT_TRUE(back.ok()) << back.error().describe();
    EXPECT_TRUE(compare(*back, value, {0, 0}).equal) << name;
  }
  EXPECT_FALSE(model->load_input(1, folder / "x.npy").ok());
  const auto sequence = Value::sequence({value});
  EXPECT_EQ(sequence.save(folder / "s.npy").error().code, "model.unsupported_feature");
  EXPECT_TRUE(sequence.save(folder / "s.pb").ok());
}

TEST(Api, FilesAreCheckedAgainstTheType) {
  const ScratchFolder folder;
  const auto model = Model::parse(R"(hone 1
graph main(x: f32[2], s: sequence(f32[*]), n: f32[]) -> (y) {
  y = relu(x)
}
)");
  ASSERT_TRUE(model.ok()) << model.error().describe();
  const std::array<int64_t, 2> two{1, 2};
  const Value whole = *Value::of<int64_t>({2}, two);
  ASSERT_TRUE(floats({3}, {1, 2, 3}).save(folder / "x.npy").ok());
  ASSERT_TRUE(floats({1, 1}, {1}).save(folder / "one.npy").ok());
  ASSERT_TRUE(whole.save(folder / "whole.pb").ok());
  ASSERT_TRUE(Value::sequence({floats({2}, {1, 2}), whole}).save(folder / "s.pb").ok());
  EXPECT_EQ(model->load_input(0, folder / "x.npy").error().code, "data.mismatch");
  EXPECT_EQ(model->load_input(0, folder / "whole.pb").error().code, "data.mismatch");
  EXPECT_EQ(model->load_input(1, folder / "s.pb").error().code, "data.mismatch");
  EXPECT_TRUE(model->load_input(2, folder / "one.npy").ok());  // one element for a scalar
  EXPECT_TRUE(model->load_output(0, folder / "x.npy").ok());   // to be compared
}

TEST(Api, ElementsOfSequencesAreChecked) {
  const auto model = Model::parse(R"(hone 1
graph main(s: sequence(f32[*]), i: i64[]) -> (y) {
  y = relu(sequence_at(s, i))
}
)");
  ASSERT_TRUE(model.ok()) << model.error().describe();
  const std::array<uint8_t, 1> byte{7};
  const std::array<int64_t, 1> at{1};
  const Value wrong = *Value::of<uint8_t>({1}, byte), second = *Value::of<int64_t>({}, at);
  const Value large = floats({1000}, std::vector<float>(1000, 1));
  const auto executable = model->compile();
  ASSERT_TRUE(executable.ok());
  auto session = executable->session();
  // Both sequences look alike to who asks for their type.
  const std::vector<Value> sound{Value::sequence({large, large}), second};
  const std::vector<Value> mixed{Value::sequence({large, wrong}), second};
  EXPECT_TRUE(session->run(sound).ok());
  const auto refused = session->run(mixed);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "data.mismatch");
}

TEST(Api, BooleansAreZeroOrOne) {
  const std::array<std::byte, 3> bytes{std::byte{0}, std::byte{2}, std::byte{255}};
  const auto value = Value::tensor(DType::boolean, {3}, bytes);
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->bytes()[1], std::byte{1});
  EXPECT_EQ(value->bytes()[2], std::byte{1});
  const ScratchFolder folder;
  ASSERT_TRUE(value->save(folder / "b.npy").ok());
  std::string file = folder.read("b.npy");
  file.back() = '\7';
  folder.write("b.npy", file);
  const auto model = Model::parse("hone 1\ngraph main(x: bool[3]) -> (y) { y = not(x) }\n");
  ASSERT_TRUE(model.ok()) << model.error().describe();
  const auto read = model->load_input(0, folder / "b.npy");
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_EQ(read->bytes()[2], std::byte{1});
}

// Compared with the bytes that are given before any memory is taken.
TEST(Api, SizesThatCannotBe) {
  const auto huge = Value::tensor(DType::f32, {int64_t{1} << 40}, {});
  ASSERT_FALSE(huge.ok());
  EXPECT_EQ(huge.error().code, "data.mismatch");
}

TEST(Api, Compares) {
  EXPECT_TRUE(compare(floats({2}, {1, 2}), floats({2}, {1, 2.001f})).equal);
  const Comparison far = compare(floats({2}, {1, 2}), floats({2}, {1, 3}));
  EXPECT_FALSE(far.equal);
  EXPECT_EQ(far.different, 1);
  EXPECT_EQ(far.elements, 2);
  EXPECT_DOUBLE_EQ(far.largest_absolute, 1);
  const float inf = INFINITY, nan = NAN;
  EXPECT_TRUE(compare(floats({2}, {inf, nan}), floats({2}, {inf, nan})).equal);
  EXPECT_FALSE(compare(floats({1}, {inf}), floats({1}, {-inf})).equal);
  EXPECT_FALSE(compare(floats({1}, {1}), floats({1}, {nan})).equal);
  EXPECT_FALSE(compare(floats({1, 2}, {1, 2}), floats({2}, {1, 2})).reason.empty());
  const std::array<int64_t, 1> a{(int64_t{1} << 60) + 1}, b{int64_t{1} << 60};
  EXPECT_FALSE(compare(*Value::of<int64_t>({1}, a), *Value::of<int64_t>({1}, b)).equal);
  EXPECT_TRUE(compare(*Value::strings({1}, {"x"}), *Value::strings({1}, {"x"})).equal);
  EXPECT_FALSE(compare(*Value::strings({1}, {"x"}), *Value::strings({1}, {"y"})).equal);
}

TEST(Api, DTypesAgreeWithTheirNames) {
  EXPECT_EQ(name(DType::f32), "f32");
  EXPECT_EQ(name(DType::boolean), "bool");
  EXPECT_EQ(name(DType::string), "string");
  EXPECT_FALSE(version().empty());
}

// A recording of three samples of 16 bits: one half, nothing, minus one.
constexpr std::array<unsigned char, 50> kRecording{
    'R', 'I', 'F', 'F', 42,  0,   0, 0, 'W', 'A', 'V', 'E', 'f', 'm', 't', ' ', 16,
    0,   0,   0,   1,   0,   1,   0, 0, 1,   0,   0,   0,   2,   0,   0,   2,   0,
    16,  0,   'd', 'a', 't', 'a', 6, 0, 0,   0,   0,   64,  0,   0,   0,   128};

TEST(Api, RecordingsAreInputs) {
  const ScratchFolder folder;
  const std::string path =
      folder.write("x.wav", {reinterpret_cast<const char*>(kRecording.data()), kRecording.size()});
  const auto model =
      Model::parse("hone 1 symbol T: call graph main(x: f32[1,T]) -> (y = neg(x)) {}");
  ASSERT_TRUE(model.ok());
  const auto value = model->load_input(0, path);
  ASSERT_TRUE(value.ok()) << value.error().describe();
  EXPECT_EQ(value->shape(), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(elements(*value), (std::vector<float>{0.5, 0, -1}));
  EXPECT_TRUE(model->load_input(0, path, {.bindings = {{"T", 3}}}).ok());
  const auto misfit = model->load_input(0, path, {.bindings = {{"T", 4}}});
  ASSERT_FALSE(misfit.ok());
  EXPECT_EQ(misfit.error().code, "data.mismatch");
  EXPECT_FALSE(model->load_output(0, path).ok());
}

// Two convolutions of one shape that Winograd's way can compute.
constexpr std::string_view kConvolutions = R"(hone 1
graph main(x: f32[1,16,24,24]) -> (y) {
  w = expand(f32{0.01}, i64[4]{16, 16, 3, 3})
  y = relu(conv(relu(conv(x, w) <pads=[1, 1, 1, 1]>), w) <pads=[1, 1, 1, 1]>)
})";

TEST(Choices, AreMeasuredOnceAndRemembered) {
  const ScratchFolder folder;
  const auto model = Model::parse(kConvolutions)->clean();
  ASSERT_TRUE(model.ok());
  CompileOptions options{.measure = "cached", .cache = folder / "cache"};
  const auto choices = [&](std::string_view measure) {
    options.measure = measure;
    const auto executable = model->compile(options);
    EXPECT_TRUE(executable.ok()) << executable.error().describe();
    return executable->choices();
  };
  for (const std::string_view measure : {"never", "cached"}) {
    const auto made = choices(measure);
    ASSERT_EQ(made.size(), 1u);
    EXPECT_EQ(made[0].source, "rule");
    EXPECT_EQ(made[0].nodes, 2u);
    EXPECT_TRUE(made[0].seconds.empty());
    EXPECT_FALSE(std::filesystem::exists(folder / "cache"));
  }
  const auto measured = choices("missing");
  ASSERT_EQ(measured.size(), 1u);
  EXPECT_EQ(measured[0].source, "measured");
  EXPECT_EQ(measured[0].seconds.size(), 2u);
  EXPECT_NE(measured[0].machine.find("threads"), std::string::npos);
  for (const std::string_view measure : {"missing", "cached"}) {
    const auto remembered = choices(measure);
    ASSERT_EQ(remembered.size(), 1u);
    EXPECT_EQ(remembered[0].source, "remembered");
    EXPECT_EQ(remembered[0].seconds, measured[0].seconds);
    EXPECT_EQ(remembered[0].chosen, measured[0].chosen);
    EXPECT_EQ(remembered[0].machine, measured[0].machine);
  }
  EXPECT_EQ(choices("always")[0].source, "measured");
  options.measure_threads = 7;  // another machine, as it were
  EXPECT_EQ(choices("cached")[0].source, "rule");
  options.measure = "sometimes";
  EXPECT_EQ(model->compile(options).error().code, "usage");
}

// A candidate that takes more memory than a run may is not measured.
TEST(Choices, KeepToTheMemoryOfARun) {
  const auto chosen_by = [](std::string limit) {
    const auto model = Model::parse(kConvolutions, {.limits = {{"runtime_memory", limit}}});
    EXPECT_TRUE(model.ok());
    const auto executable = model->clean()->compile({.measure = "missing"});
    EXPECT_TRUE(executable.ok()) << executable.error().describe();
    return executable->choices()[0].source;
  };
  EXPECT_EQ(chosen_by("20kB"), "rule");
  EXPECT_EQ(chosen_by("1MB"), "measured");
}

TEST(Choices, WithoutACacheNothingIsRemembered) {
  const auto model = Model::parse(kConvolutions)->clean();
  CompileOptions options{.measure = "missing"};
  for (int i = 0; i < 2; ++i) EXPECT_EQ(model->compile(options)->choices()[0].source, "measured");
}

TEST(Choices, StandInTheArtefact) {
  const ScratchFolder folder;
  const auto model = Model::parse(kConvolutions)->clean();
  CompileOptions options{.threads = 1, .measure = "missing"};
  const auto executable = model->compile(options);
  ASSERT_TRUE(executable->save(folder / "a.hone").ok());
  const auto artefact = Model::open(folder / "a.hone");
  const Description d = artefact->describe();
  ASSERT_EQ(d.choices.size(), 1u);
  EXPECT_EQ(d.choices[0].chosen, executable->choices()[0].chosen);
  EXPECT_EQ(d.choices[0].seconds, executable->choices()[0].seconds);
  EXPECT_FALSE(d.metadata.contains("choices"));
  // It stays what it is: no matter what is asked for, and for how many threads.
  const auto inputs = model->random_inputs(1);
  const auto expected = executable->run(*inputs);
  for (const int threads : {1, 3}) {
    options.threads = threads;
    options.measure = "always";
    const auto again = artefact->compile(options);
    ASSERT_TRUE(again.ok()) << again.error().describe();
    EXPECT_EQ(again->choices()[0].source, "measured");
    const auto outputs = again->run(*inputs);
    EXPECT_TRUE(compare((*outputs)[0], (*expected)[0], {0, 0}).equal);
  }
}

// Metadata of a file are anybody's text.
TEST(Choices, WhatIsNoListOfChoicesIsMetadata) {
  for (const char* text : {"", "{", "[]", R"({\"choices\": [{}]})", R"({\"choices\": 1})"}) {
    const auto model = Model::parse("hone 1 meta \"choices\" = \"" + std::string(text) +
                                    "\" graph g(x: f32[2]) -> (x) {}");
    ASSERT_TRUE(model.ok()) << model.error().describe();
    EXPECT_TRUE(model->describe().choices.empty());
    EXPECT_TRUE(model->describe().metadata.contains("choices")) << text;
  }
}

}  // namespace
}  // namespace hone::v1
