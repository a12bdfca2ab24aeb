// SPDX-License-Identifier: Apache-2.0
// Booting another kernel from this one.
#pragma once

#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// Where the guest has the image of its own kernel, if its scenario asks for it.
inline constexpr char kKernelPath[] = "/lk/kernel";

// Loads kernel and initramfs for Kexec: by kexec_file_load(2), or on arm64, where the kernel has none, by
// kexec_load(2). Errors: FAILED_PRECONDITION (no such system call here), what they and the files say.
Status LoadKexec(const std::string& kernel, std::string_view initramfs, const std::string& command_line);

// Boots what is loaded; returns only when it cannot. Errors: what reboot(2) says (INVALID_ARGUMENT: nothing is loaded).
Status Kexec();

}  // namespace lk::agent
