// YAML through yaml-cpp: the only file that sees it, and its exceptions end here.
#include "base/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>

#include "base/text.h"

namespace hone {
namespace {

// Reads the text where it lies.
class View : public std::streambuf {
 public:
  explicit View(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // never written through
    setg(begin, begin, begin + text.size());
  }
};

// Builds the tree from the events of the parser, which never builds its own: anchors are refused as
// they are met, and a document costs what it holds.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const YamlLimits& limits) : limits_(limits) { open_.push_back(&document_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "more than one document");
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string&) override { refuse_anchor(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (anchor != 0) refuse_anchor(mark);
    if (awaits_key()) refuse(mark, "a key is not a plain word");
    add(mark, YamlNode::Kind::nothing);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    if (awaits_key()) return take_key(mark, value);
    add(mark, tag == "!" ? YamlNode::Kind::quoted : YamlNode::Kind::plain).text = value;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, YamlNode::Kind::list);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, YamlNode::Kind::map);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapEnd() override { open_.pop_back(); }

  YamlNode take() { return document_.children.empty() ? YamlNode() : document_.children[0]; }

 private:
  [[noreturn]] static void refuse(const YAML::Mark& mark, const std::string& what) {
    throw YAML::Exception(mark, what);
  }
  [[noreturn]] static void refuse_anchor(const YAML::Mark& mark) {
    refuse(mark, "anchors and aliases are not read");
  }
  static void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) refuse_anchor(mark);
    if (tag != "?" && tag != "!" && !tag.empty())
      refuse(mark, fmt::format("the tag {} means nothing here", tag));
  }

  bool awaits_key() const { return open_.back()->kind == YamlNode::Kind::map && !has_key_; }

  void take_key(const YAML::Mark& mark, const std::string& word) {
    key_ = word;
    key_line_ = mark.line + 1;
    has_key_ = true;
    if (open_.back()->find(word) == nullptr) return;
    std::string path;
    for (const YamlNode* node : open_)
      if (!node->key.empty()) path += node->key + ".";
    refuse(mark, fmt::format("the key {}{} stands twice", path, word));
  }

  YamlNode& add(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (++nodes_ > limits_.nodes) refuse(mark, "too many entries");
    YamlNode& node = open_.back()->children.emplace_back();
    node.kind = kind;
    node.line = mark.line + 1;
    if (has_key_) {
      node.key = std::move(key_);
      node.line = key_line_;
      has_key_ = false;
    }
    return node;
  }

  // Pointers to open nodes stay: only the innermost one grows.
  void start(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
             YamlNode::Kind kind) {
    check(mark, tag, anchor);
    if (awaits_key()) refuse(mark, "a key is not a plain word");
    if (static_cast<int>(open_.size()) > limits_.depth) refuse(mark, "nested too deeply");
    open_.push_back(&add(mark, kind));
  }

  const YamlLimits& limits_;
  YamlNode document_{.kind = YamlNode::Kind::list};
  std::vector<YamlNode*> open_;  // the map or list that grows last
  std::string key_;
  int key_line_ = 0;
  bool has_key_ = false;
  int documents_ = 0;
  size_t nodes_ = 0;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view name) const {
  const auto it = std::find_if(children.begin(), children.end(),
                               [&](const YamlNode& child) { return child.key == name; });
  return it == children.end() ? nullptr : &*it;
}

Result<YamlNode> read_yaml(std::string_view text, std::string_view name, ErrorId error,
                           const YamlLimits& limits) {
  if (text.size() > limits.bytes)
    return fail(error, fmt::format("{} has {} bytes, above {}", printable(name), text.size(),
                                   limits.bytes));
  if (!is_utf8(text)) return fail(error, fmt::format("{} is not UTF-8", printable(name)));
  try {
    View view(text);
    std::istream stream(&view);
    YAML::Parser parser(stream);
    Builder builder(limits);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take();
  } catch (const YAML::Exception& failure) {
    return fail(error, fmt::format("{}:{}: {}", printable(name), failure.mark.line + 1,
                                   printable(failure.msg)));
  }
}

}  // namespace hone
