// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lk::vm {

// Whether libvirt's daemon of this URI runs on this machine, so that it and lkd see the same files: no host, and no
// transport but Unix sockets (https://libvirt.org/uri.html, "Local URIs"). libvirt takes all others as remote, even
// qemu+ssh://localhost/system.
bool IsLocal(std::string_view uri);

}  // namespace lk::vm
