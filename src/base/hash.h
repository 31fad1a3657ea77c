// SHA-256 of content, a seeded hash for maps whose keys come from files, a mixer of bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace hone {

class ThreadPool;

// Streaming SHA-256 (FIPS 180-4).
class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();
  void update(std::span<const std::byte> data);
  void update(std::string_view text);
  // Ends the message; the object starts a new, empty one.
  std::array<uint8_t, 32> finish();

 private:
  evp_md_ctx_st* context_;
};

// 64 lower-case digits.
std::string sha256_hex(std::span<const std::byte> data);
std::string hex(std::span<const uint8_t> bytes);
// SHA-256 over the SHA-256 of every part of 8 MiB, in hexadecimal: computed on all threads.
// done(part) after each part, on any thread, where it is given.
std::string sha256_of_parts(std::span<const std::byte> data, ThreadPool& pool,
                            const std::function<void(std::span<const std::byte>)>& done = nullptr);

// SipHash-1-3 (Aumasson and Bernstein 2012) under a 128-bit key.
uint64_t sip_hash(std::string_view data, uint64_t key0, uint64_t key1);

// splitmix64 (Steele, Lea & Flood 2014): its finalizer, and one whole step. Numbers that differ in
// one bit become numbers that have nothing in common.
inline constexpr uint64_t kMixStep = 0x9e3779b97f4a7c15;
constexpr uint64_t finalize64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}
constexpr uint64_t mix64(uint64_t x) { return finalize64(x + kMixStep); }

// Hash for unordered containers with file-controlled keys: the key of the process is random, so
// that no file can aim its names at one bucket. Never let the order of such a container reach an
// output.
struct SeededHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const;
};

// Use as std::unordered_map<std::string, T, SeededHash, std::equal_to<>>: find() takes a
// string_view.

}  // namespace hone
