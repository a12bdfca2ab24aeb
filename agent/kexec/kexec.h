// SPDX-License-Identifier: Apache-2.0
// Boots another kernel from this one.
#pragma once

#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// The image of the guest's kernel. Present if the scenario requires it (guest_files).
inline constexpr char kKernelPath[] = "/lk/kernel";

// Loads kernel and initramfs for Kexec(): with kexec_file_load(2) or, on an arm64 kernel without it, with
// kexec_load(2). Errors: FAILED_PRECONDITION (the kernel lacks these calls), those of the system calls and of reading
// the files.
Status LoadKexec(const std::string& kernel, std::string_view initramfs, const std::string& command_line);

// Boots the loaded kernel; returns only on failure. Errors: those of reboot(2) (INVALID_ARGUMENT if nothing is loaded).
Status Kexec();

}  // namespace lk::agent
