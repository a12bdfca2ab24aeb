// SPDX-License-Identifier: Apache-2.0
// The two ways in which lk reads a VM's serial console.
//
// On this machine, lk reads the log that virtlogd keeps. QEMU itself writes every byte to the log before it writes it
// to the terminal, so nothing is lost while lkd is not running, while QEMU has not yet noticed that the terminal is
// open, or when QEMU dies with bytes still in the terminal's buffer. On other machines, lk reads a libvirt stream,
// which has none of these guarantees after an interruption; kGap in the console marks such gaps.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/vm/hypervisor.h"
#include "server/vm/libvirt/handle.h"

namespace lk::vm::libvirt {

// Created, used and destroyed on the event loop's thread.
class Console {
 public:
  virtual ~Console() = default;
  // The domain has ended: delivers the remaining bytes, then calls the sink's on_end, once.
  virtual void DomainEnded() = 0;
  // The connection has been lost and restored, and the domain is still running.
  virtual void Reconnected(virDomain* domain) = 0;
};

// Marks a position in the console where bytes may be missing or repeated.
inline constexpr char kGap[] = "\n** lk: console interrupted, bytes may be missing here **\n";

// Follows the log at `path` from byte `offset` of the console. virtlogd renames a full log (2 MiB by default) to
// path.0, path.0 to path.1 and so on, and keeps three of them. Once the oldest one may have been deleted, offsets can
// no longer be located, and reading continues at the end, after kGap. Errors: those of open(2) and inotify(7) (kHost).
StatusOr<std::unique_ptr<Console>> FollowLog(const std::filesystem::path& path, uint64_t offset, ConsoleSink sink);

// Delivers the log from `offset` onwards, then calls on_end. For a domain that ended while nothing was following its
// log. May be called on any thread.
void ReadRestOfLog(const std::filesystem::path& path, uint64_t offset, const ConsoleSink& sink);

// Opens the domain's console stream. `gap` means that there may be earlier output, which the stream does not deliver.
// Errors: those of libvirt.
StatusOr<std::unique_ptr<Console>> OpenStream(virDomain* domain, bool gap, ConsoleSink sink);

}  // namespace lk::vm::libvirt
