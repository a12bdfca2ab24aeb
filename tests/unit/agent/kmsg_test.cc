// SPDX-License-Identifier: Apache-2.0
#include "agent/session/kmsg.h"

#include <gtest/gtest.h>

namespace lk::agent {
namespace {

TEST(Kmsg, ParsesARecord) {
  const auto record = ParseKmsgRecord("6,339,5140900,-;NET: Registered protocol family 10\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->level, 6u);
  EXPECT_EQ(record->sequence, 339u);
  EXPECT_EQ(record->timestamp_us, 5140900u);
  EXPECT_EQ(record->text, "NET: Registered protocol family 10");
}

TEST(Kmsg, LevelExcludesTheFacility) {
  // Written by a process: facility 1 (user), level 1.
  EXPECT_EQ(ParseKmsgRecord("9,1,2,-;canary\n")->level, 1u);
}

TEST(Kmsg, IgnoresAdditionalPrefixFieldsAndTheDictionary) {
  const auto record = ParseKmsgRecord("4,7,8,c,caller=T1;pci 0000:00:01.0: hello\n SUBSYSTEM=pci\n DEVICE=+pci:0000\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->text, "pci 0000:00:01.0: hello");
}

TEST(Kmsg, DecodesEscapes) {
  EXPECT_EQ(ParseKmsgRecord("6,1,2,-;two\\x0alines; \\x5c and \\xff\n")->text, "two\nlines; \\ and \xff");
  EXPECT_EQ(ParseKmsgRecord("6,1,2,-;cut \\x4\n")->text, "cut \\x4");
  EXPECT_EQ(ParseKmsgRecord("6,1,2,-;not hex \\xzz\n")->text, "not hex \\xzz");
}

TEST(Kmsg, CountsWhatWasOverwritten) {
  std::optional<uint64_t> next = 0;  // from the oldest record
  EXPECT_EQ(LostBefore(7, next), 7u) << "lost before the log was opened";
  EXPECT_EQ(LostBefore(8, next), 0u);
  EXPECT_EQ(LostBefore(12, next), 3u);
  next = std::nullopt;  // from now on
  EXPECT_EQ(LostBefore(100, next), 0u);
  EXPECT_EQ(LostBefore(102, next), 1u);
}

TEST(Kmsg, RejectsMalformedRecords) {
  for (const char* text : {"", "6", "6,1,2", "6,1,2,-", "x,1,2,-;text", "6,1,;text"}) {
    EXPECT_FALSE(ParseKmsgRecord(text)) << text;
  }
}

}  // namespace
}  // namespace lk::agent
