// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <utility>

namespace lk {

// Error messages say what was refused, where, and what would be accepted.
using Status = absl::Status;
template <typename T>
using StatusOr = absl::StatusOr<T>;

}  // namespace lk

#define LK_CONCAT_INNER(a, b) a##b
#define LK_CONCAT(a, b) LK_CONCAT_INNER(a, b)

#define LK_RETURN_IF_ERROR(expression)                                    \
  do {                                                                    \
    if (auto lk_status = (expression); !lk_status.ok()) return lk_status; \
  } while (false)

#define LK_ASSIGN_OR_RETURN(target, expression) \
  LK_ASSIGN_OR_RETURN_INNER(LK_CONCAT(lk_result_, __LINE__), target, expression)
#define LK_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                 \
  if (!(result).ok()) return (result).status();               \
  target = std::move(result).value()
