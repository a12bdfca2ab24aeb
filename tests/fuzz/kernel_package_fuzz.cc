// SPDX-License-Identifier: Apache-2.0
// Fuzzes the unpacker with malicious kernel packages. Half of the inputs describe archives to build (escaping paths,
// links, devices, duplicate names, oversized contents), the other half are used as raw bytes. Nothing may be created
// outside the directory, which may contain only files and directories, and its size must stay within the limit.
#include <archive.h>
#include <archive_entry.h>
#include <fuzzer/FuzzedDataProvider.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "server/kernels/elf.h"
#include "server/kernels/kernel_image.h"
#include "server/kernels/modules.h"
#include "server/kernels/unpacker.h"

namespace {

namespace fs = std::filesystem;
using lk::kernels::Unpacker;

constexpr uint64_t kLimit = 64 << 10;

void Require(bool holds) {
  if (!holds) std::abort();
}

// One directory per process, used for all inputs.
const fs::path& Root() {
  static const fs::path root = [] {
    std::string name = (fs::temp_directory_path() / "lk-fuzz-XXXXXX").string();
    fs::path made = mkdtemp(name.data());
    std::atexit([] {
      std::error_code ignored;
      fs::remove_all(Root(), ignored);
    });
    return made;
  }();
  return root;
}

std::string SomePath(FuzzedDataProvider& input) {
  constexpr std::array<const char*, 12> kParts = {"..",   ".",           "",     "/",     "lib",       "modules", "6.1",
                                                  "boot", "vmlinuz-6.1", "a.ko", "build", "etc/passwd"};
  std::string path;
  for (int parts = input.ConsumeIntegralInRange(0, 6); parts > 0; --parts) {
    path += input.ConsumeBool() ? input.PickValueInArray(kParts) : input.ConsumeRandomLengthString(12);
    if (input.ConsumeBool()) path += '/';
  }
  return path;
}

void AddEntry(FuzzedDataProvider& input, archive* out) {
  constexpr std::array<unsigned, 8> kTypes = {AE_IFREG, AE_IFREG, AE_IFREG, AE_IFDIR,
                                              AE_IFLNK, AE_IFCHR, AE_IFIFO, AE_IFBLK};
  archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, SomePath(input).c_str());
  const unsigned type = input.PickValueInArray(kTypes);
  archive_entry_set_filetype(entry, type);
  archive_entry_set_perm(entry, 07777);
  std::string content;
  if (type == AE_IFLNK) archive_entry_set_symlink(entry, SomePath(input).c_str());
  if (type == AE_IFREG) {
    if (input.ConsumeIntegralInRange(0, 5) == 0) {
      archive_entry_set_hardlink(entry, SomePath(input).c_str());
    } else {
      // Compresses well, like a decompression bomb.
      content = std::string(input.ConsumeIntegralInRange(0, 100000), 'x') + input.ConsumeRandomLengthString(64);
      archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    }
  }
  if (archive_write_header(out, entry) == ARCHIVE_OK && !content.empty()) {
    archive_write_data(out, content.data(), content.size());
  }
  archive_entry_free(entry);
}

std::string Tar(FuzzedDataProvider& input) {
  std::string packed(1 << 20, '\0');
  size_t used = 0;
  archive* out = archive_write_new();
  archive_write_set_format_pax_restricted(out);
  if (input.ConsumeBool()) archive_write_add_filter_gzip(out);
  archive_write_open_memory(out, packed.data(), packed.size(), &used);
  for (int entries = input.ConsumeIntegralInRange(1, 8); entries > 0; --entries) AddEntry(input, out);
  archive_write_close(out);
  archive_write_free(out);
  packed.resize(used);
  return packed;
}

std::string Deb(const std::string& data) {
  const auto member = [](const std::string& name, const std::string& content) {
    std::string header = name + std::string(16 - name.size(), ' ') + "0           0     0     100644  ";
    std::string size = std::to_string(content.size());
    return header + size + std::string(10 - size.size(), ' ') + "`\n" + content + (content.size() % 2 ? "\n" : "");
  };
  return "!<arch>\n" + member("debian-binary", "2.0\n") + member("data.tar", data);
}

void CheckTree(const fs::path& inside) {
  uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(inside)) {
    Require(!entry.is_symlink() && (entry.is_directory() || entry.is_regular_file()));
    struct stat info {};
    if (entry.is_regular_file() && lstat(entry.path().c_str(), &info) == 0) {
      bytes += static_cast<uint64_t>(info.st_size);
      Require(info.st_nlink == 1 && (info.st_mode & 07000) == 0);
    }
  }
  Require(bytes <= kLimit);
  for (const auto& entry : fs::directory_iterator(Root()))
    Require(entry.path() == inside || entry.path() == Root() / "file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const bool deb = input.ConsumeBool();
  const bool recipe = input.ConsumeBool();
  const bool everything = input.ConsumeBool();
  std::string bytes = recipe ? Tar(input) : input.ConsumeRemainingBytesAsString();
  if (recipe && deb) bytes = Deb(bytes);
  const fs::path file = Root() / "file", inside = Root() / "inside";
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  fs::create_directory(inside);

  Unpacker unpacker(inside, kLimit);
  const Unpacker::Placement placement = [everything](const fs::path& entry) -> lk::StatusOr<fs::path> {
    for (const fs::path& part : entry) Require(part != "..");
    Require(!entry.is_absolute());
    return everything || lk::kernels::IsModule(entry) ? fs::path("tree") / entry : fs::path();
  };
  (void)(deb ? unpacker.DebianPackage(file, "package", placement) : unpacker.Tar(file, "archive", placement));
  CheckTree(inside);
  fs::remove_all(inside);

  const auto plain = lk::kernels::Decompress(bytes, kLimit);
  Require(!plain.ok() || plain->size() <= kLimit);
  if (!recipe) {
    lk::kernels::InspectImage(file).IgnoreError();
    lk::kernels::EmbeddedConfig(file);
    lk::kernels::ParseModinfo(bytes).IgnoreError();
    lk::kernels::KernelBuildId(bytes);
    lk::kernels::ParseConfig(bytes);
    lk::kernels::FlavourOf(bytes);
  }
  return 0;
}
