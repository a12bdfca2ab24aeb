// SPDX-License-Identifier: Apache-2.0
#include "agent/kexec/kexec.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kexec.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "agent/kexec/arm64_image.h"
#include "support/file.h"
#include "support/unique_fd.h"

namespace lk::agent {
namespace {

// Returns a memfd that contains `content`. Errors: those of memfd_create(2) and write(2).
StatusOr<UniqueFd> InMemory(std::string_view content) {
  UniqueFd fd(memfd_create("lk-kexec", MFD_CLOEXEC));
  if (!fd) return absl::ErrnoToStatus(errno, "memfd_create");
  if (const std::error_code error = WriteAll(fd.get(), content)) {
    return absl::ErrnoToStatus(error.value(), "cannot write the initramfs");
  }
  return fd;
}

Status LoadByFile(const std::string& kernel, std::string_view initramfs, const std::string& command_line) {
  const UniqueFd image(open(kernel.c_str(), O_RDONLY | O_CLOEXEC));
  if (!image) return absl::ErrnoToStatus(errno, kernel);
  LK_ASSIGN_OR_RETURN(const UniqueFd initrd, InMemory(initramfs));
  if (syscall(SYS_kexec_file_load, image.get(), initrd.get(), command_line.size() + 1, command_line.c_str(), 0UL) !=
      0) {
    return absl::ErrnoToStatus(errno, "kexec_file_load");
  }
  return absl::OkStatus();
}

#if defined(__aarch64__)
Status LoadBySegments(const std::string& kernel, std::string_view initramfs, const std::string& command_line) {
  LK_ASSIGN_OR_RETURN(const std::string image, ReadFile(kernel));
  LK_ASSIGN_OR_RETURN(const std::string device_tree, ReadFile("/sys/firmware/fdt"));
  LK_ASSIGN_OR_RETURN(const std::string iomem, ReadFile("/proc/iomem"));
  std::string random(64, '\0');
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return absl::ErrnoToStatus(errno, "getrandom");
  }
  LK_ASSIGN_OR_RETURN(const KexecPlan plan, PlanArm64({.kernel = image,
                                                       .initramfs = initramfs,
                                                       .device_tree = device_tree,
                                                       .command_line = command_line,
                                                       .random = random,
                                                       .page_size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE))},
                                                      FreeMemory(iomem)));
  std::vector<kexec_segment> segments;
  segments.reserve(plan.segments.size());
  for (const KexecSegment& segment : plan.segments) {
    segments.push_back({segment.content.data(), segment.content.size(), reinterpret_cast<const void*>(segment.address),
                        segment.bytes});
  }
  if (syscall(SYS_kexec_load, plan.entry, segments.size(), segments.data(), KEXEC_ARCH_AARCH64) != 0) {
    return absl::ErrnoToStatus(errno, "kexec_load");
  }
  return absl::OkStatus();
}
#endif

}  // namespace

Status LoadKexec(const std::string& kernel, std::string_view initramfs, const std::string& command_line) {
  Status status = LoadByFile(kernel, initramfs, command_line);
  if (!absl::IsUnimplemented(status)) return status;
#if defined(__aarch64__)
  status = LoadBySegments(kernel, initramfs, command_line);
  if (!absl::IsUnimplemented(status)) return status;
#endif
  return absl::FailedPreconditionError("the kernel has no kexec (CONFIG_KEXEC_FILE; on arm64, CONFIG_KEXEC is enough)");
}

Status Kexec() {
  sync();
  reboot(RB_KEXEC);
  return absl::ErrnoToStatus(errno, "cannot boot the loaded kernel");
}

}  // namespace lk::agent
