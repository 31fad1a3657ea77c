// Tests of reading YAML: the tree, its lines, and what is refused.
#include "base/yaml.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

using namespace std::string_literals;

std::string refusal(std::string_view text, const YamlLimits& limits = {}) {
  const auto document = read_yaml(text, "f.yaml", ErrorId::malformed, limits);
  if (document) return "";
  EXPECT_EQ(document.error().id, ErrorId::malformed);
  return document.error().message;
}

TEST(Yaml, TreeWithLines) {
  const auto document =
      read_yaml("a: 1\nb:\n  - x\n  - {c: \"2\", d: }\n", "f", ErrorId::malformed);
  ASSERT_TRUE(document.ok());
  ASSERT_EQ(document->kind, YamlNode::Kind::map);
  ASSERT_EQ(document->children.size(), 2u);
  const YamlNode& a = document->children[0];
  EXPECT_EQ(a.key, "a");
  EXPECT_EQ(a.text, "1");
  EXPECT_EQ(a.kind, YamlNode::Kind::plain);
  const YamlNode* b = document->find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->kind, YamlNode::Kind::list);
  EXPECT_EQ(b->line, 2);
  ASSERT_EQ(b->children.size(), 2u);
  EXPECT_EQ(b->children[0].line, 3);
  EXPECT_EQ(b->children[1].find("c")->kind, YamlNode::Kind::quoted);
  EXPECT_EQ(b->children[1].find("c")->line, 4);
  EXPECT_EQ(b->children[1].find("d")->kind, YamlNode::Kind::nothing);
  EXPECT_EQ(b->children[1].find("e"), nullptr);
}

TEST(Yaml, NothingIsNothing) {
  for (const char* text : {"", "# a comment\n", "---\n"}) {
    const auto document = read_yaml(text, "f", ErrorId::malformed);
    ASSERT_TRUE(document.ok()) << text;
    EXPECT_EQ(document->kind, YamlNode::Kind::nothing);
  }
}

TEST(Yaml, WhatMultipliesOrHidesIsRefused) {
  EXPECT_EQ(refusal("a: &x 1\n"), "f.yaml:1: anchors and aliases are not read");
  EXPECT_EQ(refusal("a: &x\n"), "f.yaml:1: anchors and aliases are not read");
  EXPECT_EQ(refusal("&k a: 1\n"), "f.yaml:1: anchors and aliases are not read");
  EXPECT_EQ(refusal("a: 1\nb: &x {c: 1}\n"), "f.yaml:2: anchors and aliases are not read");
  EXPECT_EQ(refusal("a: &x [1]\n"), "f.yaml:1: anchors and aliases are not read");
  EXPECT_NE(refusal("a: *x\n"), "");
  EXPECT_EQ(refusal("a: !!int 1\n"), "f.yaml:1: the tag tag:yaml.org,2002:int means nothing here");
  EXPECT_EQ(refusal("a: 1\n---\nb: 1\n"), "f.yaml:2: more than one document");
  EXPECT_EQ(refusal("a: {b: 1, b: 2}\n"), "f.yaml:1: the key a.b stands twice");
  EXPECT_EQ(refusal("? [1]\n: 2\n"), "f.yaml:1: a key is not a plain word");
  EXPECT_NE(refusal("a: \xff\n"), "");
  EXPECT_NE(refusal("a: b: c"), "");
  EXPECT_NE(refusal("{"), "");
}

TEST(Yaml, LimitsHold) {
  EXPECT_EQ(refusal("a: 1", {.bytes = 3}), "f.yaml has 4 bytes, above 3");
  EXPECT_EQ(refusal("[1, 2, 3]", {.nodes = 3}), "f.yaml:1: too many entries");
  EXPECT_EQ(refusal("[1, 2]", {.nodes = 3}), "");
  EXPECT_EQ(refusal("{a: [1]}", {.depth = 2}), "");
  EXPECT_EQ(refusal("{a: [{}]}", {.depth = 2}), "f.yaml:1: nested too deeply");
  EXPECT_NE(refusal(std::string(60000, '[')), "");
  EXPECT_NE(refusal(std::string(60000, '{')), "");
}

}  // namespace
}  // namespace hone
