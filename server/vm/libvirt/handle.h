// SPDX-License-Identifier: Apache-2.0
// RAII over libvirt's reference-counted handles.
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
// Shared: calls on worker threads keep a connection alive that the reconnecting thread replaces.
using ConnectHandle = std::shared_ptr<virConnect>;

// Takes over a string that libvirt allocated (NULL: empty).
inline std::string TakeString(char* text) {
  std::string copy = text ? text : "";
  std::free(text);
  return copy;
}

}  // namespace lk::vm::libvirt
