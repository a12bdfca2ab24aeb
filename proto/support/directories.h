// SPDX-License-Identifier: Apache-2.0
// Default directories of lkd and lkctl for a user of this machine; always absolute.
#pragma once

#include <unistd.h>

#include <filesystem>

namespace lk {

// Persistent state: /var/lib/lk for root, otherwise $XDG_STATE_HOME/lk (default ~/.local/state/lk).
std::filesystem::path StateDirectory(uid_t user = geteuid());

// Sockets: /run/lk for root, otherwise $XDG_RUNTIME_DIR/lk (default /run/user/UID/lk). If /run/user/UID does not
// exist, as without a login session, the default is $XDG_CACHE_HOME/lk or ~/.cache/lk, like libvirt.
std::filesystem::path RuntimeDirectory(uid_t user = geteuid());

}  // namespace lk
