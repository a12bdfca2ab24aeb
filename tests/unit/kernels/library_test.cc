// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/file.h"
#include "tests/unit/kernels/fixtures.h"

namespace lk::kernels {
namespace {

namespace fs = std::filesystem;
using campaign::Arch;
using campaign::KernelBuild;
using lk::testing::Arm64Image;
using lk::testing::BzImage;
using lk::testing::Compress;
using lk::testing::Entry;
using lk::testing::Filter;
using lk::testing::Module;
using lk::testing::PackageEntries;
using lk::testing::Tar;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr const char* kRelease = "6.1.0-40-cloud-amd64";

class LibraryTest : public ::testing::Test {
 protected:
  Upload Package(const std::vector<Entry>& entries, const std::string& name = "k.deb") {
    return lk::testing::PackageUpload(uploads_, entries, name);
  }
  Upload File(const std::string& role, std::string_view content) { return {role, role, uploads_.Write(role, content)}; }
  std::string Refusal(const std::vector<Upload>& uploads) {
    const Status status = library_.Ingest(uploads).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    // Rejected files leave nothing behind.
    EXPECT_TRUE(fs::is_empty(library_.root()));
    return std::string(status.message());
  }

  lk::testing::TempDir uploads_;
  lk::testing::TempDir root_;
  Library library_{root_.path() / "kernels"};
};

TEST_F(LibraryTest, AddsADebianPackage) {
  const auto build = library_.Ingest({Package(PackageEntries())});
  ASSERT_TRUE(build.ok()) << build.status();
  EXPECT_THAT(build->id, MatchesRegex("k[0-9a-f]{12}"));
  EXPECT_EQ(build->release, kRelease);
  EXPECT_EQ(build->arch, Arch::kX86_64);
  EXPECT_EQ(build->flavour, "cloud-amd64");
  EXPECT_EQ(build->banner, "Linux version 6.1.0-40-cloud-amd64 (builder@host) #1 SMP");
  EXPECT_EQ(build->config.at("VIRTIO_NET"), "m");
  EXPECT_FALSE(build->config.contains("NUMA"));
  EXPECT_EQ(build->config_sha256.size(), 64u);
  EXPECT_TRUE(build->has_modules);
  EXPECT_THAT(build->guest_modules, ElementsAre("failover", "net_failover", "virtio_net", "pvpanic", "pvpanic_pci"));
  EXPECT_EQ(build->image_bytes, BzImage(kRelease).size());

  EXPECT_EQ(ReadFile(library_.Image(build->id)).value_or(""), BzImage(kRelease));
  EXPECT_TRUE(fs::exists(library_.ModulesDirectory(build->id) / "kernel/fs/xfs/xfs.ko"));
  EXPECT_FALSE(fs::exists(library_.ModulesDirectory(build->id) / "modules.order"));
  const auto closure = library_.ModuleClosure(build->id, {"net_failover"});
  ASSERT_TRUE(closure.ok());
  EXPECT_THAT(*closure, ElementsAre(fs::path("kernel/net/core/failover.ko.zst"),
                                    fs::path("kernel/drivers/net/net_failover.ko.xz")));
  EXPECT_EQ(library_.ReadModule(build->id, closure->front()).value_or(""), Module({.release = kRelease}));
}

TEST_F(LibraryTest, CombinesSplitPackages) {
  const std::string modules = "./usr/lib/modules/7.2.13-cloud-amd64/";
  const auto build = library_.Ingest(
      {Package({{"./usr/share/doc/x", "not part of a kernel"}}, "image.deb"),
       Package({{modules + "vmlinuz", BzImage("7.2.13-cloud-amd64")}}, "binary.deb"),
       Package({{modules + "kernel/virtio_net.ko", Module({.release = "7.2.13-cloud-amd64"})}}, "modules.deb"),
       Package({{modules + "config", "CONFIG_X86=y\n"}}, "base.deb")});
  ASSERT_TRUE(build.ok()) << build.status();
  EXPECT_EQ(build->release, "7.2.13-cloud-amd64");
  EXPECT_EQ(build->config.at("X86"), "y");
  EXPECT_THAT(build->guest_modules, ElementsAre("virtio_net"));
}

TEST_F(LibraryTest, AddsAnImageWithItsModules) {
  const auto build =
      library_.Ingest({File("image", BzImage("6.12.95-lab")), File("config", "CONFIG_A=y\n"),
                       File("modules_archive", Tar({{"./build", "", S_IFLNK | 0777, "/home/me/linux"},
                                                    {"./kernel/virtio_net.ko", Module({.release = "6.12.95-lab"})},
                                                    {"./modules.builtin", "kernel/virtio.ko\n"}},
                                                   Filter::kGzip))});
  ASSERT_TRUE(build.ok()) << build.status();
  EXPECT_EQ(build->flavour, "lab");
  EXPECT_THAT(build->guest_modules, ElementsAre("virtio_net"));
}

TEST_F(LibraryTest, AddsABareImage) {
  const auto build =
      library_.Ingest({File("image", Arm64Image("6.12.95", lk::testing::EmbeddedConfigOf("CONFIG_VIRTIO_NET=y\n")))});
  ASSERT_TRUE(build.ok()) << build.status();
  EXPECT_EQ(build->arch, Arch::kAarch64);
  EXPECT_FALSE(build->has_modules);
  EXPECT_TRUE(build->HasConfig("VIRTIO_NET"));

  const auto unknown = library_.Ingest({File("image", BzImage("6.12.95"))});
  ASSERT_TRUE(unknown.ok());
  EXPECT_EQ(unknown->config_sha256, "");
  EXPECT_TRUE(unknown->config.empty());
}

TEST_F(LibraryTest, IdDependsOnlyOnTheContents) {
  const auto first = library_.Ingest({Package(PackageEntries(), "first.deb")});
  ASSERT_TRUE(first.ok()) << first.status();

  std::vector<Entry> reordered = PackageEntries();
  std::reverse(reordered.begin(), reordered.end());
  const auto again = library_.Ingest({Package(reordered, "other-name.deb")});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->id, first->id);
  EXPECT_EQ(again->guest_modules, first->guest_modules);

  std::vector<Entry> other_module = PackageEntries();
  other_module.back() = {"./lib/modules/" + std::string(kRelease) + "/kernel/new.ko", Module({.release = kRelease})};
  std::vector<Entry> other_config = PackageEntries();
  other_config[2].content += "CONFIG_MORE=y\n";
  for (const auto& entries : {other_module, other_config}) {
    const auto other = library_.Ingest({Package(entries)});
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_NE(other->id, first->id);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(library_.root()), {}), 3);
}

TEST_F(LibraryTest, ReportsMissingAndContradictoryUploads) {
  EXPECT_THAT(Refusal({}), HasSubstr("no kernel image"));
  EXPECT_THAT(Refusal({Package({{"./usr/share/doc/readme", "hello"}}, "doc.deb")}),
              AllOf(HasSubstr("no kernel image"), HasSubstr("doc.deb")));
  EXPECT_THAT(
      Refusal({Package(PackageEntries("6.1.0-40-amd64"), "a.deb"), Package(PackageEntries("6.1.0-41-amd64"), "b.deb")}),
      AllOf(HasSubstr("6.1.0-40-amd64"), HasSubstr("6.1.0-41-amd64")));
  EXPECT_THAT(Refusal({Package(PackageEntries(), "a.deb"), Package(PackageEntries(), "b.deb")}),
              HasSubstr("duplicate"));
  EXPECT_THAT(Refusal({Package(PackageEntries()), File("image", BzImage(kRelease))}), HasSubstr("duplicate image"));
  EXPECT_THAT(Refusal({File("image", BzImage("6.12.95")),
                       File("modules_archive", Tar({{"a.ko", Module({.release = "6.1.0-40"})}}))}),
              AllOf(HasSubstr("6.12.95"), HasSubstr("6.1.0-40")));
  EXPECT_THAT(Refusal({File("image", "#!/bin/sh")}), AllOf(HasSubstr("image: "), HasSubstr("not a kernel image")));
  EXPECT_THAT(Refusal({File("image", BzImage("6.12.95")), File("poem", "roses")}), HasSubstr("\"poem\""));
  EXPECT_THAT(Refusal({File("debian_package", "hello")}), HasSubstr("not a Debian package"));
}

TEST_F(LibraryTest, RefusesPathsOfADifferentRelease) {
  std::vector<Entry> entries = PackageEntries("6.1.0-40-amd64");
  entries[1].content = BzImage("6.1.0-39-amd64");
  EXPECT_THAT(Refusal({Package(entries)}), AllOf(HasSubstr("6.1.0-39-amd64"), HasSubstr("6.1.0-40-amd64")));
}

TEST_F(LibraryTest, RefusesModulesThatCannotBeLoaded) {
  std::vector<Entry> entries = PackageEntries();
  std::erase_if(entries, [](const Entry& e) { return e.path.find("/failover.ko") != std::string::npos; });
  EXPECT_THAT(Refusal({Package(entries)}), HasSubstr("net_failover requires failover"));
}

TEST_F(LibraryTest, RefusesHostileArchives) {
  const Upload image = File("image", BzImage("6.12.95"));
  EXPECT_THAT(Refusal({image, File("modules_archive", Tar({{"../../evil.ko", "x"}}))}), HasSubstr("../../evil.ko"));
  EXPECT_THAT(Refusal({image, File("modules_archive", lk::testing::TarThatClaims("big.ko", uint64_t{5} << 30))}),
              HasSubstr("big.ko"));
  std::vector<Entry> entries = PackageEntries();
  entries.push_back({"./lib/modules/x", "", S_IFLNK | 0777, "../../../etc"});
  EXPECT_THAT(Refusal({Package(entries)}), HasSubstr("./lib/modules/x"));
}

// An image whose kernel has this build ID, and the vmlinux that it was made from.
std::string ImageOf(const std::string& build_id) {
  return BzImage("6.12.95-lab", Compress("\x7f"
                                         "ELF" +
                                             build_id,
                                         Filter::kGzip));
}
std::string Vmlinux(const std::string& build_id) {
  return lk::testing::Elf({{".notes", lk::testing::Notes(build_id)}, {".debug_info", "DWARF"}});
}

TEST_F(LibraryTest, KeepsTheDebugInformationOfABuildTree) {
  const auto build = library_.Ingest({File("image", ImageOf("build id 1")), File("debug", Vmlinux("build id 1"))});
  ASSERT_TRUE(build.ok()) << build.status();
  const std::vector<fs::path> files = library_.DebugFiles(build->id);
  ASSERT_THAT(files, ElementsAre(library_.root() / build->id / "debug"));
  EXPECT_EQ(ReadFile(files[0] / "vmlinux").value_or(""), Vmlinux("build id 1"));
}

TEST_F(LibraryTest, DebugInformationMayBeAddedLater) {
  const auto bare = library_.Ingest({File("image", ImageOf("build id 1"))});
  ASSERT_TRUE(bare.ok()) << bare.status();
  EXPECT_THAT(library_.DebugFiles(bare->id), ElementsAre());
  for (const char* time : {"second", "third"}) {
    const auto again = library_.Ingest({File("debug", Vmlinux("build id 1")), File("image", ImageOf("build id 1"))});
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->id, bare->id) << "debug information does not change the id (" << time << " upload)";
    EXPECT_EQ(library_.DebugFiles(bare->id).size(), 1u);
  }
}

TEST_F(LibraryTest, KeepsTheFilesOfADebugPackage) {
  const std::string release = kRelease;
  std::vector<Entry> image = PackageEntries();
  const std::string debug = "./usr/lib/debug/";
  const auto build = library_.Ingest(
      {Package(image, "image.deb"),
       Package({{debug + "boot/vmlinux-" + release, Vmlinux("any")},
                {debug + "lib/modules/" + release + "/vmlinux", "", S_IFLNK | 0777, "../../../boot/vmlinux-" + release},
                {debug + "lib/modules/" + release + "/kernel/fs/xfs/xfs.ko", Module()},
                {debug + "lib/modules/" + release + "/kernel/net/core/failover.ko.debug", Module()},
                {debug + ".build-id/ab/cd.debug", "", S_IFLNK | 0777, "../../lib/modules/x"}},
               "image-dbg.deb")});
  ASSERT_TRUE(build.ok()) << build.status();
  const std::vector<fs::path> files = library_.DebugFiles(build->id);
  ASSERT_THAT(files, ElementsAre(library_.root() / build->id / "debug", library_.ModulesDirectory(build->id)));
  EXPECT_TRUE(fs::exists(files[0] / "vmlinux"));
  EXPECT_TRUE(fs::exists(files[0] / "modules/kernel/fs/xfs/xfs.ko"));
  EXPECT_TRUE(fs::exists(files[0] / "modules/kernel/net/core/failover.ko.debug"));
  EXPECT_EQ(build->id, library_.Ingest({Package(image)})->id);
}

TEST_F(LibraryTest, RefusesInvalidDebugInformation) {
  const Upload image = File("image", ImageOf("build id 1"));
  EXPECT_THAT(Refusal({image, File("debug", Vmlinux("build id 2"))}), HasSubstr("from different builds"));
  EXPECT_THAT(Refusal({image, File("debug", lk::testing::Elf({{".notes", lk::testing::Notes("build id 1")}}))}),
              HasSubstr("no debug information"));
  EXPECT_THAT(Refusal({image, File("debug", "")}), HasSubstr("no debug information"));
  EXPECT_THAT(Refusal({File("debug", Vmlinux("build id 1"))}), HasSubstr("no kernel image"));
  EXPECT_THAT(Refusal({Package({{"./usr/lib/debug/boot/vmlinux-6.1", Vmlinux("x")}}, "dbg.deb")}),
              HasSubstr("lkctl kernel add --together"));
}

TEST_F(LibraryTest, RemovesABuild) {
  const auto build = library_.Ingest({Package(PackageEntries())});
  ASSERT_TRUE(build.ok());
  EXPECT_EQ(library_.Remove(build->id), absl::OkStatus());
  EXPECT_TRUE(fs::is_empty(library_.root()));
  EXPECT_EQ(library_.Remove(build->id).code(), absl::StatusCode::kNotFound);
  root_.Write("precious/file", "x");
  EXPECT_EQ(library_.Remove("../precious").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(library_.Remove("").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(fs::exists(root_.path() / "precious/file"));
}

TEST_F(LibraryTest, RemovesFilesLeftOverByACrash) {
  const auto build = library_.Ingest({Package(PackageEntries())});
  ASSERT_TRUE(build.ok());
  root_.Write("kernels/.tmp-abc123/build/vmlinuz", "half of it");
  const Library next(library_.root());
  EXPECT_FALSE(fs::exists(library_.root() / ".tmp-abc123"));
  EXPECT_TRUE(fs::exists(next.Image(build->id)));
}

}  // namespace
}  // namespace lk::kernels
