// Printable bytes of Latin-1 are spelled by themselves, the others in order from U+0100.
#include "text/tokenizer/byte_level.h"

#include <array>
#include <cstdint>

#include "text/tokenizer/unicode.h"

namespace hone::tokenizer {
namespace {

constexpr bool is_itself(int b) {
  return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
}

constexpr auto kCharOfByte = [] {
  std::array<uint16_t, 256> table{};
  uint16_t next = 0x100;
  for (int b = 0; b < 256; ++b) table[size_t(b)] = is_itself(b) ? uint16_t(b) : next++;
  return table;
}();

constexpr auto kByteOfChar = [] {
  std::array<int16_t, 0x144> table{};
  for (auto& byte : table) byte = -1;
  for (int b = 0; b < 256; ++b) table[kCharOfByte[size_t(b)]] = int16_t(b);
  return table;
}();

}  // namespace

bool append_bytes_of_spelling(std::string_view token, std::string& bytes) {
  const size_t before = bytes.size();
  bytes.resize(before + token.size());
  char* out = bytes.data() + before;
  for (size_t at = 0; at < token.size();) {
    const auto first = static_cast<unsigned char>(token[at]);
    if (first > 0x20 && first < 0x7f) {  // itself
      *out++ = token[at++];
      continue;
    }
    const auto [value, length] = decode_at(token, at);
    const int16_t byte = value < kByteOfChar.size() ? kByteOfChar[value] : int16_t{-1};
    if (byte < 0) return false;
    *out++ = static_cast<char>(byte);
    at += length;
  }
  bytes.resize(static_cast<size_t>(out - bytes.data()));
  return true;
}

std::optional<std::string> bytes_of_spelling(std::string_view token) {
  std::string bytes;
  if (!append_bytes_of_spelling(token, bytes)) return std::nullopt;
  return bytes;
}

std::string spelling_of_bytes(std::string_view bytes) {
  std::string token;
  for (const char c : bytes) append(token, kCharOfByte[static_cast<unsigned char>(c)]);
  return token;
}

}  // namespace hone::tokenizer
