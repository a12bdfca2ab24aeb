// SPDX-License-Identifier: Apache-2.0
// The two ways a VM's serial console comes to lk.
//
// On this machine, from the log that virtlogd keeps: QEMU itself writes every byte to it before the terminal, so
// nothing is lost while lkd is away, while QEMU has not yet noticed that the terminal is open, or when QEMU dies with
// bytes still in the terminal's buffer. From other machines, through a libvirt stream, which has none of these
// guarantees after a break; a line in the console says so.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/vm/hypervisor.h"
#include "server/vm/libvirt/handle.h"

namespace lk::vm::libvirt {

// Made, used and destroyed on the event loop's thread.
class Console {
 public:
  virtual ~Console() = default;
  // The domain has ended: what is still on its way is delivered, then the sink's on_end is called, once.
  virtual void DomainEnded() = 0;
  // The connection was lost and is back, the domain runs on.
  virtual void Reconnected(virDomain* domain) = 0;
};

// Stands in the console where bytes may be missing or may come twice.
inline constexpr char kGap[] = "\n** lk: console interrupted, bytes may be missing here **\n";

// Follows the log at `path` from byte `offset` of the console. virtlogd renames a full log (2 MiB by default) to
// path.0, path.0 to path.1 and so on, and keeps three of them: offsets beyond that cannot be placed any more, and the
// reader goes on at the end, after kGap. Errors: what open(2) and inotify(7) say (kHost).
StatusOr<std::unique_ptr<Console>> FollowLog(const std::filesystem::path& path, uint64_t offset, ConsoleSink sink);

// Delivers what the log holds from `offset` on, then on_end: for a domain that has ended while nobody followed.
// Any thread.
void ReadRestOfLog(const std::filesystem::path& path, uint64_t offset, const ConsoleSink& sink);

// Opens the domain's console stream. `gap`: something was printed before. Errors: libvirt's.
StatusOr<std::unique_ptr<Console>> OpenStream(virDomain* domain, bool gap, ConsoleSink sink);

}  // namespace lk::vm::libvirt
