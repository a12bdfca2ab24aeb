// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/kernels/fixtures.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <fstream>
#include <numeric>
#include <stdexcept>

namespace lk::testing {
namespace {

void Check(archive* a, la_ssize_t result) {
  if (result < ARCHIVE_OK) throw std::runtime_error(archive_error_string(a));
}

std::string Write(int (*format)(archive*), Filter filter, const std::vector<Entry>& entries) {
  std::string bytes;
  archive* a = archive_write_new();
  Check(a, format(a));
  if (filter == Filter::kGzip) {
    Check(a, archive_write_add_filter_gzip(a));
    // No timestamp, so that the same contents always give the same bytes.
    Check(a, archive_write_set_filter_option(a, "gzip", "timestamp", nullptr));
  }
  if (filter == Filter::kXz) Check(a, archive_write_add_filter_xz(a));
  if (filter == Filter::kZstd) Check(a, archive_write_add_filter_zstd(a));
  archive_write_set_bytes_in_last_block(a, 1);
  const auto append = [](archive*, void* to, const void* data, size_t size) -> la_ssize_t {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data), size);
    return static_cast<la_ssize_t>(size);
  };
  Check(a, archive_write_open(a, &bytes, nullptr, append, nullptr));
  archive_entry* e = archive_entry_new();
  for (const Entry& entry : entries) {
    archive_entry_clear(e);
    archive_entry_set_pathname(e, entry.path.c_str());
    archive_entry_set_mode(e, entry.mode);
    archive_entry_set_size(e, static_cast<la_int64_t>(entry.content.size()));
    if (S_ISCHR(entry.mode)) archive_entry_set_rdev(e, makedev(1, 3));
    if (!entry.symlink.empty()) archive_entry_set_symlink(e, entry.symlink.c_str());
    if (!entry.hardlink.empty()) archive_entry_set_hardlink(e, entry.hardlink.c_str());
    Check(a, archive_write_header(a, e));
    if (!entry.content.empty()) Check(a, archive_write_data(a, entry.content.data(), entry.content.size()));
  }
  archive_entry_free(e);
  Check(a, archive_write_close(a));
  archive_write_free(a);
  return bytes;
}

template <typename T>
void Put(std::string& bytes, size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

}  // namespace

TempDir::TempDir() {
  std::string name = std::filesystem::temp_directory_path() / "lk-test-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp: " + name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TempDir::Write(const std::string& name, std::string_view content) const {
  const std::filesystem::path path = path_ / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::string Compress(std::string_view bytes, Filter filter) {
  return lk::testing::Write(archive_write_set_format_raw, filter, {{"data", std::string(bytes)}});
}

std::string Tar(const std::vector<Entry>& entries, Filter filter) {
  return lk::testing::Write(archive_write_set_format_gnutar, filter, entries);
}

std::string TarThatClaims(const std::string& path, uint64_t bytes) {
  // ustar: the size is 11 octal digits at offset 124. The checksum is 6 digits at offset 148; it covers the header, in
  // which the checksum itself counts as blanks.
  std::string header = Tar({{path, ""}}).substr(0, 512);
  header.replace(124, 11, fmt::format("{:011o}", bytes));
  header.replace(148, 8, 8, ' ');
  const unsigned sum = std::accumulate(header.begin(), header.end(), 0u,
                                       [](unsigned total, char c) { return total + static_cast<unsigned char>(c); });
  header.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
  return header;
}

std::string Deb(std::string_view data_tar, const std::string& member) {
  return lk::testing::Write(
      archive_write_set_format_ar_svr4, Filter::kNone,
      {{"debian-binary", "2.0\n"}, {"control.tar.gz", "not read"}, {member, std::string(data_tar)}});
}

std::string BzImage(const std::string& release, std::string_view payload) {
  constexpr uint8_t kSetupSectors = 3;
  std::string image((kSetupSectors + 1) * 512, '\0');
  image[0x1f1] = kSetupSectors;
  image.replace(0x1fe, 2, "\x55\xaa");
  image.replace(0x202, 4, "HdrS");
  Put<uint16_t>(image, 0x206, 0x020f);
  Put<uint16_t>(image, 0x20e, 0x300);  // offset of the version string, from 0x200
  Put<uint16_t>(image, 0x236, 1);      // 64-bit
  const std::string version = release + " (builder@host) #1 SMP";
  image.replace(0x500, version.size(), version);
  Put<uint32_t>(image, 0x248, 16);
  Put<uint32_t>(image, 0x24c, static_cast<uint32_t>(payload.size()));
  return image + std::string(16, '\x90') + std::string(payload);
}

std::string Arm64Image(const std::string& release, std::string_view data) {
  std::string image(128, '\0');
  image.replace(0, 2, "MZ");
  image.replace(0x38, 4, "ARM\x64");
  image += "Linux version %s" + std::string(1, '\0') + "Linux version " + release + " (builder@host) (gcc) # SMP\n";
  image += std::string(1, '\0') + "Linux version " + release + " (builder@host) (gcc) #1 SMP\n" + std::string(1, '\0');
  return image + std::string(data);
}

std::string EmbeddedConfigOf(std::string_view config) {
  return "IKCFG_ST" + Compress(config, Filter::kGzip) + "IKCFG_ED";
}

std::string Elf(const std::vector<std::pair<std::string, std::string>>& content) {
  std::vector<Elf64_Shdr> sections(1);
  std::string names(1, '\0');
  std::string bytes(sizeof(Elf64_Ehdr), '\0');
  const auto add = [&](const std::string& name, const std::string& data) {
    Elf64_Shdr section{};
    section.sh_type = SHT_PROGBITS;
    section.sh_name = static_cast<Elf64_Word>(names.size());
    section.sh_offset = bytes.size();
    section.sh_size = data.size();
    sections.push_back(section);
    names += name + '\0';
    bytes += data;
  };
  for (const auto& [name, data] : content) add(name, data);
  add(".shstrtab", "");
  sections.back().sh_size = names.size();
  bytes += names;

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<Elf64_Half>(sections.size());
  header.e_shstrndx = static_cast<Elf64_Half>(sections.size() - 1);
  header.e_shoff = bytes.size();
  bytes.append(reinterpret_cast<const char*>(sections.data()), sections.size() * sizeof(Elf64_Shdr));
  Put(bytes, 0, header);
  return bytes;
}

std::string Module(const ModuleSpec& spec) {
  const std::string nul(1, '\0');
  std::string modinfo = "license=GPL" + nul + "depends=" + spec.depends + nul;
  if (!spec.softdep.empty()) modinfo += "softdep=" + spec.softdep + nul;
  modinfo += "vermagic=" + spec.release + " SMP mod_unload " + nul;
  return Elf({{".modinfo", modinfo}});
}

std::string Notes(std::string_view build_id) {
  const auto note = [](uint32_t type, const std::string& owner, std::string_view data) {
    std::string bytes(sizeof(Elf64_Nhdr), '\0');
    Put(bytes, 0, Elf64_Nhdr{static_cast<uint32_t>(owner.size()), static_cast<uint32_t>(data.size()), type});
    for (const std::string_view part : {std::string_view(owner), data}) {
      bytes += part;
      bytes.resize((bytes.size() + 3) & ~size_t{3});
    }
    return bytes;
  };
  const std::string nul(1, '\0');
  return note(1, "Linux" + nul, "x") + note(NT_GNU_BUILD_ID, "GNU" + nul, build_id);
}

std::vector<Entry> PackageEntries(const std::string& release) {
  const std::string modules = "./lib/modules/" + release + "/";
  const auto module = [&](const std::string& depends) { return Module({.depends = depends, .release = release}); };
  return {
      {"./boot/", "", S_IFDIR | 0755},
      {"./boot/vmlinuz-" + release, BzImage(release)},
      {"./boot/config-" + release, "# comment\nCONFIG_VIRTIO_NET=m\nCONFIG_X86=y\n# CONFIG_NUMA is not set\n"},
      {"./boot/System.map-" + release, "not kept"},
      {modules + "modules.builtin", "kernel/drivers/virtio/virtio.ko\n"},
      {modules + "modules.order", "not kept"},
      {modules + "kernel/drivers/net/virtio_net.ko", module("net-failover,virtio")},
      {modules + "kernel/drivers/net/net_failover.ko.xz", Compress(module("failover"), Filter::kXz)},
      {modules + "kernel/net/core/failover.ko.zst", Compress(module(""), Filter::kZstd)},
      {modules + "kernel/drivers/misc/pvpanic/pvpanic-pci.ko.gz", Compress(module("pvpanic"), Filter::kGzip)},
      {modules + "kernel/drivers/misc/pvpanic/pvpanic.ko", module("")},
      {modules + "kernel/fs/xfs/xfs.ko", module("")},
      {"./usr/share/doc/linux-image", "", S_IFLNK | 0777, "linux-base"},
  };
}

kernels::Upload PackageUpload(const TempDir& dir, const std::vector<Entry>& entries, const std::string& name) {
  return {"debian_package", name, dir.Write(name, Deb(Tar(entries, Filter::kXz)))};
}

}  // namespace lk::testing
