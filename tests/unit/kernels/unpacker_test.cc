// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/unpacker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/file.h"
#include "tests/unit/kernels/fixtures.h"

namespace lk::kernels {
namespace {

namespace fs = std::filesystem;
using lk::testing::Compress;
using lk::testing::Deb;
using lk::testing::Entry;
using lk::testing::Filter;
using lk::testing::Tar;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kMiB = uint64_t{1} << 20;

class UnpackerTest : public ::testing::Test {
 protected:
  Status UnpackTar(std::string_view bytes, uint64_t limit = Unpacker::kLimit) {
    return Unpacker(out_, limit).Tar(dir_.Write("a.tar", bytes), "a.tar", all_);
  }
  Status UnpackDeb(std::string_view bytes) {
    return Unpacker(out_).DebianPackage(dir_.Write("a.deb", bytes), "a.deb", all_);
  }
  std::string Read(const std::string& path) { return ReadFile(out_ / path).value_or("(none)"); }

  lk::testing::TempDir dir_;
  fs::path out_ = dir_.path() / "out" / "inner";
  Unpacker::Placement all_ = [](const fs::path& entry) { return entry; };
};

TEST_F(UnpackerTest, UnpacksPlainAndCompressedArchives) {
  for (const Filter filter : {Filter::kNone, Filter::kGzip, Filter::kXz, Filter::kZstd}) {
    fs::remove_all(out_);
    ASSERT_EQ(UnpackTar(Tar({{"./a/b", "content"}, {"empty", ""}}, filter)), absl::OkStatus());
    EXPECT_EQ(Read("a/b"), "content");
    EXPECT_EQ(Read("empty"), "");
  }
}

TEST_F(UnpackerTest, FindsTheDataOfAPackage) {
  for (const auto& [filter, member] : std::vector<std::pair<Filter, std::string>>{
           {Filter::kXz, "data.tar.xz"}, {Filter::kZstd, "data.tar.zst"}, {Filter::kNone, "data.tar"}}) {
    fs::remove_all(out_);
    // Larger than the buffer of the nested reader.
    const std::string content(3 * kMiB + 5, 'x');
    ASSERT_EQ(UnpackDeb(Deb(Tar({{"./boot/big", content}}, filter), member)), absl::OkStatus()) << member;
    EXPECT_EQ(Read("boot/big"), content);
  }
}

TEST_F(UnpackerTest, LeavesOutUnwantedEntries) {
  const auto placement = [](const fs::path& entry) { return entry == "a/want" ? fs::path("kept") : fs::path(); };
  ASSERT_EQ(Unpacker(out_).Tar(dir_.Write("t", Tar({{"a/want", "1"}, {"a/other", "2"}})), "t", placement),
            absl::OkStatus());
  EXPECT_EQ(Read("kept"), "1");
  EXPECT_EQ(std::distance(fs::recursive_directory_iterator(out_), {}), 1);
}

struct Hostile {
  std::string name;
  Entry entry;
  std::string why;
};
void PrintTo(const Hostile& hostile, std::ostream* out) {
  *out << hostile.name;
}

class HostileEntryTest : public UnpackerTest, public ::testing::WithParamInterface<Hostile> {};

TEST_P(HostileEntryTest, IsRefusedWithItsName) {
  const std::string tar = Tar({{"fine", "fine"}, GetParam().entry});
  const auto expect_refused = [](const Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(GetParam().entry.path), HasSubstr(GetParam().why)));
  };
  expect_refused(UnpackTar(tar));
  fs::remove_all(out_);
  expect_refused(UnpackDeb(Deb(tar, "data.tar")));
  EXPECT_FALSE(fs::exists(dir_.path() / "out" / "escaped"));
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileEntryTest,
    ::testing::Values(Hostile{"absolute", {"/tmp/lk-escaped", "x"}, "absolute"},
                      Hostile{"parent", {"../escaped", "x"}, "\"..\""},
                      Hostile{"parent_inside", {"a/../../escaped", "x"}, "\"..\""},
                      Hostile{"symlink_absolute", {"link", "", S_IFLNK | 0777, "/etc"}, "outside"},
                      Hostile{"symlink_up", {"a/link", "", S_IFLNK | 0777, "../../x"}, "outside"},
                      Hostile{"hardlink_up", {"link", "", S_IFREG | 0644, "", "../escaped"}, "outside"},
                      Hostile{"hardlink_wanted", {"link", "", S_IFREG | 0644, "", "fine"}, "hard link"},
                      Hostile{"device", {"null", "", S_IFCHR | 0666}, "neither a file"},
                      Hostile{"fifo", {"pipe", "", S_IFIFO | 0666}, "neither a file"},
                      Hostile{"twice", {"./fine", "again"}, "duplicate"}),
    [](const auto& param_info) { return param_info.param.name; });

TEST_F(UnpackerTest, NeverWritesThroughALink) {
  // The link does not point outside and is accepted, but it is not created, so the file is put in a real directory.
  ASSERT_EQ(UnpackTar(Tar({{"a/link", "", S_IFLNK | 0777, "../b"}, {"a/link/file", "x"}})), absl::OkStatus());
  EXPECT_FALSE(fs::is_symlink(out_ / "a/link"));
  EXPECT_EQ(Read("a/link/file"), "x");
}

TEST_F(UnpackerTest, SkipsLinksToABuildTree) {
  EXPECT_EQ(UnpackTar(Tar({{"build", "", S_IFLNK | 0777, "/usr/src/linux"}})), absl::OkStatus());
  EXPECT_FALSE(fs::exists(fs::symlink_status(out_ / "build")));
}

TEST_F(UnpackerTest, RefusesOversizedEntriesBeforeUnpackingThem) {
  const Status claims = UnpackTar(lk::testing::TarThatClaims("huge", uint64_t{5} << 30));
  EXPECT_EQ(claims.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(claims.message()), AllOf(HasSubstr("huge"), HasSubstr("4294967296 bytes")));
  EXPECT_FALSE(fs::exists(out_ / "huge"));
}

TEST_F(UnpackerTest, CountsAllEntriesOfAllArchives) {
  const std::string half = Tar({{"unwanted", std::string(kMiB / 2, 'x')}}, Filter::kXz);
  Unpacker unpacker(out_, kMiB);
  const auto none = [](const fs::path&) { return fs::path(); };
  EXPECT_EQ(unpacker.Tar(dir_.Write("1", half), "1", none), absl::OkStatus());
  EXPECT_EQ(unpacker.Tar(dir_.Write("2", half), "2", none).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(UnpackerTest, CountsEmptyEntries) {
  EXPECT_EQ(UnpackTar(Tar(std::vector<Entry>(2100, Entry{"d/", "", S_IFDIR | 0755})), kMiB).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(UnpackerTest, RefusesEveryTruncation) {
  std::string noise(40000, '\0');
  for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * 2654435761u >> 13);
  const std::string tar = Tar({{"a", noise}}, Filter::kXz);
  const std::string deb = Deb(tar);
  for (size_t eighth = 0; eighth < 8; ++eighth) {
    fs::remove_all(out_);
    // libarchive treats an empty file as an empty tar; it detects all other truncations.
    if (eighth > 0) {
      EXPECT_EQ(UnpackTar(tar.substr(0, tar.size() * eighth / 8)).code(), absl::StatusCode::kInvalidArgument) << eighth;
    }
    fs::remove_all(out_);
    EXPECT_EQ(UnpackDeb(deb.substr(0, deb.size() * eighth / 8)).code(), absl::StatusCode::kInvalidArgument) << eighth;
  }
}

TEST_F(UnpackerTest, RefusesFilesThatAreNotArchives) {
  for (const std::string& junk :
       {std::string("#!/bin/sh\necho hello\n"), std::string(2000, '\x7f'), Tar({{"a", "b"}})}) {
    const Status status = UnpackDeb(junk);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("not a Debian package"));
  }
  // A truncated gzip member after an empty one: libarchive fails without a message.
  constexpr std::string_view kCut("\x1f\x8b\x08\x00\x38\x82\x0a\x1f\x8b\x1f\x8b\x00\x00\x40\x60\x00\x00\x08\x00", 19);
  EXPECT_EQ(UnpackDeb(std::string(kCut)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(UnpackTar(std::string(2000, '\x7f')).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(UnpackDeb(Deb("junk", "other.tar")).message()), HasSubstr("data.tar"));
}

TEST(Decompress, SupportsGzipXzZstdAndPlainData) {
  for (const Filter filter : {Filter::kNone, Filter::kGzip, Filter::kXz, Filter::kZstd}) {
    EXPECT_EQ(Decompress(Compress("some bytes", filter), 100).value_or("error"), "some bytes");
  }
  EXPECT_EQ(Decompress("", 100).value_or("error"), "");
}

TEST(Decompress, RefusesBombsAndTruncation) {
  const std::string bomb = Compress(std::string(kMiB, '\0'), Filter::kXz);
  EXPECT_EQ(Decompress(bomb, kMiB).value_or("").size(), kMiB);
  EXPECT_EQ(Decompress(bomb, kMiB - 1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Decompress(bomb.substr(0, bomb.size() / 2), kMiB).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lk::kernels
