// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "fake_lkd.h"
#include "harness.h"
#include "samples.h"

namespace lk::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Artifacts : public testing::Test {
 protected:
  Artifacts() {
    lkd_.runs.run = SampleRun("c1-1", "6.12.95", "baseline", "fail");
    lkd_.runs.artifacts = {{"console.log", "Linux version\n"}, {"vmcore", std::string(300000, 'd') + '\0'}};
  }
  static std::string Read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  FakeLkd lkd_;
  TempDir here_;
};

TEST_F(Artifacts, AreListed) {
  const Result table = lkd_.Lkctl({"run", "artifacts", "c1-1"});
  EXPECT_EQ(table.code, 0);
  EXPECT_EQ(table.out, "NAME              SIZE\nconsole.log        14B\nvmcore       292.97KiB\n");
  const Result json = lkd_.Lkctl({"-o", "json", "run", "artifacts", "c1-1"});
  EXPECT_EQ(json.json()["artifacts"][1]["name"], "vmcore");
  EXPECT_EQ(json.json()["artifacts"][1]["size"], 300001);
  EXPECT_EQ(lkd_.Lkctl({"run", "artifacts", "c1-2"}).code, 2);
}

TEST_F(Artifacts, AreSavedReadableOnlyByTheOwner) {
  const std::filesystem::path directory = here_.path() / "new/dir";
  const Result result = lkd_.Lkctl({"-o", "json", "run", "artifacts", "c1-1", "--download", directory.string()});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json()["artifacts"].size(), 2u);
  for (const auto& [name, bytes] : lkd_.runs.artifacts) {
    EXPECT_TRUE(Read(directory / name) == bytes) << name;
    struct stat info {};
    ASSERT_EQ(stat((directory / name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0077, 0u) << name;
  }
}

TEST_F(Artifacts, ProgressIsShownOnATerminal) {
  const Result result =
      lkd_.Lkctl({"run", "artifacts", "c1-1", "--download", here_.path().string()}, {.err_terminal = true});
  EXPECT_THAT(result.err, AllOf(HasSubstr("vmcore  292.97KiB of 292.97KiB  100%")));
}

TEST_F(Artifacts, NeverOverwriteAFile) {
  here_.Write("vmcore", "precious");
  const Result result = lkd_.Lkctl({"run", "artifacts", "c1-1", "--download", here_.path().string()});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "lkctl: " + (here_.path() / "vmcore").string() + " already exists; nothing was downloaded\n");
  EXPECT_EQ(Read(here_.path() / "vmcore"), "precious");
  EXPECT_FALSE(std::filesystem::exists(here_.path() / "console.log"));
}

TEST_F(Artifacts, APartialFileIsRemoved) {
  lkd_.runs.artifacts[1].second = std::string(5000, 'd') + "...";
  const Result result = lkd_.Lkctl({"run", "artifacts", "c1-1", "--download", here_.path().string()});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("disk error"));
  EXPECT_TRUE(std::filesystem::exists(here_.path() / "console.log"));
  EXPECT_FALSE(std::filesystem::exists(here_.path() / "vmcore"));
}

TEST_F(Artifacts, NamesThatArePathsAreRejected) {
  const TempDir target;
  for (const std::string name : {"../escaped", "/tmp/escaped", "a/b", "..", "."}) {
    lkd_.runs.artifacts = {{name, "x"}};
    const Result result = lkd_.Lkctl({"run", "artifacts", "c1-1", "--download", target.path().string()});
    EXPECT_EQ(result.code, 2) << name;
    EXPECT_THAT(result.err, HasSubstr("invalid artifact name"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(target.path()));
}

TEST_F(Artifacts, ReportsADirectoryThatCannotBeCreated) {
  const std::string file = here_.Write("file", "");
  const Result result = lkd_.Lkctl({"run", "artifacts", "c1-1", "--download", file + "/below"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("cannot write " + file + "/below: Not a directory"));
}

}  // namespace
}  // namespace lk::cli
