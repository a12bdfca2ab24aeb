// SPDX-License-Identifier: Apache-2.0
#include "server/vm/uri.h"

namespace lk::vm {

bool IsLocal(std::string_view uri) {
  const std::string_view scheme = uri.substr(0, uri.find(':'));
  const size_t plus = scheme.find('+');
  return (plus == scheme.npos || scheme.substr(plus) == "+unix") && uri.substr(scheme.size()).starts_with(":///");
}

}  // namespace lk::vm
