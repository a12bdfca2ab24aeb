// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/kernel_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/kernels/fixtures.h"

namespace lk::kernels {
namespace {

using campaign::Arch;
using lk::testing::Arm64Image;
using lk::testing::BzImage;
using lk::testing::Compress;
using lk::testing::EmbeddedConfigOf;
using lk::testing::Filter;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class KernelImageTest : public ::testing::Test {
 protected:
  StatusOr<ImageInfo> Inspect(std::string_view bytes) { return InspectImage(dir_.Write("image", bytes)); }
  std::string Config(std::string_view bytes) { return EmbeddedConfig(dir_.Write("image", bytes)); }

  lk::testing::TempDir dir_;
};

TEST_F(KernelImageTest, ReadsX86) {
  const auto info = Inspect(BzImage("6.12.95+deb12-cloud-amd64"));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->arch, Arch::kX86_64);
  EXPECT_EQ(info->release, "6.12.95+deb12-cloud-amd64");
  EXPECT_EQ(info->banner, "Linux version 6.12.95+deb12-cloud-amd64 (builder@host) #1 SMP");
}

TEST_F(KernelImageTest, ReadsArm64InEveryFormat) {
  const std::string plain = Arm64Image("6.1.0-40-rt-arm64");
  const std::string gzip = Compress(plain, Filter::kGzip);
  std::string zboot = std::string("MZ\0\0zimg", 8) + std::string(56, '\0');
  zboot[8] = 64;
  zboot[12] = static_cast<char>(gzip.size() & 0xff);
  zboot[13] = static_cast<char>(gzip.size() >> 8);
  for (const std::string& image : {plain, gzip, zboot + gzip}) {
    const auto info = Inspect(image);
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->arch, Arch::kAarch64);
    EXPECT_EQ(info->release, "6.1.0-40-rt-arm64");
    EXPECT_EQ(info->banner, "Linux version 6.1.0-40-rt-arm64 (builder@host) (gcc) #1 SMP");
    // kexec accepts only the bare Image.
    EXPECT_EQ(KexecImage(dir_.Write("image", image)).value(), plain);
  }
}

TEST_F(KernelImageTest, KexecGetsAnX86ImageUnchanged) {
  const std::string image = BzImage("6.12.95+deb12-cloud-amd64");
  EXPECT_EQ(KexecImage(dir_.Write("image", image)).value(), image);
}

TEST_F(KernelImageTest, RefusesOtherFilesWithAReason) {
  std::string x86_32 = BzImage("6.1.0");
  x86_32[0x236] = 0;
  std::string nameless = Arm64Image("6.1.0").substr(0, 128);
  std::string slash = BzImage("../../etc");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not a kernel image"},
      {"hello", "not a kernel image"},
      {std::string(5000, 'x'), "not a kernel image"},
      {std::string("\x7f"
                   "ELF") +
           std::string(5000, '\0'),
       "ELF"},
      {Compress("hello", Filter::kGzip), "not an arm64 Image"},
      {x86_32, "64-bit"},
      {nameless, "banner"},
      {slash, "release"},
      {BzImage("6.1.0").substr(0, 0x400), "release"},
  };
  for (const auto& [bytes, why] : cases) {
    const Status status = Inspect(bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }
}

TEST_F(KernelImageTest, SurvivesEveryTruncation) {
  const std::string image =
      BzImage("6.1.0", Compress(std::string(9000, 'k') + EmbeddedConfigOf("CONFIG_A=y\n"), Filter::kGzip));
  for (size_t size = 0; size < image.size(); size += 7) {
    const auto info = Inspect(image.substr(0, size));
    EXPECT_TRUE(info.ok() || absl::IsInvalidArgument(info.status()));
    EXPECT_EQ(Config(image.substr(0, size)), "");
  }
}

TEST_F(KernelImageTest, FindsTheEmbeddedConfiguration) {
  const std::string config = "CONFIG_VIRTIO_NET=y\n";
  const std::string kernel = std::string(1000, 'k') + EmbeddedConfigOf(config) + std::string(1000, 'k');
  EXPECT_EQ(Config(Arm64Image("6.1.0", kernel)), config);
  EXPECT_EQ(Config(Compress(Arm64Image("6.1.0", kernel), Filter::kGzip)), config);
  EXPECT_EQ(Config(BzImage("6.1.0", Compress(kernel, Filter::kGzip))), config);
  // The unpacked size follows the data in every compression format except gzip.
  for (const Filter filter : {Filter::kXz, Filter::kZstd}) {
    EXPECT_EQ(Config(BzImage("6.1.0", Compress(kernel, filter) + "size")), config);
  }
  EXPECT_EQ(Config(BzImage("6.1.0", Compress("no configuration", Filter::kXz) + "size")), "");
  EXPECT_EQ(Config(BzImage("6.1.0")), "");
}

TEST(ParseConfig, ReadsSymbolsThatAreSet) {
  EXPECT_THAT(ParseConfig("#\n# CONFIG_OFF is not set\nCONFIG_A=y\nCONFIG_B=m\nCONFIG_N=0x10\nCONFIG_S=\"a=b c\"\n"
                          "CONFIG_E=\"\"\nnonsense=1\nCONFIG_LAST=y"),
              UnorderedElementsAre(Pair("A", "y"), Pair("B", "m"), Pair("N", "0x10"), Pair("S", "a=b c"), Pair("E", ""),
                                   Pair("LAST", "y")));
}

TEST(FlavourOf, IsTheTextAfterVersionAndAbi) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"6.12.95+deb12-cloud-amd64", "cloud-amd64"},
      {"6.12.90+deb12.1-cloud-amd64", "cloud-amd64"},
      {"6.1.0-40-rt-amd64", "rt-amd64"},
      {"6.1.0-40-amd64", "amd64"},
      {"6.1.0-0.deb11.7-arm64", "arm64"},
      {"7.0-rc4-amd64", "amd64"},
      {"6.8.0-31-generic", "generic"},
      {"6.12.0", ""},
      {"6.12.0-rc3+", ""},
      {"6.12.95-lab", "lab"},
      {"6.12.95-rcu-debug", "rcu-debug"},
      {"", ""},
  };
  for (const auto& [release, flavour] : cases) EXPECT_EQ(FlavourOf(release), flavour) << release;
}

}  // namespace
}  // namespace lk::kernels
