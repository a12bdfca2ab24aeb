// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/kernel_image.h"

#include <endian.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "server/kernels/files.h"
#include "server/kernels/unpacker.h"
#include "support/file.h"

namespace lk::kernels {
namespace {

// Even a kernel with everything built in is much smaller.
constexpr uint64_t kImageLimit = uint64_t{512} << 20;
constexpr std::string_view kBanner = "Linux version ";

// A little-endian number at an offset; nullopt if it extends past the end.
template <typename T>
std::optional<T> NumberAt(std::string_view bytes, size_t offset) {
  if (bytes.size() < sizeof(T) || offset > bytes.size() - sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  if constexpr (sizeof(T) == 2) return le16toh(value);
  if constexpr (sizeof(T) == 4) return le32toh(value);
}

// Part of the bytes, truncated at their end.
std::string_view Slice(std::string_view bytes, size_t offset, size_t length) {
  return offset < bytes.size() ? bytes.substr(offset, length) : std::string_view();
}

bool HasAt(std::string_view bytes, size_t offset, std::string_view magic) {
  return Slice(bytes, offset, magic.size()) == magic;
}

// The text up to the end of a line or C string.
std::string_view LineAt(std::string_view bytes, size_t offset) {
  const std::string_view rest = Slice(bytes, offset, 1024);
  return rest.substr(0, rest.find_first_of(std::string_view("\n\0", 2)));
}

bool IsX86(std::string_view image) {
  return HasAt(image, 0x1fe, "\x55\xaa") && HasAt(image, 0x202, "HdrS");
}
bool IsArm64(std::string_view image) {
  return HasAt(image, 0x38, "ARM\x64");
}
bool IsZboot(std::string_view image) {
  return HasAt(image, 0, "MZ") && HasAt(image, 4, "zimg");
}
bool IsGzip(std::string_view image) {
  return HasAt(image, 0, "\x1f\x8b");
}

// x86: the setup header points to "<release> (<builder>) <version>".
StatusOr<ImageInfo> InspectX86(std::string_view image) {
  constexpr uint16_t kKernel64 = 1;  // XLF_KERNEL_64
  const uint16_t version = NumberAt<uint16_t>(image, 0x206).value_or(0);
  if (version < 0x020c || (NumberAt<uint16_t>(image, 0x236).value_or(0) & kKernel64) == 0) {
    return absl::InvalidArgumentError("the bzImage does not contain a 64-bit kernel");
  }
  const std::string_view text = LineAt(image, NumberAt<uint16_t>(image, 0x20e).value_or(0) + 0x200);
  return ImageInfo{campaign::Arch::kX86_64, FirstWord(text), fmt::format("{}{}", kBanner, text)};
}

// arm64: the banner is in the kernel's data, and has a number after kBanner. Takes the longest match, because
// init/version.c also contains a provisional banner without the build number.
StatusOr<ImageInfo> InspectArm64(std::string_view image) {
  std::string_view banner;
  for (size_t at = image.find(kBanner); at != std::string_view::npos; at = image.find(kBanner, at + 1)) {
    const std::string_view line = LineAt(image, at);
    const bool number = line.size() > kBanner.size() && line[kBanner.size()] >= '0' && line[kBanner.size()] <= '9';
    if (number && line.size() > banner.size()) banner = line;
  }
  if (banner.empty()) return absl::InvalidArgumentError("an arm64 Image without a \"Linux version\" banner");
  return ImageInfo{campaign::Arch::kAarch64, FirstWord(banner.substr(kBanner.size())), std::string(banner)};
}

// The kernel proper: the payload of a bzImage or zboot image, or the file itself, in both cases decompressed.
StatusOr<std::string> Payload(std::string_view image) {
  std::string_view packed = image;
  if (IsZboot(image)) {
    packed = Slice(image, NumberAt<uint32_t>(image, 8).value_or(0), NumberAt<uint32_t>(image, 12).value_or(0));
  } else if (IsX86(image)) {
    // The payload's offset counts from the protected-mode code, which follows the boot sector and the setup sectors.
    const uint8_t sectors = static_cast<uint8_t>(image[0x1f1]);
    const size_t code = (size_t{sectors == 0 ? uint8_t{4} : sectors} + 1) * 512;
    packed =
        Slice(image, code + NumberAt<uint32_t>(image, 0x248).value_or(0), NumberAt<uint32_t>(image, 0x24c).value_or(0));
    // Kbuild appends the unpacked size to every format except gzip, which includes it (size_append in Makefile.lib).
    if (!IsGzip(packed) && packed.size() > 4) packed.remove_suffix(4);
  }
  return Decompress(packed, kImageLimit);
}

StatusOr<ImageInfo> Inspect(std::string_view image) {
  if (IsX86(image)) return InspectX86(image);
  if (IsZboot(image) || IsGzip(image)) {
    LK_ASSIGN_OR_RETURN(const std::string kernel, Payload(image));
    if (IsArm64(kernel)) return InspectArm64(kernel);
    return absl::InvalidArgumentError("the decompressed file is not an arm64 Image");
  }
  if (IsArm64(image)) return InspectArm64(image);
  if (HasAt(image, 0,
            "\x7f"
            "ELF")) {
    return absl::InvalidArgumentError(
        "an ELF file; the bootable image is arch/x86/boot/bzImage or arch/arm64/boot/Image");
  }
  return absl::InvalidArgumentError("not a kernel image (neither an x86 bzImage nor an arm64 Image)");
}

StatusOr<std::string> ReadImage(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::file_size(path, error) > kImageLimit || error) {
    return absl::InvalidArgumentError("not a kernel image: unreadable or far too large");
  }
  return ReadFile(path);
}

}  // namespace

StatusOr<ImageInfo> InspectImage(const std::filesystem::path& path) {
  LK_ASSIGN_OR_RETURN(const std::string image, ReadImage(path));
  LK_ASSIGN_OR_RETURN(ImageInfo info, Inspect(image));
  if (info.release.empty() || info.release.find('/') != std::string::npos) {
    return absl::InvalidArgumentError(fmt::format("invalid release \"{}\" in the image", info.release));
  }
  return info;
}

StatusOr<std::string> KexecImage(const std::filesystem::path& path) {
  LK_ASSIGN_OR_RETURN(std::string image, ReadImage(path));
  if (IsZboot(image) || IsGzip(image)) return Payload(image);
  return image;
}

std::string EmbeddedConfig(const std::filesystem::path& path) {
  // kernel/configs.c puts the gzipped configuration between these markers.
  constexpr std::string_view kStart = "IKCFG_ST", kEnd = "IKCFG_ED";
  const auto image = ReadImage(path);
  if (!image.ok()) return "";
  const auto kernel = Payload(*image);
  if (!kernel.ok()) return "";
  const size_t start = kernel->find(kStart);
  const size_t end = kernel->find(kEnd, start);
  if (start == std::string::npos || end == std::string::npos) return "";
  const size_t packed = start + kStart.size();
  return Decompress(std::string_view(*kernel).substr(packed, end - packed), kImageLimit).value_or("");
}

bool MayBeOfBuild(const std::filesystem::path& path, std::string_view build_id) {
  if (build_id.empty()) return true;
  const auto image = ReadImage(path);
  if (!image.ok()) return true;
  const auto kernel = Payload(*image);
  // Payload returns data in an unknown compression format unchanged.
  const bool unpacked = kernel.ok() && (kernel->starts_with("\x7f"
                                                            "ELF") ||
                                        IsArm64(*kernel));
  return !unpacked || kernel->find(build_id) != std::string::npos;
}

std::map<std::string, std::string> ParseConfig(std::string_view text) {
  constexpr std::string_view kPrefix = "CONFIG_";
  std::map<std::string, std::string> symbols;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = line.find('=');
    if (!line.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    const std::string_view symbol = line.substr(kPrefix.size(), equals - kPrefix.size());
    std::string_view value = line.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    symbols.emplace(symbol, value);
  }
  return symbols;
}

std::string FlavourOf(std::string_view release) {
  // Skips the version, the parts of the ABI, which begin with a digit, and a release candidate ("rc" and a digit).
  const auto digit_at = [&](size_t i) { return i < release.size() && release[i] >= '0' && release[i] <= '9'; };
  for (bool first = true; !release.empty(); first = false) {
    if (!first && !digit_at(0) && !(release.starts_with("rc") && digit_at(2))) break;
    release.remove_prefix(std::min(release.find('-'), release.size() - 1) + 1);
  }
  return std::string(release);
}

}  // namespace lk::kernels
