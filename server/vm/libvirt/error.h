// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libvirt/virterror.h>

#include <string_view>

#include "server/vm/hypervisor.h"

namespace lk::vm::libvirt {

// libvirt's error as a Status with its fault: code from the table in error.cc, message "<what>: <libvirt's words>".
Status ToStatus(const virError& error, std::string_view what);

// The same for the calling thread's last error, which is what a libvirt call that failed leaves behind.
Status LastError(std::string_view what);

}  // namespace lk::vm::libvirt
