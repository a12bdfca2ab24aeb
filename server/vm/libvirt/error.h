// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libvirt/virterror.h>

#include <string_view>

#include "server/vm/hypervisor.h"

namespace lk::vm::libvirt {

// Converts a libvirt error to a Status with a Fault, both from the table in error.cc. The message is
// "<what>: <libvirt's message>".
Status ToStatus(const virError& error, std::string_view what);

// The same for the calling thread's last error, which a failed libvirt call sets.
Status LastError(std::string_view what);

}  // namespace lk::vm::libvirt
