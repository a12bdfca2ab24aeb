// SPDX-License-Identifier: Apache-2.0
#include "cli/upload.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>

#include <map>
#include <memory>

#include "harness.h"

namespace lk::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::vector<std::string> Roles(const Upload& upload) {
  std::vector<std::string> roles;
  for (const UploadFile& file : upload.files) roles.push_back(file.role);
  return roles;
}

std::map<std::string, std::string> Unpack(const UploadFile& file) {
  std::map<std::string, std::string> files;
  const auto fd = OpenUpload(file);
  EXPECT_TRUE(fd.ok()) << fd.status();
  const std::unique_ptr<struct archive, decltype(&archive_read_free)> tar(archive_read_new(), archive_read_free);
  archive_read_support_format_tar(tar.get());
  EXPECT_EQ(archive_read_open_fd(tar.get(), fd->get(), 4096), ARCHIVE_OK);
  for (archive_entry* entry; archive_read_next_header(tar.get(), &entry) == ARCHIVE_OK;) {
    std::string text(static_cast<size_t>(archive_entry_size(entry)), '\0');
    EXPECT_EQ(archive_read_data(tar.get(), text.data(), text.size()), static_cast<la_ssize_t>(text.size()));
    files[archive_entry_pathname(entry)] = text;
  }
  return files;
}

TEST(Upload, PlansBuildsFromPaths) {
  const TempDir directory;
  const std::string deb_a = directory.Write("a.deb", "");
  const std::string deb_b = directory.Write("b.deb", "");
  const std::string image = directory.Write("vmlinuz-1", "");
  const std::string bare = directory.Write("vmlinuz-2", "");
  directory.Write("modules/kernel/x.ko", "");
  const std::string modules = (directory.path() / "modules").string();

  const auto uploads = PlanUploads({deb_a, image, modules, bare, deb_b}, "", false);
  ASSERT_TRUE(uploads.ok()) << uploads.status();
  ASSERT_EQ(uploads->size(), 4u);
  EXPECT_THAT(Roles((*uploads)[0]), ElementsAre("debian_package"));
  EXPECT_THAT(Roles((*uploads)[1]), ElementsAre("image", "modules_archive"));
  EXPECT_THAT(Roles((*uploads)[2]), ElementsAre("image"));
  EXPECT_EQ((*uploads)[3].source, "b.deb");

  const auto together = PlanUploads({deb_a, deb_b}, "", true);
  ASSERT_EQ(together->size(), 1u);
  EXPECT_THAT(Roles((*together)[0]), ElementsAre("debian_package", "debian_package"));
}

TEST(Upload, RejectsInvalidCombinations) {
  const TempDir directory;
  const std::string image = directory.Write("vmlinuz", "");
  const std::string other = directory.Write("other", "");
  directory.Write("modules/modules.dep", "");
  directory.Write("plain/file", "");
  const std::string modules = (directory.path() / "modules").string();
  const std::string plain = (directory.path() / "plain").string();
  const auto message = [](const auto& uploads) { return std::string(uploads.status().message()); };
  EXPECT_THAT(message(PlanUploads({modules, image}, "", false)), HasSubstr("specify its vmlinuz before it"));
  EXPECT_THAT(message(PlanUploads({image, plain}, "", false)), HasSubstr("not a lib/modules/<release> directory"));
  EXPECT_THAT(message(PlanUploads({plain}, "", false)), HasSubstr("not a kernel build tree"));
  EXPECT_THAT(message(PlanUploads({image, other}, image, false)), HasSubstr("exactly one vmlinuz"));
  EXPECT_THAT(message(PlanUploads({image}, "/nonexistent", false)), HasSubstr("/nonexistent"));
}

TEST(Upload, PacksModulesReproduciblyAndWithoutSymlinks) {
  const TempDir directory;
  directory.Write("modules/kernel/net/b.ko", "module b");
  directory.Write("modules/kernel/a.ko.xz", std::string(100000, 'a'));
  directory.Write("modules/modules.dep", "");
  std::filesystem::create_directory_symlink("/", directory.path() / "modules/build");
  const UploadFile file{"modules_archive", "modules.tar", directory.path() / "modules"};
  EXPECT_THAT(Unpack(file), ElementsAre(Pair("kernel/a.ko.xz", std::string(100000, 'a')),
                                        Pair("kernel/net/b.ko", "module b"), Pair("modules.dep", "")));
  const auto bytes = [&] {
    const auto fd = OpenUpload(file);
    std::string text(1 << 20, '\0');
    text.resize(static_cast<size_t>(read(fd->get(), text.data(), text.size())));
    return text;
  };
  const std::string first = bytes();
  std::filesystem::last_write_time(directory.path() / "modules/modules.dep",
                                   std::filesystem::file_time_type::clock::now());
  EXPECT_EQ(first, bytes());
}

TEST(Upload, PacksABuildTreeInTheLayoutOfModulesInstall) {
  const TempDir directory;
  for (const char* name : {"Makefile", ".config", "arch/x86/boot/bzImage"}) directory.Write(name, name);
  directory.Write("modules.order", "kernel/fs/old/old.ko\nfs/new/new.o\nfs/missing/missing.o\n");
  directory.Write("fs/old/old.ko", "old");
  directory.Write("fs/new/new.ko", "new");
  directory.Write("fs/new/new.o", "object");
  const auto uploads = PlanUploads({directory.path().string()}, "", false);
  ASSERT_TRUE(uploads.ok()) << uploads.status();
  ASSERT_THAT(Roles(uploads->at(0)), ElementsAre("image", "config", "modules_archive"));
  const auto files = Unpack(uploads->at(0).files[2]);
  EXPECT_EQ(files.at("kernel/fs/old/old.ko"), "old");
  EXPECT_EQ(files.at("kernel/fs/new/new.ko"), "new");
  EXPECT_EQ(files.size(), 3u) << "two modules and modules.order";
}

}  // namespace
}  // namespace lk::cli
