// SHA-256 through OpenSSL; SipHash by hand, since OpenSSL's costs a context per call.
#include "base/hash.h"

#include <openssl/evp.h>
#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/thread_pool.h"

namespace hone {
namespace {

struct Key {
  uint64_t words[2];
};

// The one function-local static of the process that is not constant: a key drawn at first use.
const Key& process_key() {
  static const Key key = [] {
    Key drawn{};
    auto* at = reinterpret_cast<char*>(drawn.words);
    size_t left = sizeof drawn.words;
    while (left > 0) {
      const ssize_t got = getrandom(at, left, 0);
      if (got < 0 && errno == EINTR) continue;
      CHECK(got > 0);
      at += got;
      left -= static_cast<size_t>(got);
    }
    return drawn;
  }();
  return key;
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::update(std::span<const std::byte> data) {
  CHECK(EVP_DigestUpdate(context_, data.data(), data.size()) == 1);
}

void Sha256::update(std::string_view text) { update(std::as_bytes(std::span(text))); }

std::array<uint8_t, 32> Sha256::finish() {
  std::array<uint8_t, 32> digest;
  CHECK(EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
  CHECK(EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
  return digest;
}

std::string hex(std::span<const uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string sha256_hex(std::span<const std::byte> data) {
  Sha256 hash;
  hash.update(data);
  return hex(hash.finish());
}

std::string sha256_of_parts(std::span<const std::byte> data, ThreadPool& pool,
                            const std::function<void(std::span<const std::byte>)>& done) {
  constexpr size_t kPart = size_t{8} << 20;
  std::vector<std::array<uint8_t, 32>> digests((data.size() + kPart - 1) / kPart);
  pool.parallel_for(int64_t(digests.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto i = size_t(begin); i < size_t(end); ++i) {
      Sha256 hash;
      const auto part = data.subspan(i * kPart, std::min(kPart, data.size() - i * kPart));
      hash.update(part);
      digests[i] = hash.finish();
      if (done) done(part);
    }
  });
  return sha256_hex(std::as_bytes(std::span(digests)));
}

uint64_t sip_hash(std::string_view data, uint64_t key0, uint64_t key1) {
  uint64_t v0 = key0 ^ 0x736f6d6570736575u, v1 = key1 ^ 0x646f72616e646f6du;
  uint64_t v2 = key0 ^ 0x6c7967656e657261u, v3 = key1 ^ 0x7465646279746573u;
  const auto round = [&] {
    v0 += v1, v1 = std::rotl(v1, 13), v1 ^= v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16), v3 ^= v2;
    v0 += v3, v3 = std::rotl(v3, 21), v3 ^= v0;
    v2 += v1, v1 = std::rotl(v1, 17), v1 ^= v2, v2 = std::rotl(v2, 32);
  };
  const size_t whole = data.size() / 8 * 8;
  for (size_t i = 0; i < whole; i += 8) {
    uint64_t word;
    std::memcpy(&word, data.data() + i, sizeof word);
    v3 ^= word;
    round();
    v0 ^= word;
  }
  uint64_t last = static_cast<uint64_t>(data.size()) << 56;
  for (size_t i = whole; i < data.size(); ++i) {
    last |= static_cast<uint64_t>(static_cast<unsigned char>(data[i])) << (8 * (i - whole));
  }
  v3 ^= last;
  round();
  v0 ^= last;
  v2 ^= 0xff;
  for (int i = 0; i < 3; ++i) round();
  return v0 ^ v1 ^ v2 ^ v3;
}

size_t SeededHash::operator()(std::string_view text) const {
  const Key& key = process_key();
  return sip_hash(text, key.words[0], key.words[1]);
}

}  // namespace hone
