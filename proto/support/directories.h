// SPDX-License-Identifier: Apache-2.0
// Where lkd and lkctl keep what belongs to a user of this machine, unless told otherwise; always absolute.
#pragma once

#include <unistd.h>

#include <filesystem>

namespace lk {

// What outlives a restart. Root: /var/lib/lk; others: $XDG_STATE_HOME/lk, by default ~/.local/state/lk.
std::filesystem::path StateDirectory(uid_t user = geteuid());

// Sockets. Root: /run/lk; others: $XDG_RUNTIME_DIR/lk, by default /run/user/UID/lk. Where nobody has made the latter,
// as without a login session, lk falls back to $XDG_CACHE_HOME/lk, by default ~/.cache/lk, as libvirt does.
std::filesystem::path RuntimeDirectory(uid_t user = geteuid());

}  // namespace lk
