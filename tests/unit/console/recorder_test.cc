// SPDX-License-Identifier: Apache-2.0
#include "server/console/recorder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/unit/support/held_executor.h"
#include "tests/unit/support/inline_executor.h"

namespace lk::console {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr uint64_t kPlenty = 1 << 20;
constexpr std::string_view kPanic =
    "[    5.000000] sysrq: Trigger a crash\r\n"
    "[    5.100000] Kernel panic - not syncing: sysrq triggered crash\r\n"
    "[    5.200000] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---\r\n";
constexpr std::string_view kStall = "[    6.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [cat:77]\n";

class RecorderTest : public testing::Test {
 protected:
  RecorderTest() {
    std::string name = testing::TempDir() + "recorder.XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~RecorderTest() override { std::filesystem::remove_all(directory_); }

  std::shared_ptr<Recorder> Open(uint64_t max_bytes = kPlenty) {
    Events events;
    events.on_finding = [this](const detect::Finding& finding) { findings_.push_back(finding); };
    events.on_header = [this](const detect::Finding& finding) { headers_.push_back(finding.start_offset); };
    events.on_canary = [this](std::string_view nonce) { canaries_.emplace_back(nonce); };
    events.on_bytes = [this](uint64_t bytes) { sizes_.push_back(bytes); };
    events.on_end = [this] { ++ends_; };
    auto recorder = Recorder::Open(Options(max_bytes), std::move(events));
    EXPECT_TRUE(recorder.ok()) << recorder.status();
    return std::move(recorder).value();
  }
  RecorderOptions Options(uint64_t max_bytes = kPlenty) {
    return {.directory = directory_, .max_bytes = max_bytes, .detection = {}, .executor = executor_, .key = "c-1"};
  }
  std::string Record() const {
    std::ifstream in(directory_ / "console.log", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  InlineExecutor inline_;
  Executor* executor_ = &inline_;
  std::filesystem::path directory_;
  std::vector<detect::Finding> findings_;
  std::vector<uint64_t> headers_;
  std::vector<std::string> canaries_;
  std::vector<uint64_t> sizes_;
  int ends_ = 0;
};

TEST_F(RecorderTest, KeepsEveryByteAndReportsFindings) {
  const auto recorder = Open();
  recorder->OnBytes(kPanic.substr(0, 60));
  recorder->OnBytes(kPanic.substr(60));
  EXPECT_EQ(Record(), kPanic);
  EXPECT_THAT(sizes_, ElementsAre(60, kPanic.size()));
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].title, "kernel panic: sysrq triggered crash");
  EXPECT_EQ(Record().substr(findings_[0].start_offset, 40), kPanic.substr(kPanic.find('\n') + 1, 40));
  EXPECT_EQ(findings_[0].end_offset, kPanic.size());
}

TEST_F(RecorderTest, PassesOnTheHeaderImmediatelyAndTheWholeReportOnceQuiet) {
  const auto recorder = Open();
  recorder->OnBytes(kStall);
  EXPECT_THAT(headers_, ElementsAre(0));
  EXPECT_THAT(findings_, IsEmpty());
  recorder->OnQuiet();
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_TRUE(findings_[0].corrupted);
}

TEST_F(RecorderTest, EndCompletesAReportInAnUnfinishedLine) {
  const auto recorder = Open();
  recorder->OnBytes(kStall.substr(0, kStall.size() - 1));
  EXPECT_THAT(headers_, IsEmpty());
  recorder->OnEnd();
  EXPECT_EQ(findings_.size(), 1u);
}

TEST_F(RecorderTest, FindingsAreReportedAgainAfterARestart) {
  Open()->OnBytes(std::string(kPanic) + std::string(kStall.substr(0, 30)));
  const auto before = std::exchange(findings_, {});
  headers_.clear();

  const auto recorder = Open();
  EXPECT_EQ(recorder->stream_offset(), kPanic.size() + 30);
  ASSERT_EQ(findings_.size(), before.size());
  EXPECT_EQ(findings_[0].start_offset, before[0].start_offset);
  EXPECT_EQ(findings_[0].title, before[0].title);
  recorder->OnBytes(kStall.substr(30));
  recorder->OnEnd();
  ASSERT_EQ(findings_.size(), 2u);
  EXPECT_EQ(findings_[1].kind, detect::Kind::kSoftLockup);
  EXPECT_EQ(findings_[1].start_offset, kPanic.size());
  EXPECT_EQ(Record(), std::string(kPanic) + std::string(kStall));
}

TEST_F(RecorderTest, FullLogIsMarkedOnceAndDetectionContinues) {
  const uint64_t bound = kPanic.size() + 10;
  {
    const auto recorder = Open(bound);
    recorder->OnBytes(kPanic);
    recorder->OnBytes(kStall);
    recorder->OnBytes("[    7.000000] more\n");
    recorder->OnEnd();
    EXPECT_EQ(findings_.size(), 2u);
    EXPECT_EQ(recorder->stream_offset(), bound);
  }
  const std::string record = Record();
  EXPECT_EQ(record.substr(0, bound), std::string(kPanic) + std::string(kStall.substr(0, 10)));
  EXPECT_THAT(record.substr(bound), StartsWith("\n[lk: console log full"));

  // After a restart, the stream continues after the stored bytes. Neither the bytes nor the note are repeated.
  findings_.clear();
  const auto recorder = Open(bound);
  EXPECT_EQ(recorder->stream_offset(), bound);
  recorder->OnBytes(kStall.substr(10));
  recorder->OnEnd();
  ASSERT_EQ(findings_.size(), 2u);
  EXPECT_EQ(findings_[1].start_offset, kPanic.size());
  EXPECT_EQ(Record(), record);
}

TEST_F(RecorderTest, RebootIsAFindingUnlessAnnounced) {
  const auto boot = [](int micros) {
    return fmt::format(
        "[    0.000000] Linux version 6.12.0 (a@b) (gcc) #1\n[    0.000000] Command line: quiet\n"
        "[    0.{:06}] smp: Brought up 1 node, 4 CPUs\n",
        micros);
  };
  const auto recorder = Open();
  recorder->OnBytes(boot(100'001));
  recorder->AnnounceBoot();
  recorder->OnBytes(boot(100'002));
  EXPECT_THAT(findings_, IsEmpty());
  recorder->OnBytes(boot(100'003));
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].kind, detect::Kind::kUnexpectedReboot);
}

TEST_F(RecorderTest, CanaryIsNotAFinding) {
  const auto recorder = Open();
  recorder->OnBytes(
      "[    1.0] \n[    1.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 0s! [lk-canary-0123456789abcdef:1]\n");
  recorder->OnEnd();
  EXPECT_THAT(canaries_, ElementsAre("0123456789abcdef"));
  EXPECT_THAT(findings_, IsEmpty());
  EXPECT_THAT(headers_, IsEmpty());
}

TEST_F(RecorderTest, RecordsImmediatelyAndDetectsInOrderOnTheExecutor) {
  HeldExecutor held;
  executor_ = &held;
  const auto recorder = Open();
  recorder->OnBytes(kPanic.substr(0, 60));
  recorder->OnBytes(kPanic.substr(60));
  recorder->OnEnd();
  EXPECT_EQ(Record(), kPanic);
  EXPECT_THAT(findings_, IsEmpty());
  EXPECT_EQ(held.keys.size(), 2u) << "one task for the bytes, one for the end";
  EXPECT_TRUE(held.RunAll());
  EXPECT_EQ(findings_.size(), 1u);
  EXPECT_EQ(ends_, 1);
}

TEST_F(RecorderTest, RunsDetectionItselfIfBytesArriveTooFast) {
  HeldExecutor held;
  executor_ = &held;
  const auto recorder = Open();
  recorder->OnBytes(kPanic);
  recorder->OnBytes(std::string(5 << 20, '\n'));
  EXPECT_EQ(findings_.size(), 1u) << "detection has run in OnBytes";
  EXPECT_TRUE(held.RunAll());
  EXPECT_EQ(findings_.size(), 1u);
}

TEST_F(RecorderTest, NamesThePathThatCannotBeOpened) {
  std::filesystem::create_directory(directory_ / "console.log");
  const auto recorder = Recorder::Open(Options(), {});
  ASSERT_FALSE(recorder.ok());
  EXPECT_THAT(std::string(recorder.status().message()), HasSubstr((directory_ / "console.log").string()));
}

}  // namespace
}  // namespace lk::console
