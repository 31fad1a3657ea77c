// Calls of kernels that move elements.
#include "property/random_call.h"

namespace hone::testing {
namespace {

bool slice(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 4);
  Integers axes, starts, ends, steps;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (c.random.chance(0.4)) continue;
    axes.push_back(int64_t(i) - (c.random.chance(0.3) ? int64_t(shape.size()) : 0));
    starts.push_back(c.random.between(-shape[i] - 1, shape[i] + 1));
    ends.push_back(c.random.between(-shape[i] - 1, shape[i] + 1));
    steps.push_back(c.random.chance(0.5) ? 1 : c.random.between(1, 3));
    if (c.random.chance(0.3)) {
      steps.back() = -steps.back();
      std::swap(starts.back(), ends.back());
    }
  }
  return c.emit(op, {c.input(shape, c.whole_bytes()), c.known(starts), c.known(ends), c.known(axes),
                     c.known(steps)});
}

bool expand(RandomCall& c, std::string_view op) {
  const Extents to = c.shape(0, 4);
  return c.emit(op, {c.input(c.narrowed(to), c.whole_bytes()), c.known(to)});
}

bool tile(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(0, 4);
  Integers repeats(shape.size());
  for (int64_t& n : repeats) n = c.random.between(0, 9) == 0 ? 0 : c.random.between(1, 3);
  return c.emit(op, {c.input(shape, c.whole_bytes()), c.known(repeats)});
}

bool blocks(RandomCall& c, std::string_view op) {
  const int64_t block = c.random.between(1, 3);
  Extents shape{c.random.between(0, 2), c.random.between(1, 9), c.extent(), c.extent()};
  Builder::Given attrs{{"blocksize", block}};
  if (op == "depth_to_space") {
    shape[1] *= block * block;
    attrs.emplace_back("mode", std::string(c.random.chance(0.5) ? "DCR" : "CRD"));
  } else {
    shape[2] *= block;
    shape[3] *= block;
  }
  return c.emit(op, {c.input(shape, c.whole_bytes())}, std::move(attrs));
}

bool pad(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 4);
  const char* modes[] = {"constant", "constant", "reflect", "edge", "wrap"};
  Integers pads(2 * shape.size());
  for (int64_t& n : pads)
    n = c.random.chance(0.4) ? 0 : c.random.between(c.random.chance(0.2) ? -2 : 0, 5);
  const DType dtype = c.whole_bytes();
  std::vector<ValueId> inputs{c.input(shape, dtype), c.known(pads)};
  if (c.random.chance(0.5)) inputs.push_back(c.input({}, dtype));
  return c.emit(op, std::move(inputs), {{"mode", std::string(modes[c.random.between(0, 4)])}});
}

bool resize(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 4);
  const char* modes[] = {"nearest", "linear", "cubic"};
  const char* places[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                          "align_corners", "asymmetric",           "tf_half_pixel_for_nn"};
  const char* nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  const float factors[] = {1, 1, 2, 0.5f, 1.5f, 3};
  Reals scales;
  for (size_t i = 0; i < shape.size(); ++i) scales.push_back(factors[c.random.between(0, 5)]);
  return c.emit(op, {c.input(shape)},
                {{"scales", std::move(scales)},
                 {"mode", std::string(modes[c.random.between(0, 2)])},
                 {"antialias", c.random.between(0, 1)},
                 {"coordinate_transformation_mode", std::string(places[c.random.between(0, 5)])},
                 {"nearest_mode", std::string(nearest[c.random.between(0, 3)])}});
}

bool elements(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 3);
  const int64_t axis = c.axis(shape.size());
  const auto along = size_t(axis < 0 ? axis + int64_t(shape.size()) : axis);
  Extents at = shape;
  for (size_t i = 0; i < at.size(); ++i) at[i] = c.random.between(0, at[i]);
  at[along] = c.random.between(1, 5);
  const DType dtype = c.whole_bytes();
  const int64_t n = shape[along], beyond = c.random.chance(0.05) ? 1 : 0;
  std::vector<ValueId> inputs{c.input(shape, dtype),
                              c.integers(at, -n - beyond, std::max<int64_t>(n - 1, -n))};
  Builder::Given attrs{{"axis", axis}};
  if (op == "scatter_elements") {
    inputs.push_back(c.input(at, dtype));
    // Where two updates meet, their order would matter for sums alone.
    attrs.emplace_back("reduction", std::string("none"));
  }
  return c.emit(op, std::move(inputs), std::move(attrs));
}

bool slices(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 4);
  const int64_t tuple = c.random.between(1, int64_t(shape.size()));
  Extents at = c.shape(0, 2);
  Extents updates = at;
  at.push_back(tuple);
  updates.insert(updates.end(), shape.begin() + tuple, shape.end());
  int64_t least = 100;
  for (int64_t k = 0; k < tuple; ++k) least = std::min(least, shape[size_t(k)]);
  const DType dtype = c.whole_bytes();
  std::vector<ValueId> inputs{c.input(shape, dtype),
                              c.integers(at, -least, std::max<int64_t>(least - 1, -least))};
  if (op == "scatter_nd") inputs.push_back(c.input(updates, dtype));
  return c.emit(op, std::move(inputs));
}

bool range(RandomCall& c, std::string_view op) {
  constexpr DType kTypes[] = {DType::i64, DType::i32, DType::i16};
  // Down as well, and by no step at all, which both refuse.
  const auto integers = [&](int64_t most, DType dtype) {
    return c.integers({}, -most, most, dtype);
  };
  if (c.random.chance(0.3)) {
    Tensor step = Tensor::make(DType::f32, {}).take();
    step.as<float>()[0] = 0.25f * float(c.random.between(-8, 8));
    const ValueId start = c.input({}), limit = c.input({});
    return c.emit(op, {start, limit, c.given(Datum(std::move(step)))});
  }
  const DType dtype = kTypes[c.random.between(0, 2)];
  const int64_t most = c.random.chance(0.1) ? 30000 : 40;
  const ValueId start = integers(most, dtype), limit = integers(most, dtype);
  return c.emit(op, {start, limit, integers(4, dtype)});
}

bool shape_of(RandomCall& c, std::string_view op) {
  const Extents x = c.shape(0, 4);
  Builder::Given attrs;
  if (op == "shape") {
    attrs.emplace_back("start", c.random.between(-5, 5));
    if (c.random.chance(0.5)) attrs.emplace_back("end", c.random.between(-5, 5));
  }
  return c.emit(op, {c.input(x, c.whole_bytes())}, std::move(attrs));
}

}  // namespace

std::vector<Subject> moving_subjects() {
  return {
      {"depth_to_space", blocks},
      {"expand", expand},
      {"gather_elements", elements},
      {"gather_nd", slices},
      {"pad", pad},
      {"range", range},
      {"resize", resize},
      {"scatter_elements", elements},
      {"scatter_nd", slices},
      {"shape", shape_of},
      {"size", shape_of},
      {"slice", slice},
      {"space_to_depth", blocks},
      {"tile", tile},
  };
}

}  // namespace hone::testing
