// A strict JSON reader (RFC 8259) for text from outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace hone {

class Json;

// Owns the parsed text as a flat array of nodes. Stricter than most: no duplicate keys, no lone
// surrogates, no byte order mark, at most kMaxDepth levels, no number beyond the range of double.
// Integers are exact up to the ranges of int64 and uint64; larger ones are kept as double.
class JsonDocument {
 public:
  static constexpr size_t kMaxDepth = 128;

  // `origin` is the offset of the text in its file, for errors. Text above the limit `header` is
  // refused; memory is charged to the ledger as it grows.
  static Result<JsonDocument> parse(std::string_view text, Ledger& ledger, uint64_t origin = 0);
  // Valid while the document lives and is not moved.
  Json root() const;

 private:
  friend class Json;
  friend class JsonParser;
  enum class Kind : uint8_t { null, boolean, integer, large, real, string, array, object };
  struct Container {
    uint32_t end;     // index of the node behind the last one inside
    uint32_t sorted;  // in sorted_, for objects above kLinear members
  };
  // Members of an object are key, value, key, value; elements and their insides follow in order.
  struct Node {
    Kind kind = Kind::null;
    uint32_t count = 0;  // bytes, elements or members
    union {
      int64_t integer = 0;
      uint64_t large;
      double real;
      uint64_t text;  // offset in text_
      Container inside;
    };
  };
  static constexpr uint32_t kLinear = 8;  // so few members are found faster by a walk

  std::string_view text_of(uint32_t node) const {
    return std::string_view(text_).substr(nodes_[node].text, nodes_[node].count);
  }
  uint32_t after(uint32_t node) const {
    const Node& at = nodes_[node];
    return at.kind >= Kind::array ? at.inside.end : node + 1;
  }

  std::vector<Node> nodes_;
  std::string text_;              // all strings, unescaped
  std::vector<uint32_t> sorted_;  // key nodes of large objects in the order of their keys
};

// One value of a document: a cheap handle, valid as long as JsonDocument::root() is.
class Json {
 public:
  bool is_null() const { return kind() == Kind::null; }
  bool is_bool() const { return kind() == Kind::boolean; }
  bool is_integer() const { return kind() == Kind::integer || kind() == Kind::large; }
  bool is_number() const { return is_integer() || kind() == Kind::real; }
  bool is_string() const { return kind() == Kind::string; }
  bool is_array() const { return kind() == Kind::array; }
  bool is_object() const { return kind() == Kind::object; }
  std::string_view kind_name() const;  // "a string"

  // Malformed, naming what was expected and found, when the value is of another kind.
  Result<bool> as_bool() const;
  Result<int64_t> as_int64() const;  // no fraction, no exponent, in range
  Result<uint64_t> as_uint64() const;
  Result<double> as_double() const;  // integers too
  Result<std::string_view> as_string() const;

  // Elements of an array, members of an object, else 0.
  size_t size() const;
  std::optional<Json> find(std::string_view key) const;  // none for other kinds than objects
  Result<Json> get(std::string_view key) const;

  template <bool kMembers>
  class Range;
  // for (const Json element : json.elements()); empty for other kinds: check first.
  Range<false> elements() const;
  // for (const auto [key, value] : json.members()); in the order of the file.
  Range<true> members() const;

 private:
  friend class JsonDocument;
  using Kind = JsonDocument::Kind;
  Json(const JsonDocument* document, uint32_t node) : document_(document), node_(node) {}
  const JsonDocument::Node& node() const { return document_->nodes_[node_]; }
  Kind kind() const { return node().kind; }
  Error wrong_kind(std::string_view expected) const;

  const JsonDocument* document_;
  uint32_t node_;
};

template <bool kMembers>
class Json::Range {
 public:
  class Iterator {
   public:
    auto operator*() const {
      if constexpr (kMembers) {
        return std::pair(document_->text_of(node_), Json(document_, node_ + 1));
      } else {
        return Json(document_, node_);
      }
    }
    Iterator& operator++() {
      node_ = document_->after(kMembers ? node_ + 1 : node_);
      return *this;
    }
    bool operator==(const Iterator& other) const { return node_ == other.node_; }

   private:
    friend class Range;
    Iterator(const JsonDocument* document, uint32_t node) : document_(document), node_(node) {}
    const JsonDocument* document_;
    uint32_t node_;
  };
  Iterator begin() const { return {document_, begin_}; }
  Iterator end() const { return {document_, end_}; }

 private:
  friend class Json;
  Range(const JsonDocument* document, uint32_t begin, uint32_t end)
      : document_(document), begin_(begin), end_(end) {}
  const JsonDocument* document_;
  uint32_t begin_, end_;
};

}  // namespace hone
