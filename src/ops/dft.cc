// Fourier transforms: of an axis, and of the frames of a signal.
#include <algorithm>
#include <complex>

#include "ops/fourier.h"
#include "ops/movement.h"

namespace hone {
namespace {

constexpr int64_t kMaxLength = int64_t{1} << 40;

using Complex = std::complex<double>;

// The one known integer of input i; none when it is not known.
Result<std::optional<int64_t>> scalar(const Infer& c, size_t i) {
  TRY(expect_list(c, i));
  if (auto n = element_count(c.shape(i)).constant(); n && *n != 1)
    return shape_error(
        c, "input " + std::to_string(i) + " must be one integer, has shape " + c.shape(i).str());
  const auto values = c.integers(i);
  if (!values || values->size() != 1) return std::optional<int64_t>{};
  return std::optional<int64_t>((*values)[0]);
}

Result<std::optional<int64_t>> size_input(const Infer& c, size_t i, std::string_view what) {
  const auto n = TRY(scalar(c, i));
  if (n && (*n < 1 || *n > kMaxLength))
    return value_error(c, std::string(what) + " is " + std::to_string(*n));
  return n;
}

Status expect_components(const Infer& c, const Dim& last) {
  if (auto n = last.constant(); n && *n != 1 && *n != 2)
    return shape_error(c, "the last axis must have 1 (real) or 2 (complex) elements, " +
                              c.shape(0).str() + " has " + std::to_string(*n));
  return ok();
}

// --- dft -----------------------------------------------------------------------------------------

Result<std::optional<int64_t>> axis_of(const Infer& c, int64_t rank) {
  std::optional<int64_t> axis = -2;
  if (c.has(2)) axis = TRY(scalar(c, 2));
  if (!axis) return axis;
  const int64_t at = TRY(normal_axis(*axis, rank));
  if (at == rank - 1) return shape_error(c, "the axis of the components cannot be transformed");
  return std::optional<int64_t>(at);
}

Result<Types> infer_dft(const Infer& c) {
  Shape shape = c.shape(0);
  const bool onesided = c.integer("onesided") != 0, inverse = c.integer("inverse") != 0;
  if (!shape.ranked) return same_as_first(c);
  if (shape.rank() < 2) return shape_error(c, "x must have two axes at least, has " + shape.str());
  TRY(expect_components(c, shape.dims.back()));
  if (onesided && !inverse && shape.dims.back().is(2))
    return shape_error(c, "onesided needs real input, x has shape " + shape.str());
  if (onesided && inverse && shape.dims.back().is(1))
    return shape_error(c, "the onesided inverse needs complex input, x has shape " + shape.str());
  const auto axis = TRY(axis_of(c, int64_t(shape.rank())));
  if (!axis) {
    Shape out = Shape::unknown(shape.rank());
    out.dims.back() = onesided && inverse ? 1 : 2;
    return Types{Type(c.dtype(0), std::move(out))};
  }
  Dim& extent = shape.dims[size_t(*axis)];
  Dim length = onesided && inverse ? (extent - Dim(1)) * Dim(2) : extent;
  if (c.has(1)) {
    const auto given = TRY(size_input(c, 1, "dft_length"));
    length = given ? Dim(*given) : Dim::unknown();
  }
  if (auto n = length.constant(); n && *n < 1)
    return shape_error(c, "a transform of length " + std::to_string(*n));
  extent = onesided && !inverse ? floor_div(length, 2) + Dim(1) : length;
  shape.dims.back() = onesided && inverse ? 1 : 2;
  return Types{Type(c.dtype(0), std::move(shape))};
}

Status dft(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const bool onesided = c.integer("onesided") != 0, inverse = c.integer("inverse") != 0;
  const auto axis = TRY(axis_of(c, int64_t(x.rank())));
  if (!axis) return value_error(c, "the axis is not known");
  Extents lines = x.shape();
  const int64_t parts = lines.back();
  lines.pop_back();
  const auto [outer, extent, inner] = split_at(lines, *axis);
  const int64_t out_extent = y.shape()[size_t(*axis)], out_parts = y.shape().back();
  int64_t length = onesided && inverse ? 2 * (extent - 1) : extent;
  if (c.has(1)) length = load_integer(c.in(1), 0);
  if (uint64_t(length) > c.memory_limit.bytes() / (16 * sizeof(Complex)))
    return fail(ErrorId::over_memory, "dft: a transform of length " + std::to_string(length));
  if (outer * inner == 0) return ok();
  const Fourier fourier(size_t(length), inverse);
  std::vector<Complex> line;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      line.assign(size_t(length), 0);
      for (int64_t k = 0; k < std::min(extent, length); ++k) {
        const int64_t at = ((o * extent + k) * inner + i) * parts;
        line[size_t(k)] = {load_real(x, at), parts == 2 ? load_real(x, at + 1) : 0};
      }
      // The other half of a real signal's spectrum mirrors the given one.
      if (onesided && inverse)
        for (int64_t k = length / 2 + 1; k < length; ++k)
          line[size_t(k)] = std::conj(line[size_t(length - k)]);
      fourier.transform(line);
      for (int64_t k = 0; k < out_extent; ++k) {
        const int64_t at = ((o * out_extent + k) * inner + i) * out_parts;
        store_real(y, at, line[size_t(k)].real());
        if (out_parts == 2) store_real(y, at + 1, line[size_t(k)].imag());
      }
    }
  return ok();
}

// --- stft ----------------------------------------------------------------------------------------

// Extent of a frame: given, or that of the window.
Result<Dim> frame_of(const Infer& c) {
  Dim window = Dim::unknown();
  if (c.has(2)) {
    TRY(expect_rank(c, 2, 1));
    if (c.shape(2).ranked) window = c.shape(2).dims[0];
  }
  if (!c.has(3)) {
    if (!c.has(2)) return shape_error(c, "neither window nor frame_length is given");
    if (window.is(0)) return shape_error(c, "the window is empty");
    return window;
  }
  const auto given = TRY(size_input(c, 3, "frame_length"));
  if (!given) return window;
  if (window.is_constant() && !window.is(*given))
    return shape_error(
        c, "a window of " + window.str() + " elements for frames of " + std::to_string(*given));
  return Dim(*given);
}

Result<Types> infer_stft(const Infer& c) {
  const Dim frame = TRY(frame_of(c));
  const auto step = TRY(size_input(c, 1, "frame_step"));
  const bool onesided = c.integer("onesided") != 0;
  const Shape& signal = c.shape(0);
  Dim batch = Dim::unknown(), length = Dim::unknown();
  if (signal.ranked) {
    if (signal.rank() != 2 && signal.rank() != 3)
      return shape_error(c, "the signal must have three axes, has shape " + signal.str());
    batch = signal.dims[0];
    length = signal.dims[1];
    if (signal.rank() == 3) {
      TRY(expect_components(c, signal.dims[2]));
      if (onesided && signal.dims[2].is(2))
        return shape_error(c, "onesided needs a real signal, it has shape " + signal.str());
    }
  }
  const Dim room = length - frame;
  if (auto n = room.constant(); n && *n < 0)
    return shape_error(c,
                       "a signal of " + length.str() + " samples has no frame of " + frame.str());
  const Dim frames = step ? floor_div(room, Dim(*step)) + Dim(1) : Dim::unknown();
  return Types{
      Type(c.dtype(0), {batch, frames, onesided ? floor_div(frame, 2) + Dim(1) : frame, 2})};
}

Status stft(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const int64_t step = load_integer(c.in(1), 0);
  const int64_t frame = c.has(3) ? load_integer(c.in(3), 0) : c.in(2).count();
  const int64_t length = x.shape()[1], parts = x.rank() == 3 ? x.shape()[2] : 1;
  const int64_t batch = y.shape()[0], frames = y.shape()[1], bins = y.shape()[2];
  if (uint64_t(frame) > c.memory_limit.bytes() / (16 * sizeof(Complex)))
    return fail(ErrorId::over_memory, "stft: frames of " + std::to_string(frame));
  std::vector<double> window(size_t(frame), 1);
  if (c.has(2)) window = reals(c.in(2));
  const Fourier fourier(size_t(frame), false);
  std::vector<Complex> line;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t f = 0; f < frames; ++f) {
      line.assign(size_t(frame), 0);
      for (int64_t k = 0; k < frame; ++k) {
        const int64_t at = (b * length + f * step + k) * parts;
        const Complex sample{load_real(x, at), parts == 2 ? load_real(x, at + 1) : 0};
        line[size_t(k)] = sample * window[size_t(k)];
      }
      fourier.transform(line);
      for (int64_t k = 0; k < bins; ++k) {
        const int64_t at = ((b * frames + f) * bins + k) * 2;
        store_real(y, at, line[size_t(k)].real());
        store_real(y, at + 1, line[size_t(k)].imag());
      }
    }
  return ok();
}

}  // namespace

const OpDef& dft_op() {
  static const OpDef def{
      .name = "dft",
      .doc =
          "X[k] = sum of x[n] exp(-2 pi i k n / N) along `axis` (-2 by default), or the inverse. "
          "The last axis of x holds the real part and perhaps the imaginary one. dft_length cuts "
          "the axis or fills it with zeros. onesided: the first N/2 + 1 values of a real signal, "
          "or a real signal from these.",
      .inputs = {{"x", kFloats},
                 {"dft_length", kIndices, 0, Port::Presence::optional},
                 {"axis", kIndices, 0, Port::Presence::optional}},
      .outputs = {{"y", kFloats}},
      .attrs = {{"inverse", AttrKind::integer, false, int64_t{0}},
                {"onesided", AttrKind::integer, false, int64_t{0}}},
      .infer = infer_dft,
      .reference = dft,
      .examples = {R"(graph dft_real(x: f32[2,7,1]) -> (y) {
        y = dft(x, _, i64{1}) <onesided=1>
      })",
                   R"(graph dft_round_trip(x: f32[3,8,2]) -> (y) {
        y = dft(dft(x, _, i64{0}), _, i64{0}) <inverse=1>
      })"},
  };
  return def;
}

const OpDef& stft_op() {
  static const OpDef def{
      .name = "stft",
      .doc =
          "Fourier transforms of the frames of a signal [N, L, 1 or 2], frame_step samples apart "
          "and multiplied by the window: [N, frames, bins, 2].",
      .inputs = {{"signal", kFloats, 'T'},
                 {"frame_step", kIndices},
                 {"window", kFloats, 'T', Port::Presence::optional},
                 {"frame_length", kIndices, 0, Port::Presence::optional}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"onesided", AttrKind::integer, false, int64_t{1}}},
      .infer = infer_stft,
      .reference = stft,
      .examples = {R"(graph stft_frames(x: f32[2,20,1]) -> (y) {
        y = stft(x, i64{4}, _, i64{6})
      })"},
  };
  return def;
}

}  // namespace hone
