// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lk::vm {

// Whether the libvirt daemon at this URI runs on this machine, so that it sees the same files as lkd. That is the case
// if the URI has no host and no transport other than Unix sockets (https://libvirt.org/uri.html, "Local URIs"). libvirt
// treats all other URIs as remote, even qemu+ssh://localhost/system.
bool IsLocal(std::string_view uri);

}  // namespace lk::vm
