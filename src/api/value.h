// What lies behind the handles of the public API, and the way between its types and ours.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"
#include "hone/hone.h"
#include "ir/tensor.h"

namespace hone::v1 {

struct Value::Impl {
  Datum datum;
};

Value wrap(Datum datum);
inline const Datum& unwrap(const Value& value) { return value.impl().datum; }

Error wrap(const hone::Error& error);

// A result of ours as one of the API's; `convert` makes the value.
template <class T, class Convert>
auto wrap(hone::Result<T> result, Convert convert) -> Result<decltype(convert(result.take()))> {
  if (!result) return wrap(result.error());
  return convert(result.take());
}
inline Status wrap(const hone::Status& status) {
  if (!status) return wrap(status.error());
  return std::monostate{};
}

}  // namespace hone::v1
