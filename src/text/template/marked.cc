#include "text/template/marked.h"

#include <algorithm>

namespace hone::jinja {
namespace {

bool begins_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

size_t count_code_points(std::string_view bytes) {
  return static_cast<size_t>(std::count_if(bytes.begin(), bytes.end(), begins_code_point));
}

}  // namespace

size_t code_point_bytes(std::string_view bytes, size_t at) {
  size_t end = at + 1;
  while (end < bytes.size() && !begins_code_point(bytes[end])) ++end;
  return end - at;
}

Marked::Marked(std::string bytes, bool trusted) {
  if (bytes.empty()) return;
  MarkedBuilder builder;
  builder.add(bytes, trusted);
  *this = builder.take();
}

size_t Marked::offset_of(size_t index) const {
  if (ascii()) return std::min(index, size());
  const std::string_view all = bytes();
  size_t at = 0;
  // Bytes that continue nothing belong to the beginning.
  while (at < all.size() && !begins_code_point(all[at])) ++at;
  for (; index > 0 && at < all.size(); --index) at += code_point_bytes(all, at);
  return at;
}

const std::vector<Marked::Run>& Marked::runs() const {
  static const std::vector<Run> kNone;
  return data_ ? data_->runs : kNone;
}

bool Marked::trusted_at(size_t byte) const {
  const auto& all = runs();
  const auto run =
      std::upper_bound(all.begin(), all.end(), byte, [](size_t at, Run r) { return at < r.end; });
  return run != all.end() && run->trusted;
}

bool Marked::trusted() const {
  return std::all_of(runs().begin(), runs().end(), [](Run run) { return run.trusted; });
}

Marked Marked::part(size_t from, size_t count) const {
  from = std::min(from, size());
  count = std::min(count, size() - from);
  if (count == size()) return *this;
  MarkedBuilder builder;
  builder.add(*this, from, count);
  return builder.take();
}

void MarkedBuilder::add(std::string_view bytes, bool trusted) {
  if (bytes.empty()) return;
  data_.bytes += bytes;
  const auto end = static_cast<uint32_t>(data_.bytes.size());
  if (!data_.runs.empty() && data_.runs.back().trusted == trusted) {
    data_.runs.back().end = end;
  } else {
    data_.runs.push_back({end, trusted});
  }
}

void MarkedBuilder::add(const Marked& text, size_t from, size_t count) {
  const size_t end = from + count;
  const auto& runs = text.runs();
  auto run = std::upper_bound(runs.begin(), runs.end(), from,
                              [](size_t at, Marked::Run r) { return at < r.end; });
  for (; from < end && run != runs.end(); ++run) {
    const size_t stop = std::min<size_t>(run->end, end);
    add(text.bytes().substr(from, stop - from), run->trusted);
    from = stop;
  }
}

Marked MarkedBuilder::take() {
  if (data_.bytes.empty()) return {};
  data_.length = count_code_points(data_.bytes);
  auto made = std::make_shared<const Marked::Data>(std::move(data_));
  data_ = {};
  return Marked(std::move(made));
}

}  // namespace hone::jinja
