// Text that knows of each piece whether the template wrote it or a message did.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hone::jinja {

// Immutable bytes in runs of equal trust; copies share them. Positions are bytes unless said
// otherwise; one that is no code point boundary is the caller's mistake, and harmless.
class Marked {
 public:
  struct Run {
    uint32_t end;
    bool trusted;
  };

  Marked() = default;  // empty
  Marked(std::string bytes, bool trusted);

  std::string_view bytes() const { return data_ ? std::string_view(data_->bytes) : ""; }
  size_t size() const { return data_ ? data_->bytes.size() : 0; }
  bool empty() const { return size() == 0; }
  // In code points, as Python counts.
  size_t length() const { return data_ ? data_->length : 0; }
  bool ascii() const { return length() == size(); }
  // The byte at which the code point of this index begins; size() behind the last.
  size_t offset_of(size_t index) const;
  bool trusted_at(size_t byte) const;
  // Is nothing of it from outside?
  bool trusted() const;
  Marked part(size_t from, size_t count) const;
  // Runs touch, differ in trust, and cover the bytes.
  const std::vector<Run>& runs() const;

 private:
  friend class MarkedBuilder;
  struct Data {
    std::string bytes;
    std::vector<Run> runs;
    size_t length = 0;
  };
  explicit Marked(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

// Puts marked text together.
class MarkedBuilder {
 public:
  void add(std::string_view bytes, bool trusted);
  void add(const Marked& text) { add(text, 0, text.size()); }
  void add(const Marked& text, size_t from, size_t count);
  size_t size() const { return data_.bytes.size(); }
  Marked take();

 private:
  Marked::Data data_;
};

// The bytes of the code point at `at`, at least one.
size_t code_point_bytes(std::string_view bytes, size_t at);

}  // namespace hone::jinja
