// Tests of what the cache of a language model keeps for sequences that begin alike.
#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "base/scratch_folder.h"
#include "run_model.h"
#include "tiny_model.h"

namespace hone {
namespace {

using test::Logits;
using test::logits_of;

// A model whose cache holds 16 pages, and whose sequences have 8 at most.
class Pages : public testing::Test {
 protected:
  Pages() : path_(folder_.path() + "/model.gguf"), model_(made()) {}

  LanguageModel made() {
    test::TinyShape shape;
    shape.layers = 1;
    EXPECT_TRUE(test::write_tiny_llama(path_, "q8_0", shape).ok());
    return test::opened(path_);
  }
  static std::vector<int32_t> text(size_t n, int seed) {
    std::vector<int32_t> out;
    for (size_t i = 0; i < n; ++i) out.push_back(int32_t((i * 7919 + size_t(seed) * 31) % 300));
    return out;
  }
  Logits run(Engine::SequenceId id, std::span<const int32_t> tokens) {
    return logits_of(engine(), id, tokens, 64);
  }
  // A sequence that has run these tokens and is gone.
  void leave(std::span<const int32_t> tokens) {
    const ScopedSequence sequence(engine());
    run(sequence.id(), tokens);
  }
  Engine& engine() { return model_.engine; }

  ScratchFolder folder_;
  std::string path_;
  LanguageModel model_;
};

TEST_F(Pages, WhoseRoomIsNeededGoFromTheEnd) {
  const auto first = text(512, 1);
  leave(first);
  const ScopedSequence second(engine()), third(engine());
  run(second.id(), text(512, 2));
  run(third.id(), text(128, 3));  // takes two pages of the first
  const auto again = engine().open();
  EXPECT_EQ(engine().reuse(again, first), 384);
}

TEST_F(Pages, OfEqualTextsAreKeptOnce) {
  const auto tokens = text(512, 1);
  const ScopedSequence a(engine()), b(engine()), c(engine());
  // Side by side: neither finds pages of the other.
  for (size_t at = 0; at < tokens.size(); at += 64) {
    const Engine::Piece pieces[] = {{a.id(), std::span(tokens).subspan(at, 64)},
                                    {b.id(), std::span(tokens).subspan(at, 64)}};
    ASSERT_TRUE(engine().step(pieces).ok());
  }
  run(c.id(), text(448, 2));
  // What is shared is not written to: going back gives room of its own.
  EXPECT_EQ(engine().rewind(a.id(), 100), 64);
  run(a.id(), text(60, 3));
  EXPECT_EQ(engine().rewind(b.id(), 448), 448);
  const Logits shared = run(b.id(), std::span(tokens).subspan(448));
  LanguageModel fresh = test::opened(path_);
  const Logits wanted = logits_of(fresh.engine, fresh.engine.open(), tokens, 512);
  for (size_t i = 0; i < 64; ++i)
    for (size_t k = 0; k < wanted[0].size(); ++k)
      ASSERT_EQ(std::bit_cast<uint32_t>(shared[i][k]), std::bit_cast<uint32_t>(wanted[448 + i][k]));
}

TEST_F(Pages, OfOthersServeSequencesThatHoldLess) {
  const auto tokens = text(400, 1);
  leave(tokens);
  const auto id = engine().open();
  run(id, std::span(tokens).first(100));
  EXPECT_EQ(engine().reuse(id, tokens), 384);
  const Logits rest = run(id, std::span(tokens).subspan(384));
  LanguageModel fresh = test::opened(path_);
  const Logits wanted = logits_of(fresh.engine, fresh.engine.open(), tokens, 400);
  for (size_t i = 0; i < 16; ++i)
    for (size_t k = 0; k < wanted[0].size(); ++k)
      ASSERT_EQ(std::bit_cast<uint32_t>(rest[i][k]), std::bit_cast<uint32_t>(wanted[384 + i][k]));
  // A sequence of another text gets nothing, and keeps what it holds.
  const auto other = engine().open();
  run(other, text(70, 2));
  EXPECT_EQ(engine().reuse(other, tokens), 70);
  EXPECT_EQ(engine().length(other), 70);
}

TEST_F(Pages, AreFoundUpToTheLastToken) {
  const auto tokens = text(300, 1);
  leave(tokens);
  for (const auto& [length, held] :
       {std::pair{64, 0}, {65, 64}, {128, 64}, {129, 128}, {300, 256}}) {
    const ScopedSequence sequence(engine());
    EXPECT_EQ(engine().reuse(sequence.id(), std::span(tokens).first(size_t(length))), held);
  }
  // Another token in the first page, or in the third.
  for (const auto& [at, held] : {std::pair{3, 0}, {130, 128}}) {
    auto other = tokens;
    other[size_t(at)] += 1;
    const ScopedSequence sequence(engine());
    EXPECT_EQ(engine().reuse(sequence.id(), other), held);
  }
}

}  // namespace
}  // namespace hone
