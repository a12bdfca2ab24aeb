// SPDX-License-Identifier: Apache-2.0
// A minimal reader for untrusted 64-bit little-endian ELF files.
#pragma once

#include <optional>
#include <string_view>

namespace lk::kernels {

// Contents of a section; nullopt if there is no such section, the file is not a 64-bit little-endian ELF file, or its
// headers point past its end.
std::optional<std::string_view> ElfSection(std::string_view elf, std::string_view name);

// The build ID of a kernel (NT_GNU_BUILD_ID in .notes, include/asm-generic/vmlinux.lds.h) as raw bytes; empty if there
// is none.
std::string_view KernelBuildId(std::string_view vmlinux);

}  // namespace lk::kernels
