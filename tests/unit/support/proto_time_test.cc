// SPDX-License-Identifier: Apache-2.0
#include "support/proto_time.h"

#include <gtest/gtest.h>

#include <climits>
#include <cstdlib>

namespace lk {
namespace {

TEST(ProtoTime, DurationsRoundTrip) {
  for (const absl::Duration duration : {absl::ZeroDuration(), absl::Nanoseconds(1), absl::Milliseconds(1500),
                                        absl::Hours(24 * 366), -absl::Nanoseconds(1), -absl::Milliseconds(1500)}) {
    const google::protobuf::Duration proto = ToProtoDuration(duration);
    EXPECT_EQ(ToDuration(proto), duration);
    EXPECT_LT(std::abs(proto.nanos()), 1'000'000'000);
    EXPECT_GE(int64_t{proto.nanos()} * proto.seconds(), 0) << "both fields have the same sign: " << duration;
  }
}

TEST(ProtoTime, TimesRoundTrip) {
  for (const absl::Time time :
       {absl::UnixEpoch(), absl::FromUnixNanos(1'700'000'000'123'456'789), absl::UnixEpoch() - absl::Nanoseconds(1)}) {
    const google::protobuf::Timestamp proto = ToTimestamp(time);
    EXPECT_EQ(ToTime(proto), time);
    EXPECT_GE(proto.nanos(), 0);
  }
}

TEST(ProtoTime, ExtremeValuesSaturate) {
  google::protobuf::Duration longest;
  longest.set_seconds(INT64_MAX);
  longest.set_nanos(INT32_MAX);
  EXPECT_GT(ToDuration(longest), absl::Hours(24 * 365 * 1000));
  google::protobuf::Timestamp first;
  first.set_seconds(INT64_MIN);
  first.set_nanos(INT32_MIN);
  EXPECT_LT(ToTime(first), absl::UnixEpoch());
}

}  // namespace
}  // namespace lk
