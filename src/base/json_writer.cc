// Commas, indentation and escapes of JSON.
#include "base/json_writer.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/check.h"
#include "base/text.h"

namespace hone {
namespace {

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (point.length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    switch (point.value) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (is_unprintable(point.value)) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<uint32_t>(point.value));
        } else {
          out += text.substr(0, point.length);
        }
    }
    text.remove_prefix(point.length);
  }
  out += '"';
}

}  // namespace

std::string json_quote(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

void JsonWriter::new_line() {
  if (indent_ == 0) return;
  out_ += '\n';
  out_.append(open_.size() * static_cast<size_t>(indent_), ' ');
}

void JsonWriter::before_value() {
  if (open_.empty()) {
    CHECK(!wrote_);
  } else if (open_.back().kind == '[') {
    if (!open_.back().empty) out_ += indent_ == 0 ? ", " : ",";
    open_.back().empty = false;
    new_line();
  } else {
    CHECK(after_key_);
  }
  after_key_ = false;
  wrote_ = true;
}

void JsonWriter::begin(char kind) {
  before_value();
  out_ += kind;
  open_.push_back({kind});
}

void JsonWriter::end(char kind, char closing) {
  CHECK(!open_.empty() && open_.back().kind == kind && !after_key_);
  const bool empty = open_.back().empty;
  open_.pop_back();
  if (!empty) new_line();
  out_ += closing;
}

void JsonWriter::key(std::string_view name) {
  CHECK(!open_.empty() && open_.back().kind == '{' && !after_key_);
  if (!open_.back().empty) out_ += indent_ == 0 ? ", " : ",";
  open_.back().empty = false;
  new_line();
  append_quoted(out_, name);
  out_ += ": ";
  after_key_ = true;
}

void JsonWriter::raw(std::string_view json) {
  before_value();
  out_ += json;
}

void JsonWriter::value(std::string_view text) {
  before_value();
  append_quoted(out_, text);
}

void JsonWriter::value(double number) { std::isfinite(number) ? raw(exact(number)) : null(); }
void JsonWriter::value(float number) { std::isfinite(number) ? raw(exact(number)) : null(); }

void JsonWriter::member(const Field& field) {
  key(field.key);
  switch (field.kind) {
    case Field::Kind::boolean: return value(field.integer != 0);
    case Field::Kind::integer: return value(field.integer);
    case Field::Kind::large: return value(field.large);
    case Field::Kind::real: return value(field.real);
    case Field::Kind::text: return value(field.text);
  }
}

}  // namespace hone
