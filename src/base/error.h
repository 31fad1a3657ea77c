// What went wrong: a stable id, a message, where, and what was being done.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone {

enum class ErrorId : uint8_t {
#define ERROR(id, blame, code, meaning, hint) id,
#include "base/errors.def"
#undef ERROR
};

// Who is to blame; decides the exit code of the command line.
enum class Blame : uint8_t { check, usage, input, limit, inconclusive, bug };

struct ErrorInfo {
  std::string_view code;  // stable, for scripts: "data.truncated"
  Blame blame;
  std::string_view meaning;  // one sentence
  std::string_view hint;     // what to do
};

const ErrorInfo& info(ErrorId id);
int exit_code(Blame blame);
// All ids, in the order of errors.def.
const std::vector<ErrorId>& all_errors();

struct Error {
  ErrorId id;
  std::string message;               // what, with the offending names and numbers
  std::vector<std::string> context;  // what was being done, innermost first
  std::string hint = {};             // overrides the hint of the table
};

// An Error on the heap, so that a Result is hardly larger than its value, and passing one on is
// cheap in time and code. Moved from, it may only be destroyed or assigned to.
class ErrorBox {
 public:
  explicit ErrorBox(Error error);
  ErrorBox(const ErrorBox& other);
  ErrorBox(ErrorBox&& other) noexcept : error_(std::exchange(other.error_, nullptr)) {}
  ErrorBox& operator=(ErrorBox other) noexcept {
    std::swap(error_, other.error_);
    return *this;
  }
  ~ErrorBox() {
    if (error_ != nullptr) destroy(error_);
  }
  Error& operator*() const { return *error_; }

 private:
  static void destroy(Error* error);
  Error* error_;
};

// Message, then one "while …" line for each context, then the hint.
std::string describe(const Error& error);

Error fail(ErrorId id, std::string message);

}  // namespace hone
