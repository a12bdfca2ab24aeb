// SPDX-License-Identifier: Apache-2.0
// The little that has to be known of ELF files somebody else made: 64-bit, little-endian.
#pragma once

#include <optional>
#include <string_view>

namespace lk::kernels {

// Content of a section; nothing: there is none, or the file is no such ELF file or too short for what its headers say.
std::optional<std::string_view> ElfSection(std::string_view elf, std::string_view name);

// The build id that the linker gave a kernel (NT_GNU_BUILD_ID in .notes, include/asm-generic/vmlinux.lds.h), raw bytes;
// empty: none.
std::string_view KernelBuildId(std::string_view vmlinux);

}  // namespace lk::kernels
