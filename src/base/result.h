// A value or an Error. All access is by value, so that no reference can outlive a temporary.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/error.h"

namespace hone {

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, ErrorBox(std::move(error))) {}

  explicit operator bool() const { return state_.index() == 0; }
  bool ok() const { return state_.index() == 0; }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  T take() { return std::get<0>(std::move(state_)); }
  const Error& error() const { return *std::get<1>(state_); }
  Error take_error() { return std::move(*std::get<1>(state_)); }

  // Adds what was being done; a no-op on success.
  Result context(std::string what) && {
    if (!ok()) (*std::get<1>(state_)).context.push_back(std::move(what));
    return std::move(*this);
  }

 private:
  std::variant<T, ErrorBox> state_;
};

using Status = Result<std::monostate>;
inline Status ok() { return std::monostate{}; }

}  // namespace hone

// The value of a Result, or a return of its error from the enclosing function. Holds and yields by
// value: a reference into the temporary would dangle at the end of the inner statement.
#define TRY(...)                                               \
  ({                                                           \
    auto hone_try_result = (__VA_ARGS__);                      \
    if (!hone_try_result) return hone_try_result.take_error(); \
    hone_try_result.take();                                    \
  })
