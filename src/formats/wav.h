// WAV recordings (RIFF WAVE) of uncompressed samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace hone {

struct WavRecording {
  // Little-endian; `u8` is silent at 128, the others at 0.
  enum class Sample : uint8_t { u8, i16, i24, i32, f32 };
  Sample sample = Sample::i16;
  uint64_t channels = 0;
  uint64_t rate = 0;                // frames per second
  uint64_t frames = 0;              // samples of each channel
  std::span<const std::byte> data;  // points into the file; the channels of a frame lie together
};
uint64_t size_of(WavRecording::Sample sample);  // bytes
std::string_view name(WavRecording::Sample sample);

bool looks_like_wav(std::span<const std::byte> file);  // or another file of RIFF

// Reads up to the end of the samples. Lengths must be those of the file: the placeholders that a
// writer leaves when it is stopped are refused. Compressed samples are `unsupported_feature`.
Result<WavRecording> read_wav(std::span<const std::byte> file);

// A sample as a number in [-1, 1), or as it is when it is a float. index < frames * channels; the
// samples of frame f are at f * channels and behind.
double wav_sample(const WavRecording& recording, uint64_t index);
// The same as the integer that is stored.
int64_t wav_integer(const WavRecording& recording, uint64_t index);

}  // namespace hone
