// SPDX-License-Identifier: Apache-2.0
// RAII wrappers for libvirt's reference-counted handles.
#pragma once

#include <libvirt/libvirt.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace lk::vm::libvirt {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* handle) const {
    kFree(handle);
  }
};

using DomainHandle = std::unique_ptr<virDomain, Freer<virDomainFree>>;
using StreamHandle = std::unique_ptr<virStream, Freer<virStreamFree>>;
// Shared, so that calls on worker threads keep a connection alive when the reconnecting thread replaces it.
using ConnectHandle = std::shared_ptr<virConnect>;

// Copies and frees a string allocated by libvirt (NULL becomes "").
inline std::string TakeString(char* text) {
  std::string copy = text ? text : "";
  std::free(text);
  return copy;
}

}  // namespace lk::vm::libvirt
