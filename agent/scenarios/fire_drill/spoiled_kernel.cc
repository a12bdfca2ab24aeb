// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/fire_drill/spoiled_kernel.h"

#include <string_view>

namespace lk::agent::fire_drill {
namespace {

bool HasAt(const std::string& image, size_t offset, std::string_view magic) {
  return image.size() >= offset + magic.size() && image.compare(offset, magic.size(), magic) == 0;
}
Status Put(std::string& image, size_t offset, std::string_view code) {
  if (image.size() < offset + code.size()) return absl::InvalidArgumentError("the kernel image is truncated");
  image.replace(offset, code.size(), code);
  return absl::OkStatus();
}

}  // namespace

Status Spoil(std::string& image) {
  // Documentation/arch/arm64/booting.rst: the first word is the first instruction.
  if (HasAt(image, 0x38, "ARM\x64")) return Put(image, 0, std::string_view("\0\0\0\x14", 4));  // b .
  // Documentation/arch/x86/boot.rst: the 64-bit entry point is 0x200 bytes past the end of the setup sectors, which
  // follow the boot sector.
  if (HasAt(image, 0x202, "HdrS")) {
    const auto sectors = static_cast<unsigned char>(image[0x1f1]);
    return Put(image, (size_t{sectors == 0 ? 4U : sectors} + 1) * 512 + 0x200, "\xeb\xfe");  // jmp .
  }
  return absl::InvalidArgumentError("expected an x86 bzImage or an arm64 Image");
}

}  // namespace lk::agent::fire_drill
