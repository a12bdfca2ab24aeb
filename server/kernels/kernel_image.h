// SPDX-License-Identifier: Apache-2.0
// Reads properties of kernel images and configurations.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "server/campaign/types.h"
#include "support/status.h"

namespace lk::kernels {

struct ImageInfo {
  campaign::Arch arch = campaign::Arch::kX86_64;
  std::string release;  // uname -r
  std::string banner;   // "Linux version <release> ..."
};

// Supports x86 bzImages (Documentation/arch/x86/boot.rst) and arm64 Images (Documentation/arch/arm64/booting.rst), the
// latter plain, gzipped or in EFI zboot format (drivers/firmware/efi/libstub/zboot-header.S).
// Error: INVALID_ARGUMENT (a different format, a 32-bit kernel, no release in the image).
StatusOr<ImageInfo> InspectImage(const std::filesystem::path& image);

// The image in the form that kexec accepts: on arm64 the bare, decompressed Image (arch/arm64/kernel/kexec_image.c), on
// x86 the unchanged file. Errors: INVALID_ARGUMENT (too large, corrupt compressed data), those of reading the file.
StatusOr<std::string> KexecImage(const std::filesystem::path& image);

// The configuration embedded in the image (CONFIG_IKCONFIG); empty if there is none or the compression format is
// unknown.
std::string EmbeddedConfig(const std::filesystem::path& image);

// Whether the kernel in the image has this build ID (KernelBuildId). Also true if that cannot be determined, because
// the ID is empty or the compression format is unknown.
bool MayBeOfBuild(const std::filesystem::path& image, std::string_view build_id);

// Parses "CONFIG_X=y" lines. Maps each symbol, without CONFIG_, to y, m or its value; strings lose their quotes.
// Symbols that are not set are absent.
std::map<std::string, std::string> ParseConfig(std::string_view text);

// The distribution's flavour, which follows the version and ABI in a release: "cloud-amd64" in "6.1.0-40-cloud-amd64".
std::string FlavourOf(std::string_view release);

}  // namespace lk::kernels
