// SPDX-License-Identifier: Apache-2.0
#include "server/console/kernel_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lk::console {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::Duration kQuiet = absl::Seconds(7);
const absl::Time kNow = absl::FromUnixSeconds(1800000000);

class KernelLogTest : public testing::Test {
 protected:
  KernelLogNews Read(std::string_view text, absl::Time now = kNow) {
    const detect::KernelRecord record{absl::Seconds(12), text};
    return reader_.Read({&record, 1}, now);
  }

  KernelLogReader reader_{
      {.invariants = {}, .quiet = kQuiet, .locate = [](detect::Finding& finding) { finding.function = "located"; }}};
};

TEST_F(KernelLogTest, ReturnsAReportOnceTheLogHasBeenQuiet) {
  EXPECT_THAT(Read("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [spin:77]").findings, IsEmpty());
  EXPECT_THAT(reader_.FlushIfQuiet(kNow + kQuiet - absl::Seconds(1)), IsEmpty());
  const std::vector<detect::Finding> findings = reader_.FlushIfQuiet(kNow + kQuiet);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].function, "located");
  EXPECT_EQ(findings[0].end_offset, 0u) << "the report is not in the console log";
  EXPECT_THAT(reader_.Flush(), IsEmpty());
}

TEST_F(KernelLogTest, ReturnsTheCanaryWithItsRecord) {
  const KernelLogNews news = Read("watchdog: BUG: soft lockup - CPU#0 stuck for 0s! [lk-canary-0123456789abcdef:1]");
  EXPECT_EQ(news.canary, "0123456789abcdef");
  EXPECT_EQ(Read("nothing").canary, std::nullopt);
}

}  // namespace
}  // namespace lk::console
