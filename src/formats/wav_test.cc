// Tests of reading WAV recordings: every kind of sample, and files that lie about their lengths.
#include "formats/wav.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace hone {
namespace {

using namespace std::string_literals;
using Sample = WavRecording::Sample;

template <class T>
std::string le(T value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

std::string chunk(const std::string& id, const std::string& content) {
  return id + le(static_cast<uint32_t>(content.size())) + content +
         (content.size() % 2 ? "\0"s : "");
}
std::string riff(const std::string& chunks) {
  return "RIFF" + le(static_cast<uint32_t>(4 + chunks.size())) + "WAVE" + chunks;
}
std::string format(uint16_t number, uint16_t channels, uint16_t bits) {
  const auto block = static_cast<uint16_t>(channels * (bits / 8));
  return le(number) + le(channels) + le(uint32_t{16000}) + le(uint32_t{16000U * block}) +
         le(block) + le(bits);
}
std::string wav(uint16_t number, uint16_t channels, uint16_t bits, const std::string& samples) {
  return riff(chunk("fmt ", format(number, channels, bits)) + chunk("data", samples));
}

Result<WavRecording> read(const std::string& file) {
  return read_wav(std::as_bytes(std::span(file)));
}
ErrorId refusal(const std::string& file) {
  const auto recording = read(file);
  return recording ? ErrorId::internal : recording.error().id;
}

TEST(Wav, EveryKindOfSample) {
  const struct {
    uint16_t format, bits;
    std::string samples;  // least, none, one step up
    Sample sample;
    std::vector<double> expected;
  } kCases[] = {
      {1, 8, "\x00\x80\x81"s, Sample::u8, {-1, 0, 1.0 / 128}},
      {1, 16, "\x00\x80\0\0\1\0"s, Sample::i16, {-1, 0, 1.0 / 32768}},
      {1, 24, "\0\0\x80\0\0\0\1\0\0"s, Sample::i24, {-1, 0, 0x1p-23}},
      {1, 32, le(INT32_MIN) + le(0) + le(1), Sample::i32, {-1, 0, 0x1p-31}},
      {3, 32, le(-1.5F) + le(0.0F) + le(0.25F), Sample::f32, {-1.5, 0, 0.25}},
  };
  for (const auto& c : kCases) {
    const std::string file = wav(c.format, 1, c.bits, c.samples);
    const auto recording = read(file);
    ASSERT_TRUE(recording.ok()) << describe(recording.error());
    EXPECT_EQ(recording->sample, c.sample);
    EXPECT_EQ(recording->rate, 16000u);
    ASSERT_EQ(recording->frames, 3u);
    for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(wav_sample(*recording, i), c.expected[i]);
    EXPECT_EQ(size_of(c.sample) * 8, c.bits);
  }
  const std::string negative = wav(1, 1, 24, "\xff\xff\xff");
  EXPECT_EQ(wav_integer(*read(negative), 0), -1);
}

TEST(Wav, ChannelsLieTogether) {
  const std::string file = wav(1, 2, 16, "\1\0\2\0\3\0\4\0"s);
  const auto recording = read(file);
  ASSERT_TRUE(recording.ok());
  EXPECT_EQ(recording->channels, 2u);
  EXPECT_EQ(recording->frames, 2u);
  EXPECT_EQ(wav_integer(*recording, 1), 2);
  EXPECT_EQ(wav_integer(*recording, 2), 3);
}

TEST(Wav, OtherChunksAndTheExtensibleFormat) {
  const std::string plain = chunk("fmt ", format(1, 1, 16)), data = chunk("data", "\1\0"s);
  EXPECT_TRUE(read(riff(chunk("LIST", "odd") + plain + chunk("fact", "1234") + data)).ok());
  EXPECT_TRUE(read(riff(plain + data + chunk("LIST", "behind"))).ok());
  EXPECT_TRUE(read(riff(plain + data) + "behind the structure").ok());
  EXPECT_EQ(read(riff(plain + chunk("data", "")))->frames, 0u);
  const std::string guid = "\0\0\0\0\x10\0\x80\0\0\xAA\0\x38\x9B\x71"s;
  const auto extensible = [&](uint16_t valid, uint16_t number, const std::string& rest) {
    return riff(chunk("fmt ", format(0xFFFE, 1, 16) + le(uint16_t{22}) + le(valid) +
                                  le(uint32_t{4}) + le(number) + rest) +
                data);
  };
  EXPECT_TRUE(read(extensible(16, 1, guid)).ok());
  EXPECT_TRUE(read(extensible(12, 1, guid)).ok());
  EXPECT_EQ(refusal(extensible(17, 1, guid)), ErrorId::malformed);
  EXPECT_EQ(refusal(extensible(16, 6, guid)), ErrorId::unsupported_feature);
  EXPECT_EQ(refusal(extensible(16, 1, std::string(14, '\1'))), ErrorId::unsupported_feature);
  EXPECT_EQ(refusal(extensible(16, 1, "")), ErrorId::truncated);
}

TEST(Wav, Refusals) {
  const std::string plain = chunk("fmt ", format(1, 1, 16)), data = chunk("data", "\1\0"s);
  EXPECT_EQ(refusal(""), ErrorId::truncated);
  EXPECT_EQ(refusal("RIFF"), ErrorId::truncated);
  EXPECT_EQ(refusal("JUNKJUNKJUNK"), ErrorId::malformed);
  EXPECT_EQ(refusal("RIFX" + riff(plain + data).substr(4)), ErrorId::unsupported_feature);
  EXPECT_EQ(refusal("RF64" + riff(plain + data).substr(4)), ErrorId::unsupported_feature);
  EXPECT_EQ(refusal("RIFF" + le(uint32_t{4}) + "AVI "), ErrorId::unknown_format);
  EXPECT_EQ(refusal(riff("")), ErrorId::malformed);
  EXPECT_EQ(refusal(riff(plain)), ErrorId::malformed);
  EXPECT_EQ(refusal(riff(data + plain)), ErrorId::malformed);
  EXPECT_EQ(refusal(riff(plain + plain + data)), ErrorId::malformed);
  EXPECT_EQ(refusal(riff(plain + chunk("data", "123"))), ErrorId::malformed);
  EXPECT_EQ(refusal(riff(chunk("fmt ", "short") + data)), ErrorId::truncated);
  EXPECT_EQ(refusal(wav(2, 1, 4, "12")), ErrorId::unsupported_feature);
  EXPECT_EQ(refusal(wav(1, 1, 12, "12")), ErrorId::unsupported_feature);
  EXPECT_EQ(refusal(wav(3, 1, 64, "12345678")), ErrorId::unsupported_feature);
  EXPECT_EQ(refusal(wav(1, 0, 16, "12")), ErrorId::malformed);
  std::string block = format(1, 2, 16);
  block[12] = 3;  // bytes of a frame
  EXPECT_EQ(refusal(riff(chunk("fmt ", block) + data)), ErrorId::malformed);
}

TEST(Wav, LyingLengths) {
  const std::string good = wav(1, 1, 16, "\1\0\2\0"s);
  ASSERT_TRUE(read(good).ok());
  for (const uint32_t length : {6U, 0x7FFFFFFFU, 0xFFFFFFF0U, 0xFFFFFFFFU}) {
    std::string of_data = good, of_all = good, of_format = good;
    std::memcpy(of_data.data() + 40, &length, 4);
    std::memcpy(of_all.data() + 4, &length, 4);
    std::memcpy(of_format.data() + 16, &length, 4);
    EXPECT_EQ(refusal(of_data), ErrorId::truncated) << length;
    EXPECT_FALSE(read(of_all).ok()) << length;
    EXPECT_FALSE(read(of_format).ok()) << length;
  }
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(refusal(good.substr(0, size)), ErrorId::truncated) << size;
}

}  // namespace
}  // namespace hone
