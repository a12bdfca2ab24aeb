// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "server/store/codec.h"
#include "tests/unit/store/conformance.h"

namespace lk::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Returns a new file name each time, all in one directory that is removed when the process exits.
std::string FreshPath() {
  static const struct Directory {
    Directory() : path(testing::TempDir() + "lk-store-XXXXXX") {
      if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string path;
  } directory;
  static int made = 0;
  return directory.path + "/" + std::to_string(++made) + ".db";
}

const Backend kSqlite = {"sqlite", []() -> StatusOr<std::string> { return "sqlite:" + FreshPath(); }};
const auto kName = [](const auto& tested) { return tested.param.name; };

INSTANTIATE_TEST_SUITE_P(Conformance, StoreTest, testing::Values(kSqlite), kName);
INSTANTIATE_TEST_SUITE_P(Conformance, StatisticsTest, testing::Values(kSqlite), kName);

TEST(Sqlite, FileIsPrivate) {
  const std::string path = FreshPath();
  const auto store = Open("sqlite:" + path).value();
  for (const char* suffix : {"", "-wal"}) {
    struct stat status;
    ASSERT_EQ(stat((path + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
}

TEST(Sqlite, InMemoryDatabaseWorks) {
  const auto store = Open("sqlite::memory:").value();
  EXPECT_TRUE(store->Apply({.campaigns = {SomeCampaign("c1")}, .runs = {}, .events = {}, .time = {}}).ok());
  EXPECT_TRUE(store->GetCampaign("c1").ok());
}

TEST(Sqlite, NonDatabaseFileIsDataLoss) {
  const std::string path = FreshPath();
  std::ofstream(path) << std::string(4096, 'x');
  EXPECT_TRUE(absl::IsDataLoss(Open("sqlite:" + path).status()));
}

TEST(Sqlite, MissingDirectoryIsNamed) {
  const Status status = Open("sqlite:/nonexistent/lk.db").status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/lk.db: No such file or directory"));
}

TEST(Sqlite, AppliedChangesSurviveAKill) {
  const std::string url = "sqlite:" + FreshPath();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto store = Open(url).value();
    if (store->Apply({.campaigns = {}, .runs = {SomeRun("c1-1")}, .events = {{"c1", "x"}}, .time = {}}).ok()) {
      kill(getpid(), SIGKILL);
    }
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto store = Open(url).value();
  EXPECT_TRUE(store->GetRun("c1-1").ok());
  EXPECT_EQ(store->EventsAfter("c1", 0, 10).value().size(), 1u);
}

TEST(Url, InvalidUrlsAreRefused) {
  for (const char* url : {"mysql://x", "lk.db", "", "sqlite:", "sqlite:a\"b"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Open(url).status())) << url;
  }
}

TEST(Position, NumbersSortAsNumbers) {
  EXPECT_LT(Position("c1-2"), Position("c1-2.2"));
  EXPECT_LT(Position("c1-2.2"), Position("c1-10"));
  EXPECT_LT(Position("c1-2.9"), Position("c1-2.10"));
  EXPECT_EQ(Position("c1-2.3"), "c1-000000002.000000003");
  EXPECT_EQ(Position("odd"), "odd");
  EXPECT_EQ(Position(""), "");
}

}  // namespace
}  // namespace lk::store
