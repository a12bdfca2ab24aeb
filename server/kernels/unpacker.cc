// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/unpacker.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <memory>
#include <vector>

#include "server/kernels/files.h"
#include "support/archive_error.h"

namespace lk::kernels {
namespace {

namespace fs = std::filesystem;

struct ArchiveCloser {
  void operator()(archive* a) const { archive_read_free(a); }
};
using Reader = std::unique_ptr<archive, ArchiveCloser>;

// A reader with the filters that are compiled into libarchive. archive_read_support_filter_all() would also run
// external programs such as lrzip.
Reader NewReader() {
  Reader reader(archive_read_new());
  for (const auto support :
       {archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_lzma,
        archive_read_support_filter_xz, archive_read_support_filter_lz4, archive_read_support_filter_zstd}) {
    support(reader.get());
  }
  return reader;
}

Status Invalid(const std::string& name, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", name, why));
}

Status Broken(const std::string& name, archive* a) {
  return Invalid(name, ArchiveError(a));
}

bool Leaves(const fs::path& path) {
  const fs::path normal = path.lexically_normal();
  return path.is_absolute() || (!normal.empty() && *normal.begin() == "..");
}

// Why the entry is rejected; empty if it is accepted.
std::string Objection(archive_entry* entry, const fs::path& path) {
  if (path.is_absolute()) return "absolute path";
  for (const fs::path& part : path) {
    if (part == "..") return "path contains \"..\"";
  }
  if (const char* target = archive_entry_hardlink(entry)) {
    return Leaves(target) ? fmt::format("link to \"{}\" outside the archive", target) : "";
  }
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
    case AE_IFDIR:
      return "";
    case AE_IFLNK: {
      // "make modules_install" creates these links to the source and build trees. They are skipped, like all links.
      if (path.filename() == "build" || path.filename() == "source") return "";
      const char* target = archive_entry_symlink(entry);
      if (target == nullptr) return "link without a target";
      const bool outside = fs::path(target).is_absolute() || Leaves(path.parent_path() / target);
      return outside ? fmt::format("link to \"{}\" outside the archive", target) : "";
    }
    default:
      return "neither a file, a directory nor a link";
  }
}

// Unpacks the selected entries of an open archive. `unpacked` is the running total for several archives.
Status UnpackEntries(archive* a, const std::string& name, const Unpacker::Placement& placement,
                     const fs::path& destination, uint64_t limit, uint64_t& unpacked) {
  while (true) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(a, &entry);
    if (result == ARCHIVE_EOF) return absl::OkStatus();
    if (result < ARCHIVE_WARN) return Broken(name, a);
    const char* raw = archive_entry_pathname(entry);
    if (raw == nullptr || *raw == '\0') return Invalid(name, "an entry has no readable name");
    const fs::path path(raw);
    const auto refuse = [&](std::string_view why) { return Invalid(name, fmt::format("entry \"{}\": {}", raw, why)); };
    if (const std::string why = Objection(entry, path); !why.empty()) return refuse(why);

    // Headers count as well, so that an archive of many empty entries also reaches the limit.
    constexpr uint64_t kHeader = 512;
    const auto size = static_cast<uint64_t>(archive_entry_size(entry));
    if (size > limit || unpacked + size + kHeader > limit) {
      return refuse(fmt::format("the unpacked size exceeds the limit of {} bytes", limit));
    }
    unpacked += size + kHeader;

    if (archive_entry_filetype(entry) != AE_IFREG && archive_entry_hardlink(entry) == nullptr) continue;
    LK_ASSIGN_OR_RETURN(const fs::path place, placement(path.lexically_normal()));
    if (place.empty()) continue;
    if (archive_entry_hardlink(entry) != nullptr) return refuse("unsupported hard link; pack it as a regular file");
    const fs::path target = destination / place;
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    auto fd = CreateFile(target);
    if (absl::IsAlreadyExists(fd.status())) {
      return refuse(fmt::format("duplicate {}", place.string()));
    }
    LK_RETURN_IF_ERROR(fd.status());
    if (archive_read_data_into_fd(a, fd->get()) != ARCHIVE_OK)
      return Broken(fmt::format("{}: entry \"{}\"", name, raw), a);
  }
}

// Lets libarchive read an archive that is the current entry of another archive.
struct Member {
  archive* outer;
  std::vector<char> buffer = std::vector<char>(kChunk);

  static la_ssize_t Read(archive* inner, void* self, const void** data) {
    auto* member = static_cast<Member*>(self);
    *data = member->buffer.data();
    const la_ssize_t got = archive_read_data(member->outer, member->buffer.data(), member->buffer.size());
    if (got < 0) archive_set_error(inner, archive_errno(member->outer), "%s", ArchiveError(member->outer));
    return got < 0 ? -1 : got;
  }
};

}  // namespace

Status Unpacker::DebianPackage(const fs::path& file, const std::string& name, const Placement& placement) {
  const Reader outer = NewReader();
  archive_read_support_format_ar(outer.get());
  if (archive_read_open_filename(outer.get(), file.c_str(), kChunk) != ARCHIVE_OK) {
    return Invalid(name, fmt::format("not a Debian package ({})", ArchiveError(outer.get())));
  }
  while (true) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(outer.get(), &entry);
    if (result == ARCHIVE_EOF) return Invalid(name, "not a Debian package: no data.tar member");
    if (result < ARCHIVE_WARN) {
      return Invalid(name, fmt::format("not a Debian package ({})", ArchiveError(outer.get())));
    }
    const char* member_name = archive_entry_pathname(entry);
    if (member_name != nullptr && std::string_view(member_name).starts_with("data.tar")) break;
  }
  const Reader inner = NewReader();
  archive_read_support_format_tar(inner.get());
  Member member{outer.get()};
  if (archive_read_open(inner.get(), &member, nullptr, Member::Read, nullptr) != ARCHIVE_OK) {
    return Broken(name, inner.get());
  }
  return UnpackEntries(inner.get(), name, placement, destination_, limit_, unpacked_);
}

Status Unpacker::Tar(const fs::path& file, const std::string& name, const Placement& placement) {
  const Reader reader = NewReader();
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_filename(reader.get(), file.c_str(), kChunk) != ARCHIVE_OK) return Broken(name, reader.get());
  return UnpackEntries(reader.get(), name, placement, destination_, limit_, unpacked_);
}

StatusOr<std::string> Decompress(std::string_view bytes, uint64_t limit) {
  const Reader reader = NewReader();
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    return Broken("compressed data", reader.get());
  }
  const int opened = archive_read_next_header(reader.get(), &entry);
  if (opened == ARCHIVE_EOF) return std::string();
  if (opened < ARCHIVE_WARN) return Broken("compressed data", reader.get());
  std::string result;
  std::vector<char> buffer(kChunk);
  while (true) {
    const la_ssize_t got = archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (got < 0) return Broken("compressed data", reader.get());
    if (got == 0) return result;
    if (result.size() + static_cast<size_t>(got) > limit) {
      return Invalid("compressed data", fmt::format("more than {} bytes after decompression", limit));
    }
    result.append(buffer.data(), static_cast<size_t>(got));
  }
}

}  // namespace lk::kernels
