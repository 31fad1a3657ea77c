// The chunks of RIFF files (Microsoft and IBM, Multimedia Programming Interface 1.0, and the
// extensible formats of WAVEFORMATEXTENSIBLE).
#include "formats/wav.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <optional>

#include "base/cursor.h"
#include "base/text.h"

namespace hone {
namespace {

using Sample = WavRecording::Sample;

constexpr uint16_t kPcm = 1, kFloat = 3, kExtensible = 0xFFFE;

struct Kind {
  Sample sample;
  uint16_t format, bits;
  std::string_view name;
};
constexpr std::array kKinds{
    Kind{Sample::u8, kPcm, 8, "u8"},      Kind{Sample::i16, kPcm, 16, "i16"},
    Kind{Sample::i24, kPcm, 24, "i24"},   Kind{Sample::i32, kPcm, 32, "i32"},
    Kind{Sample::f32, kFloat, 32, "f32"},
};

Error unsupported(std::string message) {
  Error error = fail(ErrorId::unsupported_feature, std::move(message));
  error.hint = "save it as WAV with PCM samples of 8, 16, 24 or 32 bits, or with 32-bit floats";
  return error;
}

// The number of the format behind the general one that the extensible form has.
Result<uint16_t> extended_format(Cursor& chunk, uint16_t bits) {
  // The GUIDs of plain formats are their number and these bytes.
  constexpr std::array<unsigned char, 14> kRest{0, 0, 0,    0, 0x10, 0,    0x80,
                                                0, 0, 0xAA, 0, 0x38, 0x9B, 0x71};
  TRY(chunk.read<uint16_t>("the size of the extension"));
  const auto valid = TRY(chunk.read<uint16_t>("the valid bits"));
  TRY(chunk.read<uint32_t>("the channel mask"));
  const auto format = TRY(chunk.read<uint16_t>("the format"));
  const auto rest = TRY(chunk.take(kRest.size(), "the format"));
  if (std::memcmp(rest.data(), kRest.data(), kRest.size()) != 0)
    return unsupported("the recording has a format of its maker's own");
  if (valid > bits)
    return fail(ErrorId::malformed,
                fmt::format("samples of {} bits cannot have {} valid bits", bits, valid));
  return format;
}

// The chunk "fmt ". Fills everything but the samples.
Status read_format(Cursor chunk, WavRecording& recording) {
  auto format = TRY(chunk.read<uint16_t>("the format"));
  const auto channels = TRY(chunk.read<uint16_t>("the channels"));
  const auto rate = TRY(chunk.read<uint32_t>("the rate"));
  TRY(chunk.read<uint32_t>("the bytes per second"));  // many writers get it wrong
  const auto block = TRY(chunk.read<uint16_t>("the size of a frame"));
  const auto bits = TRY(chunk.read<uint16_t>("the bits of a sample"));
  if (format == kExtensible) format = TRY(extended_format(chunk, bits));
  std::optional<Kind> kind;
  for (const Kind& k : kKinds)
    if (k.format == format && k.bits == bits) kind = k;
  if (!kind)
    return unsupported(
        format == kPcm || format == kFloat
            ? fmt::format("the samples are {} of {} bits", format == kPcm ? "integers" : "floats",
                          bits)
            : fmt::format("the samples are compressed or of another kind: format {}", format));
  if (channels == 0 || rate == 0 || block != channels * (bits / 8))
    return fail(ErrorId::malformed,
                fmt::format("{} channels, {} frames per second and frames of {} bytes do not go "
                            "with samples of {} bits",
                            channels, rate, block, bits));
  recording.sample = kind->sample;
  recording.channels = channels;
  recording.rate = rate;
  return ok();
}

Error cut_off(uint64_t announced, uint64_t left, std::string_view what) {
  return fail(ErrorId::truncated,
              fmt::format("{} is said to have {} bytes, but {} are left", what, announced, left));
}

const std::byte* at(const WavRecording& recording, uint64_t index) {
  return recording.data.data() + index * size_of(recording.sample);
}

}  // namespace

uint64_t size_of(Sample sample) { return kKinds.at(static_cast<size_t>(sample)).bits / 8; }
std::string_view name(Sample sample) { return kKinds.at(static_cast<size_t>(sample)).name; }

bool looks_like_wav(std::span<const std::byte> file) {
  if (file.size() < 4) return false;
  for (const char* magic : {"RIFF", "RIFX", "RF64"})
    if (std::memcmp(file.data(), magic, 4) == 0) return true;
  return false;
}

Result<WavRecording> read_wav(std::span<const std::byte> file) {
  Cursor outer(file);
  const std::string_view magic = TRY(outer.take_text(4, "the file"));
  if (magic == "RIFX" || magic == "RF64")
    return unsupported(fmt::format("the recording is of the kind {}", magic));
  if (magic != "RIFF") return fail(ErrorId::malformed, "the file does not begin with RIFF");
  const auto size = TRY(outer.read<uint32_t>("the size of the file"));
  if (size > outer.remaining()) return cut_off(size, outer.remaining(), "the recording");
  // What follows the RIFF structure is not part of it.
  Cursor chunks(file.subspan(8, size), 8);
  const std::string_view form = TRY(chunks.take_text(4, "the form"));
  if (form != "WAVE") {
    Error error =
        fail(ErrorId::unknown_format, fmt::format("the file is not WAVE but {}", printable(form)));
    error.hint = "give a WAV recording";
    return error;
  }
  WavRecording recording;
  while (!chunks.done()) {
    const std::string_view id = TRY(chunks.take_text(4, "a chunk"));
    const auto length = TRY(chunks.read<uint32_t>("the size of a chunk"));
    if (length > chunks.remaining())
      return cut_off(length, chunks.remaining(), fmt::format("the chunk '{}'", printable(id)));
    const uint64_t offset = chunks.offset();
    const auto content = TRY(chunks.take(length, "a chunk"));
    if (length % 2 == 1 && !chunks.done()) TRY(chunks.take(1, "the padding of a chunk"));
    if (id == "fmt ") {
      if (recording.channels != 0)
        return fail(ErrorId::malformed, "the recording has two chunks 'fmt '");
      TRY(read_format(Cursor(content, offset), recording));
    } else if (id == "data") {
      if (recording.channels == 0)
        return fail(ErrorId::malformed, "the samples come before the chunk 'fmt '");
      const uint64_t frame = recording.channels * size_of(recording.sample);
      if (length % frame != 0)
        return fail(ErrorId::malformed,
                    fmt::format("{} bytes of samples are no whole number of frames of {} bytes",
                                length, frame));
      recording.frames = length / frame;
      recording.data = content;
      return recording;
    }
  }
  return fail(ErrorId::malformed, "the recording has no samples: no chunk 'data'");
}

int64_t wav_integer(const WavRecording& recording, uint64_t index) {
  const std::byte* from = at(recording, index);
  switch (recording.sample) {
    case Sample::u8: return static_cast<int64_t>(*from);
    case Sample::i16: {
      int16_t value;
      std::memcpy(&value, from, sizeof value);
      return value;
    }
    case Sample::i24: {
      uint32_t bits = 0;
      std::memcpy(&bits, from, 3);
      return static_cast<int32_t>(bits << 8) >> 8;  // with its sign
    }
    case Sample::i32: {
      int32_t value;
      std::memcpy(&value, from, sizeof value);
      return value;
    }
    case Sample::f32: break;
  }
  return 0;
}

double wav_sample(const WavRecording& recording, uint64_t index) {
  if (recording.sample == Sample::f32) {
    float value;
    std::memcpy(&value, at(recording, index), sizeof value);
    return value;
  }
  const auto integer = static_cast<double>(wav_integer(recording, index));
  if (recording.sample == Sample::u8) return (integer - 128) / 128;
  const auto half = static_cast<double>(uint64_t{1} << (8 * size_of(recording.sample) - 1));
  return integer / half;
}

}  // namespace hone
