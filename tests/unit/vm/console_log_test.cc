// SPDX-License-Identifier: Apache-2.0
// Tests the log follower on a log that is written and rotated in the same way as by virtlogd.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/vm/libvirt/console.h"
#include "server/vm/libvirt/event_loop.h"
#include "support/mutex.h"
#include "support/random.h"

namespace lk::vm::libvirt {
namespace {

namespace fs = std::filesystem;

class ConsoleLogTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directory(folder_); }
  void TearDown() override {
    EventLoop::Get().Run([&] { console_ = nullptr; });
    fs::remove_all(folder_);
  }

  void Append(const std::string& text) {
    if (!writer_.is_open()) writer_.open(log_, std::ios::app);
    writer_ << text << std::flush;
  }
  void Rotate() {
    for (int n = 1; n >= 0; --n) {
      if (fs::exists(Backup(n))) fs::rename(Backup(n), Backup(n + 1));
    }
    fs::rename(log_, Backup(0));
    std::ofstream next(log_, std::ios::app);
    writer_ = std::move(next);
  }
  fs::path Backup(int n) const { return log_.string() + "." + std::to_string(n); }

  ConsoleSink Sink() {
    return {[this](std::string_view bytes) {
              MutexLock lock(&mutex_);
              text_ += bytes;
            },
            [this] {
              MutexLock lock(&mutex_);
              ++ends_;
            }};
  }
  Status Follow(uint64_t offset) {
    Status status;
    EventLoop::Get().Run([&] {
      auto console = FollowLog(log_, offset, Sink());
      status = console.status();
      if (status.ok()) console_ = std::move(*console);
    });
    return status;
  }
  bool Got(const std::string& expected) {
    MutexLock lock(&mutex_);
    const auto there = [&] { return text_.size() >= expected.size(); };
    mutex_.AwaitWithTimeout(absl::Condition(&there), absl::Minutes(1));
    return text_ == expected;
  }
  int Ends() {
    MutexLock lock(&mutex_);
    const auto there = [&] { return ends_ > 0; };
    mutex_.AwaitWithTimeout(absl::Condition(&there), absl::Minutes(1));
    return ends_;
  }
  void DomainEnds() {
    EventLoop::Get().Run([&] { console_->DomainEnded(); });
  }

  const fs::path folder_ = fs::temp_directory_path() / ("lk-console-" + RandomHex(6));
  const fs::path log_ = folder_ / "vm.log";
  std::ofstream writer_;
  Mutex mutex_;
  std::string text_;
  int ends_ = 0;
  std::unique_ptr<Console> console_;
};

TEST_F(ConsoleLogTest, DeliversExistingAndNewOutput) {
  Append("SeaBIOS\n");
  ASSERT_TRUE(Follow(0).ok());
  ASSERT_TRUE(Got("SeaBIOS\n"));
  Append("Linux ");
  Append("version");
  EXPECT_TRUE(Got("SeaBIOS\nLinux version"));
}

TEST_F(ConsoleLogTest, ContinuesAfterTheRecordedBytes) {
  Append("recorded|new");
  ASSERT_TRUE(Follow(9).ok());
  Append(" and newer");
  EXPECT_TRUE(Got("new and newer"));
}

TEST_F(ConsoleLogTest, ReadsAcrossRotationsWhileFollowing) {
  Append("a");
  ASSERT_TRUE(Follow(0).ok());
  std::string expected = "a";
  for (char c = 'b'; c <= 'h'; ++c) {
    // Waits for the follower. With more rotations than backups before it continues, there would be a gap.
    ASSERT_TRUE(Got(expected));
    Append(std::string(1, c) + "-");
    Rotate();
    Append(std::string(1, c));
    expected += std::string(1, c) + "-" + c;
  }
  EXPECT_TRUE(Got(expected));
}

TEST_F(ConsoleLogTest, FindsAnOffsetInRotatedFiles) {
  Append("0123");
  Rotate();
  Append("4567");
  Rotate();
  Append("89");
  ASSERT_TRUE(Follow(3).ok());
  EXPECT_TRUE(Got("3456789"));
}

TEST_F(ConsoleLogTest, MarksAGapIfTheOffsetCannotBeLocated) {
  Append("short");
  ASSERT_TRUE(Follow(1000).ok());
  Append("after");
  EXPECT_TRUE(Got(std::string(kGap) + "after"));
}

TEST_F(ConsoleLogTest, EndsOnceAfterTheLastByte) {
  Append("almost");
  ASSERT_TRUE(Follow(0).ok());
  // virtlogd writes and closes the log a little late. The event loop does nothing else in the meantime, however long
  // this takes.
  EventLoop::Get().Run([&] {
    console_->DomainEnded();
    Append(" all");
    writer_.close();
  });
  EXPECT_EQ(Ends(), 1);
  EXPECT_TRUE(Got("almost all"));
  DomainEnds();
  EXPECT_EQ(Ends(), 1);
}

TEST_F(ConsoleLogTest, EndsEvenIfNobodyClosesTheLog) {
  Append("text");
  ASSERT_TRUE(Follow(0).ok());
  DomainEnds();
  EXPECT_EQ(Ends(), 1);
  EXPECT_TRUE(Got("text"));
}

TEST_F(ConsoleLogTest, ReadsTheRestOfAFinishedLog) {
  Append("recorded|rest");
  ReadRestOfLog(log_, 9, Sink());
  EXPECT_TRUE(Got("rest"));
  EXPECT_EQ(Ends(), 1);
}

TEST_F(ConsoleLogTest, MissingLogIsTheHostsFault) {
  const auto status = Follow(0);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(FaultOf(status), Fault::kHost);
}

}  // namespace
}  // namespace lk::vm::libvirt
