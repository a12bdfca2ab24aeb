// SPDX-License-Identifier: Apache-2.0
// The files that `lkctl kernel add` sends from a kernel build tree.
#include <gmock/gmock.h>

#include "cli/upload.h"
#include "harness.h"

namespace lk::cli {
namespace {

using testing::ElementsAre;
using testing::Pair;

// Role and path (relative to the tree) of each file that would be sent.
std::vector<std::pair<std::string, std::string>> Sent(const TempDir& tree) {
  std::vector<std::pair<std::string, std::string>> sent;
  const auto uploads = PlanUploads({tree.path().string()}, "", false);
  EXPECT_TRUE(uploads.ok()) << uploads.status();
  if (!uploads.ok()) return sent;
  for (const UploadFile& file : uploads->at(0).files) {
    sent.emplace_back(file.role, file.path.lexically_relative(tree.path()).string());
  }
  return sent;
}

TEST(UploadTrees, FindsTheBootableImageOfEitherArchitecture) {
  for (const char* image :
       {"arch/x86/boot/bzImage", "arch/arm64/boot/Image", "arch/arm64/boot/Image.gz", "arch/arm64/boot/vmlinuz.efi"}) {
    const TempDir tree;
    for (const char* file : {"Makefile", ".config", image}) tree.Write(file, "");
    EXPECT_THAT(Sent(tree), ElementsAre(Pair("image", image), Pair("config", ".config")));
  }
}

TEST(UploadTrees, SendsVmlinuxIfItHasDebugInformation) {
  const TempDir tree;
  for (const char* file : {"Makefile", ".config", "modules.order", "arch/x86/boot/bzImage"}) tree.Write(file, "");
  tree.Write("vmlinux", "not ELF");
  EXPECT_THAT(Sent(tree), ElementsAre(Pair("image", "arch/x86/boot/bzImage"), Pair("config", ".config"),
                                      Pair("modules_archive", ".")));

  std::filesystem::copy_file(LK_SAMPLE_KERNEL, tree.path() / "vmlinux",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(Sent(tree), ElementsAre(Pair("image", "arch/x86/boot/bzImage"), Pair("config", ".config"),
                                      Pair("debug", "vmlinux"), Pair("modules_archive", ".")));
}

TEST(UploadTrees, ReadsLabelsFromTheTree) {
  const TempDir tree;
  for (const char* file : {"Makefile", ".config", "arch/x86/boot/bzImage"}) tree.Write(file, "");
  tree.Write("labels", "source=linux-source-6.12\nsource-version=6.12.95-1~bpo12+1\nx=y=z\n");
  const auto uploads = PlanUploads({tree.path().string()}, "", false);
  ASSERT_TRUE(uploads.ok()) << uploads.status();
  EXPECT_THAT(uploads->at(0).labels, ElementsAre(Pair("source", "linux-source-6.12"),
                                                 Pair("source-version", "6.12.95-1~bpo12+1"), Pair("x", "y=z")));

  tree.Write("labels", "source=linux-source-6.12\nno label\n");
  EXPECT_EQ(PlanUploads({tree.path().string()}, "", false).status(),
            absl::InvalidArgumentError((tree.path() / "labels").string() +
                                       ": invalid label \"no label\" (expected key=value)"));
}

}  // namespace
}  // namespace lk::cli
