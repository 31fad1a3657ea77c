#include "base/error.h"

#include <array>

namespace hone {
namespace {

constexpr std::array kInfo{
#define ERROR(id, blame, code, meaning, hint) ErrorInfo{code, Blame::blame, meaning, hint},
#include "base/errors.def"
#undef ERROR
};

}  // namespace

const ErrorInfo& info(ErrorId id) { return kInfo[static_cast<size_t>(id)]; }

int exit_code(Blame blame) {
  switch (blame) {
    case Blame::check: return 1;
    case Blame::usage: return 2;
    case Blame::input: return 3;
    case Blame::limit: return 4;
    case Blame::inconclusive: return 5;
    case Blame::bug: return 70;
  }
  return 70;
}

const std::vector<ErrorId>& all_errors() {
  static const std::vector<ErrorId> ids = [] {
    std::vector<ErrorId> all;
    for (size_t i = 0; i < kInfo.size(); ++i) all.push_back(static_cast<ErrorId>(i));
    return all;
  }();
  return ids;
}

constexpr size_t kShownSteps = 6;  // at each end of a long context

std::string describe(const Error& error) {
  const ErrorInfo& known = info(error.id);
  std::string text = error.message;
  text += " [";
  text += known.code;
  text += "]";
  // Deep nesting makes long chains; both ends tell the story.
  const size_t steps = error.context.size();
  const bool shortened = steps > 2 * kShownSteps + 1;
  for (size_t i = 0; i < steps; ++i) {
    if (shortened && i == kShownSteps) {
      i = steps - kShownSteps;
      text += "\n  … " + std::to_string(i - kShownSteps) + " more …";
    }
    text += "\n  while ";
    text += error.context[i];
  }
  text += "\n  hint: ";
  text += error.hint.empty() ? std::string(known.hint) : error.hint;
  return text;
}

ErrorBox::ErrorBox(Error error) : error_(new Error(std::move(error))) {}
ErrorBox::ErrorBox(const ErrorBox& other)
    : error_(other.error_ == nullptr ? nullptr : new Error(*other.error_)) {}
void ErrorBox::destroy(Error* error) { delete error; }

Error fail(ErrorId id, std::string message) { return Error{id, std::move(message), {}, {}}; }

}  // namespace hone
