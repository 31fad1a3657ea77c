#include "api/media.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <vector>

#include "formats/png.h"
#include "formats/wav.h"

namespace hone {
namespace {

Error misfit(std::string message, std::string hint) {
  Error error = fail(ErrorId::bad_data, std::move(message));
  error.hint = std::move(hint);
  return error;
}

// Extents as far as they are known; none for those that the file decides.
using Fixed = std::vector<std::optional<int64_t>>;

Result<Fixed> fixed_extents(const TensorType& type, const v1::Bindings& bindings) {
  if (!type.shape.ranked)
    return misfit("the model does not say how many axes the input has",
                  "give an array, saved with numpy.save");
  const Dim::Bindings bound(bindings.begin(), bindings.end());
  Fixed fixed;
  for (const Dim& d : type.shape.dims)
    fixed.push_back(d.is_unknown() ? std::nullopt : d.evaluate(bound));
  return fixed;
}

std::string shown(const std::optional<int64_t>& extent) {
  return extent ? std::to_string(*extent) : "any";
}

bool allows(const std::optional<int64_t>& extent, uint64_t size) {
  return !extent || static_cast<uint64_t>(*extent) == size;
}

// Where the axes of an image lie; none for the batch and the channels that are not there.
struct ImageAxes {
  std::optional<size_t> batch, channels;
  size_t height, width;
};

// Ways to read the shape as that of an image, the likelier first.
std::vector<ImageAxes> readings(const Fixed& extents) {
  std::vector<ImageAxes> all;
  const size_t rank = extents.size();
  if (rank == 2) all.push_back({std::nullopt, std::nullopt, 0, 1});
  if (rank != 3 && rank != 4) return all;
  const size_t first = rank - 3;
  const std::optional<size_t> batch = first == 1 ? std::optional<size_t>(0) : std::nullopt;
  if (!allows(batch ? extents[0] : std::nullopt, 1)) return all;
  const auto colours = [&](size_t axis) {
    const int64_t channels = extents[axis].value_or(0);
    return channels == 1 || channels == 3 || channels == 4;
  };
  const ImageAxes planes{batch, first, first + 1, first + 2};
  if (colours(first)) all.push_back(planes);
  if (colours(first + 2)) all.push_back({batch, first + 2, first, first + 1});
  if (!extents[first]) all.push_back(planes);
  return all;
}

// The first reading with the size of the image.
Result<ImageAxes> axes_of(const TensorType& type, const Fixed& extents, const PngSize& size) {
  const auto all = readings(extents);
  if (all.empty())
    return misfit("an input of type " + type.str() + " does not take an image",
                  "images fit inputs such as [1,C,H,W] or [1,H,W,C] with 1, 3 or 4 channels C");
  for (const ImageAxes& axes : all)
    if (allows(extents[axes.height], size.height) && allows(extents[axes.width], size.width))
      return axes;
  return misfit(fmt::format("the image is {} pixels wide and {} high, the input of type {} takes "
                            "{} by {}",
                            size.width, size.height, type.str(), shown(extents[all[0].width]),
                            shown(extents[all[0].height])),
                "resize the image, or bind other sizes with --bind");
}

// Sample `channel` of `wanted` as a number from 0 to largest().
double pixel(const PngImage& image, uint64_t y, uint64_t x, size_t channel, size_t wanted) {
  const bool colour = image.channels >= 3, alpha = image.channels % 2 == 0;
  if (channel == 3) return alpha ? image.sample(y, x, image.channels - 1) : image.largest();
  if (!colour) return image.sample(y, x, 0);
  if (wanted != 1) return image.sample(y, x, channel);
  return (299.0 * image.sample(y, x, 0) + 587.0 * image.sample(y, x, 1) +
          114.0 * image.sample(y, x, 2)) /
         1000;
}

bool holds_pixels(DType dtype) {
  return is_float(dtype) || (is_integer(dtype) && bits(dtype) >= 8 && dtype != DType::i8);
}

Result<Tensor> load_image(std::span<const std::byte> file, const TensorType& type,
                          const v1::LoadOptions& options, const Limits& limits) {
  if (!holds_pixels(type.dtype))
    return misfit(fmt::format("pixels do not become elements of type {}", name(type.dtype)),
                  "images become floats, or integers that hold 0 to 255");
  const Fixed extents = TRY(fixed_extents(type, options.bindings));
  const ImageAxes axes = TRY(axes_of(type, extents, TRY(png_size(file))));
  Ledger ledger(limits);
  const PngImage image = TRY(read_png(file, ledger));
  const size_t own = image.channels >= 3 ? 3 : 1;
  const size_t channels =
      axes.channels ? static_cast<size_t>(extents[*axes.channels].value_or(int64_t(own))) : 1;
  Extents shape(extents.size(), 1);
  shape[axes.height] = static_cast<int64_t>(image.size.height);
  shape[axes.width] = static_cast<int64_t>(image.size.width);
  if (axes.channels) shape[*axes.channels] = static_cast<int64_t>(channels);
  Tensor tensor = TRY(Tensor::make(type.dtype, shape, limits.runtime_memory));
  // Strides of an element; the batch is one.
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  const int64_t channel_stride = axes.channels ? strides[*axes.channels] : 0;
  const double largest = image.largest();
  for (uint64_t y = 0; y < image.size.height; ++y) {
    for (uint64_t x = 0; x < image.size.width; ++x) {
      int64_t to = static_cast<int64_t>(y) * strides[axes.height] +
                   static_cast<int64_t>(x) * strides[axes.width];
      for (size_t c = 0; c < channels; ++c, to += channel_stride) {
        const double part = pixel(image, y, x, c, channels) / largest;
        if (is_float(type.dtype))
          store_real(tensor, to,
                     options.pixel_low + part * (options.pixel_high - options.pixel_low));
        else
          store_integer(tensor, to, std::llround(part * 255));
      }
    }
  }
  return tensor;
}

// Samples as they are go into integers of their own type only.
bool takes_samples(DType dtype, WavRecording::Sample sample) {
  using Sample = WavRecording::Sample;
  return is_float(dtype) || (dtype == DType::u8 && sample == Sample::u8) ||
         (dtype == DType::i16 && sample == Sample::i16) ||
         (dtype == DType::i32 && sample == Sample::i32);
}

Result<Tensor> load_recording(std::span<const std::byte> file, const TensorType& type,
                              const v1::LoadOptions& options, const Limits& limits) {
  const WavRecording recording = TRY(read_wav(file));
  const Fixed extents = TRY(fixed_extents(type, options.bindings));
  const size_t rank = extents.size();
  if (rank < 1 || rank > 3 || (rank == 3 && !allows(extents[0], 1)))
    return misfit("an input of type " + type.str() + " does not take a recording",
                  "recordings fit inputs such as [1,C,T], [C,T] or [T] with C channels");
  const std::optional<int64_t> channels = rank == 1 ? 1 : extents[rank - 2];
  if (!allows(channels, recording.channels))
    return misfit(fmt::format("the recording has {} channel{}, the input of type {} takes {}",
                              recording.channels, recording.channels == 1 ? "" : "s", type.str(),
                              shown(channels)),
                  "mix the recording to as many channels");
  if (!allows(extents[rank - 1], recording.frames))
    return misfit(fmt::format("the recording is {} samples long, the input of type {} takes {}",
                              recording.frames, type.str(), shown(extents[rank - 1])),
                  "cut the recording, or bind another length with --bind");
  if (!takes_samples(type.dtype, recording.sample))
    return misfit(fmt::format("the recording holds samples of type {}, {} is needed",
                              name(recording.sample), name(type.dtype)),
                  "save the recording with samples of that type; floats take all types");
  Extents shape(rank, 1);
  if (rank > 1) shape[rank - 2] = static_cast<int64_t>(recording.channels);
  shape[rank - 1] = static_cast<int64_t>(recording.frames);
  Tensor tensor = TRY(Tensor::make(type.dtype, shape, limits.runtime_memory));
  int64_t to = 0;
  for (uint64_t c = 0; c < recording.channels; ++c) {
    for (uint64_t f = 0; f < recording.frames; ++f, ++to) {
      const uint64_t from = f * recording.channels + c;
      if (is_float(type.dtype))
        store_real(tensor, to, wav_sample(recording, from));
      else
        store_integer(tensor, to, wav_integer(recording, from));
    }
  }
  return tensor;
}

}  // namespace

bool looks_like_media(std::span<const std::byte> file) {
  return looks_like_png(file) || looks_like_wav(file);
}

Result<Tensor> load_media(std::span<const std::byte> file, const TensorType& type,
                          const v1::LoadOptions& options, const Limits& limits) {
  return looks_like_png(file) ? load_image(file, type, options, limits)
                              : load_recording(file, type, options, limits);
}

}  // namespace hone
