// SPDX-License-Identifier: Apache-2.0
#include "agent/safety/safety.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "agent/init/config.h"
#include "support/file.h"

namespace lk::agent {
namespace {

#if defined(__x86_64__)
// Hypervisors set bit 31 of ECX in leaf 1 and put their name into leaf 0x40000000 (Intel SDM and AMD APM volume 3,
// "CPUID"; Documentation/virt/kvm/x86/cpuid.rst).
std::string Hypervisor() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & (1u << 31)) == 0) return "";
  __cpuid(0x40000000, eax, ebx, ecx, edx);
  std::array<char, 13> name{};
  std::memcpy(name.data(), &ebx, 4);
  std::memcpy(name.data() + 4, &ecx, 4);
  std::memcpy(name.data() + 8, &edx, 4);
  return std::string("cpuid hypervisor ") + name.data();
}
#else
// arm64 has no CPU flag that indicates a virtual machine. Check for a hypervisor node in the device tree, for QEMU's
// name in DMI (with ACPI), and for a QEMU machine in the device tree's root "compatible" property.
std::string Hypervisor() {
  if (access("/proc/device-tree/hypervisor", F_OK) == 0) return "device tree hypervisor";
  for (const char* file : {"/sys/class/dmi/id/sys_vendor", "/proc/device-tree/compatible"}) {
    const auto text = ReadFile(file);
    if (text.ok() && (text->find("QEMU") != text->npos || text->find("linux,dummy-virt") != text->npos)) {
      return std::string(file) + " names a QEMU machine";
    }
  }
  return "";
}
#endif

}  // namespace

Surroundings LookAround() {
  Surroundings surroundings;
  surroundings.hypervisor = Hypervisor();
  const auto text = ReadFile(kConfigPath);
  surroundings.has_config = text.ok();
  if (!text.ok()) return surroundings;
  if (const auto config = ParseConfig(*text); config.ok()) surroundings.token = config->token;
  return surroundings;
}

Status MayAct(const Surroundings& surroundings) {
  if (surroundings.hypervisor.empty()) {
    return absl::PermissionDeniedError("refusing to run: not inside a virtual machine started by lkd");
  }
  if (!surroundings.has_config) {
    return absl::PermissionDeniedError(std::string(kConfigPath) + " is missing: lkd did not start this machine");
  }
  // 32 random bytes in hexadecimal.
  const std::string& token = surroundings.token;
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (token.size() != 64 || !std::all_of(token.begin(), token.end(), is_hex)) {
    return absl::PermissionDeniedError(std::string(kConfigPath) +
                                       " has no valid token (expected 64 hexadecimal digits)");
  }
  return absl::OkStatus();
}

}  // namespace lk::agent
