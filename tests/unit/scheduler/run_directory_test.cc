// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/run_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "lk/v1/scenario.pb.h"
#include "support/random.h"

namespace lk::scheduler {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class RunDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(run_); }
  void TearDown() override { fs::remove_all(runs_); }

  static v1::ScenarioDescriptor Asking(const std::vector<uint64_t>& sizes) {
    v1::ScenarioDescriptor descriptor;
    descriptor.set_name("spin");
    for (const uint64_t size : sizes) descriptor.add_scratch_disks()->set_size_bytes(size);
    return descriptor;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(run_)) names.push_back(entry.path().filename());
    return names;
  }

  const fs::path runs_ = fs::temp_directory_path() / ("lk-runs-" + RandomHex(6));
  const fs::path run_ = runs_ / "c-1";
};

TEST_F(RunDirectoryTest, ScratchDisksAreSparseAndPrivate) {
  const auto disks = MakeScratchDisks(Asking({uint64_t{256} << 20, 1 << 20}), run_);
  ASSERT_TRUE(disks.ok()) << disks.status();
  ASSERT_EQ(disks->size(), 2u);
  EXPECT_EQ(disks->front().path, run_ / "scratch-0.img");
  EXPECT_EQ(disks->back().bytes, 1u << 20);
  struct stat info;
  ASSERT_EQ(stat(disks->front().path.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 256 << 20);
  EXPECT_EQ(info.st_blocks, 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(RunDirectoryTest, ScratchDisksFromAnEarlierAttemptAreReplaced) {
  std::ofstream(run_ / "scratch-0.img") << "old";
  const auto disks = MakeScratchDisks(Asking({4096}), run_);
  ASSERT_TRUE(disks.ok()) << disks.status();
  std::ifstream in(disks->front().path);
  EXPECT_EQ(in.get(), 0);
  EXPECT_EQ(fs::file_size(disks->front().path), 4096u);
}

TEST_F(RunDirectoryTest, DisksThatWouldNotFitAreRefused) {
  const auto disks = MakeScratchDisks(Asking({4096, uint64_t{1} << 60}), run_);
  EXPECT_EQ(disks.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(disks.status().message()), HasSubstr("scratch disks of spin need"));
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_TRUE(MakeScratchDisks(Asking({}), runs_ / "missing").ok())
      << "the directory is not needed if no disks are requested";
  EXPECT_FALSE(MakeScratchDisks(Asking({4096}), runs_ / "missing").ok());
}

TEST_F(RunDirectoryTest, OnlyArtifactsAreKept) {
  for (const char* name : {"scratch-0.img", "initrd.img", "lk-c-1.nvram", "console.host", "vmcore.part"}) {
    std::ofstream(run_ / name) << "x";
  }
  for (const char* artifact : kArtifacts) std::ofstream(run_ / artifact) << "x";
  Tidy(run_);
  EXPECT_THAT(Names(), UnorderedElementsAre(kArtifacts[0], kArtifacts[1]));
  Tidy(runs_ / "missing");
}

TEST_F(RunDirectoryTest, OtherRunsExcludesTheGivenRuns) {
  fs::create_directories(runs_ / "c-2");
  EXPECT_THAT(OtherRuns(runs_, {"c-1", "c-3"}), ElementsAre(runs_ / "c-2"));
  EXPECT_THAT(OtherRuns(runs_ / "missing", {}), IsEmpty());
}

}  // namespace
}  // namespace lk::scheduler
