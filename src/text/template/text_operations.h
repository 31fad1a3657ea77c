// What methods and filters do to text; marks stay with the characters they came with.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "text/template/evaluator.h"

namespace hone::jinja {

// `initial`: as capitalized, but with the upper case of the first letter ("SS") where that is not
// its title case ("Ss").
enum class Letters : uint8_t { upper, lower, capitalized, initial, title, swapped };
Result<Value> change_case(Evaluator& run, const Marked& text, Letters letters);
// Of white space, or of these characters.
Marked stripped(const Marked& text, const std::optional<Marked>& characters, bool left, bool right);
// The first `count` ones; all where it is negative.
Result<Value> replaced(Evaluator& run, const Marked& text, const Marked& from, const Marked& to,
                       int64_t count);
// Blanks on the sides up to a width in code points; `left` is the share of those in front.
enum class Place : uint8_t { left, right, center };
Result<Value> padded(Evaluator& run, const Marked& text, int64_t width, Place place,
                     const Marked& fill);
// Pieces between separators, or between white space.
Result<Value> split(Evaluator& run, const Marked& text, const std::optional<Marked>& separator,
                    int64_t most, bool from_right);
// Searches in time that grows with the text alone, however long the pieces are that almost match.
size_t find_text(std::string_view text, std::string_view wanted, size_t from = 0);
size_t find_last_text(std::string_view text, std::string_view wanted);
std::vector<Marked> lines_of(const Marked& text, bool keep_ends);

// Arguments: text, or an error that names the argument.
Result<Marked> text_argument(Call& c, const std::optional<Value>& value, std::string_view name);
Result<int64_t> integer_argument(Call& c, const std::optional<Value>& value, std::string_view name,
                                 int64_t otherwise);

}  // namespace hone::jinja
