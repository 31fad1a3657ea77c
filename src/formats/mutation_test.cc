// Sound files with random damage: every reader must end, and what it accepts must lie inside the
// file.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "formats/json.h"
#include "formats/npy.h"
#include "formats/protobuf.h"
#include "formats/safetensors.h"

namespace hone {
namespace {

using namespace std::string_literals;

// Calls `read` with copies of `sound` that have a few bytes changed, removed, doubled or swapped.
void damage(const std::string& sound, const std::function<void(const std::string&)>& read) {
  std::mt19937 random(20240501);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (int round = 0; round < 5000; ++round) {
    std::string copy = sound;
    for (size_t edits = 1 + below(4); edits > 0 && !copy.empty(); --edits) {
      const size_t at = below(copy.size());
      switch (below(5)) {
        case 0: copy[at] = static_cast<char>(random()); break;
        case 1: copy[at] = static_cast<char>(copy[at] ^ (1 << below(8))); break;
        case 2: copy.erase(at, 1 + below(8)); break;
        case 3: copy.insert(at, copy.substr(at, 1 + below(8))); break;
        case 4: copy[at] = "\0\xff{}[]\",:0-"[below(11)]; break;
      }
    }
    read(copy);
  }
}

bool inside(std::span<const std::byte> piece, const std::string& file) {
  const auto* data = reinterpret_cast<const std::byte*>(file.data());
  return piece.empty() ||
         (piece.data() >= data && piece.data() + piece.size() <= data + file.size());
}

TEST(Damaged, Json) {
  int accepted = 0;
  damage(R"({"a": [1, -2.5e3, true, null, "\u00e9\n"], "b": {"c": 18446744073709551615}})",
         [&](const std::string& text) {
           Ledger ledger{Limits()};
           const auto document = JsonDocument::parse(text, ledger);
           if (!document) return;
           ++accepted;
           for (const auto [key, value] : document->root().members()) {
             const auto found = document->root().find(key);
             ASSERT_TRUE(found);
             EXPECT_EQ(found->size(), value.size());
           }
         });
  EXPECT_GT(accepted, 0);
}

TEST(Damaged, Protobuf) {
  WireWriter inner, outer;
  const int64_t values[] = {1, -1, 300};
  inner.packed(1, values);
  inner.text(2, "name");
  outer.message(1, inner);
  outer.float32(2, 1.5f);
  outer.varint(3, UINT64_MAX);
  int accepted = 0;
  damage(std::string(outer.data()) + "\x23\x08\x01\x24"s, [&](const std::string& message) {
    Ledger ledger{Limits()};
    WireReader reader(std::as_bytes(std::span(message)));
    while (true) {
      const auto field = reader.next();
      if (!field) return;
      if (!field->has_value()) break;
      EXPECT_TRUE(inside((*field)->bytes, message));
      std::vector<int64_t> ints;
      std::vector<float> floats;
      (void)wire_append(**field, ints, ledger, "ints").ok();
      (void)wire_append(**field, floats, ledger, "floats").ok();
      EXPECT_LE(ints.size(), message.size());
    }
    ++accepted;
  });
  EXPECT_GT(accepted, 0);
}

TEST(Damaged, Npy) {
  const std::vector<int64_t> shape{2, 3};
  int accepted = 0;
  damage(npy_header("<U1", shape) + std::string(24, '\0'), [&](const std::string& file) {
    Ledger ledger{Limits()};
    const auto array = read_npy(std::as_bytes(std::span(file)), ledger);
    if (!array) return;
    ++accepted;
    EXPECT_TRUE(inside(array->data, file));
    EXPECT_EQ(array->data_offset + array->data.size(), file.size());
    (void)npy_strings(*array, ledger).ok();
  });
  EXPECT_GT(accepted, 0);
}

TEST(Damaged, Safetensors) {
  const std::string header =
      R"({"__metadata__": {"k": "v"}, "a": {"dtype": "F32", "shape": [1, 2], )"
      R"("data_offsets": [0, 8]}, "b": {"dtype": "F4", "shape": [4], "data_offsets": [8, 10]}})";
  int accepted = 0;
  damage(std::string(1, static_cast<char>(header.size())) + std::string(7, '\0') + header +
             "0123456789",
         [&](const std::string& file) {
           Ledger ledger{Limits()};
           const auto content = read_safetensors(std::as_bytes(std::span(file)), ledger);
           if (!content) return;
           ++accepted;
           uint64_t end = 0;
           for (const SafetensorsTensor& tensor : content->tensors) {
             EXPECT_EQ(tensor.begin, end);
             end = tensor.end;
           }
           EXPECT_EQ(content->data_offset + end, file.size());
         });
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace hone
