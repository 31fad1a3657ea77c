// Fuzzes the WAV reader: the samples lie inside the file, and each can be read.
#include "formats/wav.h"

#include <cmath>

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto recording = hone::read_wav(hone::fuzz::bytes(data, size));
  hone::fuzz::require_clean(recording);
  if (!recording) return 0;
  const uint64_t samples = recording->frames * recording->channels;
  hone::fuzz::require(recording->data.size() == samples * hone::size_of(recording->sample));
  for (uint64_t i = 0; i < samples; ++i) {
    const double sample = hone::wav_sample(*recording, i);
    if (recording->sample != hone::WavRecording::Sample::f32)
      hone::fuzz::require(std::fabs(sample) <= 1);
  }
  return 0;
}
