// SPDX-License-Identifier: Apache-2.0
// The crash kernel, and what sysfs tells about it (Documentation/ABI/testing/sysfs-kernel-*,
// Documentation/ABI/testing/sysfs-devices-memory).
#pragma once

#include <string>

#include "support/status.h"

namespace lk::agent::crash_hotplug {

// Whether the kernel updates the crash kernel's header itself; udev reads the one of the device that an event is about.
inline constexpr char kMemoryCrashHotplug[] = "/sys/devices/system/memory/crash_hotplug";
inline constexpr char kCpuCrashHotplug[] = "/sys/devices/system/cpu/crash_hotplug";
inline constexpr char kCrashSize[] = "/sys/kernel/kexec_crash_size";

// Loads /lk/kernel as the crash kernel (kexec_file_load(2)), replacing the one that is loaded. Errors: those of the
// system calls.
Status LoadCrashKernel();

// Bytes reserved for a crash kernel, as text; "0" if there are none. Errors: those of read(2); FAILED_PRECONDITION
// (EBUSY: the kexec lock is taken).
StatusOr<std::string> CrashSize();

// While a crash kernel is loaded and nobody holds the kexec lock, the kernel must say that it is loaded, that it
// updates the header (if it has that attribute), and that `size` is reserved. Error: the first attribute that cannot be
// read or has a different value.
Status CheckAttributes(const std::string& size);

}  // namespace lk::agent::crash_hotplug
