// SPDX-License-Identifier: Apache-2.0
// What a kernel image and a configuration say of themselves.
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

// Knows the bzImage of x86 (Documentation/arch/x86/boot.rst) and the Image of arm64 (Documentation/arch/arm64/
// booting.rst), the latter plain, gzipped, or wrapped as EFI zboot (drivers/firmware/efi/libstub/zboot-header.S).
// Error: INVALID_ARGUMENT (something else, a 32-bit kernel, no release inside).
StatusOr<ImageInfo> InspectImage(const std::filesystem::path& image);

// The image as kexec takes it: on arm64 that is the Image alone, unpacked (arch/arm64/kernel/kexec_image.c); on x86 the
// file as it is. Errors: INVALID_ARGUMENT (as InspectImage), what reading says.
StatusOr<std::string> KexecImage(const std::filesystem::path& image);

// The configuration inside the image (CONFIG_IKCONFIG); empty: it carries none, or its compression is not known here.
std::string EmbeddedConfig(const std::filesystem::path& image);

// Whether the kernel inside the image carries this build id (KernelBuildId). Also where that can't be told: an empty
// id, an image whose compression is not known here.
bool MayBeOfBuild(const std::filesystem::path& image, std::string_view build_id);

// "CONFIG_X=y" lines: symbol without CONFIG_ -> y, m or value, strings without their quotes. What is not set is absent.
std::map<std::string, std::string> ParseConfig(std::string_view text);

// The distribution's flavour, which follows version and ABI in a release: "6.1.0-40-cloud-amd64" has "cloud-amd64".
std::string FlavourOf(std::string_view release);

}  // namespace lk::kernels
