// SPDX-License-Identifier: Apache-2.0
#include "agent/kexec/arm64_image.h"

#include <endian.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "agent/kexec/device_tree.h"

namespace lk::agent {
namespace {

// Documentation/arch/arm64/booting.rst: the image is placed at text_offset from a 2 MiB boundary and occupies
// image_size bytes, which may exceed the size of the file.
constexpr uint64_t kBoundary = uint64_t{2} << 20;
constexpr size_t kTextOffset = 8, kImageSize = 16, kImageMagic = 56, kImageHeader = 64;

// Room in the device tree for additions other than the command line and the random seed.
constexpr size_t kTreeRoom = 4096;

uint64_t AlignUp(uint64_t value, uint64_t to) {
  return (value + to - 1) / to * to;
}

uint64_t Word(std::string_view bytes, size_t offset) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return le64toh(value);
}

// Returns the code that runs first and jumps to the new kernel. It is needed because the running kernel leaves kexec
// with x0 = 0 (relocate_kernel.S), but the new kernel expects the address of its device tree in x0.
std::string Trampoline(uint64_t kernel, uint64_t device_tree) {
  constexpr std::array<uint32_t, 6> kCode = {
      0x580000d1,  // ldr x17, kernel
      0x580000e0,  // ldr x0, device_tree
      0xaa1f03e1,  // mov x1, xzr
      0xaa1f03e2,  // mov x2, xzr
      0xaa1f03e3,  // mov x3, xzr
      0xd61f0220,  // br x17
  };
  std::string bytes;
  for (uint32_t instruction : kCode) {
    instruction = htole32(instruction);
    bytes.append(reinterpret_cast<const char*>(&instruction), sizeof instruction);
  }
  for (uint64_t address : {kernel, device_tree}) {
    address = htole64(address);
    bytes.append(reinterpret_cast<const char*>(&address), sizeof address);
  }
  return bytes;
}

// Returns the running kernel's device tree with the new command line, initramfs and random seed. Removes kaslr-seed, so
// that address randomisation does not make boots differ.
StatusOr<std::string> DeviceTree(const Arm64Boot& boot, uint64_t initramfs) {
  return WithChosen(boot.device_tree,
                    {{"bootargs", boot.command_line + '\0'},
                     {"linux,initrd-start", BigEndian64(initramfs)},
                     {"linux,initrd-end", BigEndian64(initramfs + boot.initramfs.size())},
                     {"rng-seed", boot.random}},
                    {"kaslr-seed"});
}

}  // namespace

Ranges FreeMemory(std::string_view iomem) {
  Ranges taken;
  for (const char* name : {"reserved", "Reserved", "Kernel code", "Kernel data", "Crash kernel"}) {
    const Ranges more = ParseIomem(iomem, name);
    taken.insert(taken.end(), more.begin(), more.end());
  }
  return Subtract(ParseIomem(iomem, "System RAM"), Normalise(std::move(taken)));
}

StatusOr<KexecPlan> PlanArm64(const Arm64Boot& boot, const Ranges& free) {
  if (boot.kernel.size() < kImageHeader || boot.kernel.substr(kImageMagic, 4) != "ARM\x64") {
    return absl::InvalidArgumentError("the kernel is not an arm64 Image");
  }
  const uint64_t text_offset = Word(boot.kernel, kTextOffset);
  const uint64_t image_size = std::max<uint64_t>(Word(boot.kernel, kImageSize), boot.kernel.size());
  if (text_offset >= kBoundary)
    return absl::InvalidArgumentError("invalid text_offset in the kernel (expected less than 2 MiB)");

  for (const Range& range : free) {
    const uint64_t kernel = AlignUp(range.start, kBoundary) + text_offset;
    const uint64_t start = kernel / boot.page_size * boot.page_size;
    const uint64_t trampoline = AlignUp(kernel + image_size, boot.page_size);
    const uint64_t device_tree = trampoline + boot.page_size;
    const uint64_t tree_room =
        AlignUp(boot.device_tree.size() + boot.command_line.size() + boot.random.size() + kTreeRoom, boot.page_size);
    const uint64_t initramfs = device_tree + tree_room;
    const uint64_t end = AlignUp(initramfs + boot.initramfs.size(), boot.page_size);
    if (start < range.start || end > range.end) continue;
    LK_ASSIGN_OR_RETURN(std::string tree, DeviceTree(boot, initramfs));
    KexecPlan plan;
    plan.entry = trampoline;
    plan.segments.push_back({start, trampoline - start, std::string(kernel - start, '\0') + std::string(boot.kernel)});
    plan.segments.push_back({trampoline, boot.page_size, Trampoline(kernel, device_tree)});
    plan.segments.push_back({device_tree, tree_room, std::move(tree)});
    plan.segments.push_back({initramfs, end - initramfs, std::string(boot.initramfs)});
    return plan;
  }
  return absl::ResourceExhaustedError(
      fmt::format("no free memory range is large enough for kernel and initramfs: {}", ToString(free)));
}

}  // namespace lk::agent
