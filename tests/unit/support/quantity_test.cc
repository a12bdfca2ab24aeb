// SPDX-License-Identifier: Apache-2.0
#include "support/quantity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lk {
namespace {

using ::testing::HasSubstr;

TEST(ParseBytes, AcceptsAllUnits) {
  const std::vector<std::pair<std::string, uint64_t>> cases = {
      {"0B", 0},
      {"1B", 1},
      {"512MiB", 512u << 20},
      {"2GiB", uint64_t{2} << 30},
      {"1.5GiB", uint64_t{3} << 29},
      {"1TiB", uint64_t{1} << 40},
      {"0.5KiB", 512},
      {"8000000TiB", uint64_t{8000000} << 40},
  };
  for (const auto& [text, bytes] : cases) {
    const auto parsed = ParseBytes(text);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, bytes) << text;
  }
}

TEST(ParseBytes, RejectsInvalidInputAndQuotesIt) {
  for (const std::string text : {"", "512", "GiB", "-1GiB", "1 GiB", "1gib", "1MB", "1.5B", "0.3KiB", "1..5GiB",
                                 "1.2.3GiB", ".", "1e3B", "9000000TiB", "0x10B", "2GiB ", "infB", "nanB"}) {
    const auto parsed = ParseBytes(text);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("\"" + text + "\""));
  }
}

TEST(FormatBytes, RoundTripsExactValues) {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{1023}, uint64_t{1} << 10, uint64_t{3} << 20,
                               uint64_t{1} << 30, uint64_t{5} << 40, uint64_t{7} << 50}) {
    EXPECT_EQ(ParseBytes(FormatBytes(bytes)).value_or(1), bytes) << FormatBytes(bytes);
  }
  EXPECT_EQ(FormatBytes(1536), "1.50KiB");
  EXPECT_EQ(FormatBytes(uint64_t{2} << 30), "2GiB");
}

TEST(ParseDuration, AcceptsAllUnits) {
  const std::vector<std::pair<std::string, absl::Duration>> cases = {
      {"1ns", absl::Nanoseconds(1)},
      {"500us", absl::Microseconds(500)},
      {"20ms", absl::Milliseconds(20)},
      {"1.5s", absl::Milliseconds(1500)},
      {"2min", absl::Minutes(2)},
      {"2m", absl::Minutes(2)},
      {"1h", absl::Hours(1)},
      {"0s", absl::ZeroDuration()},
      {"0.25ms", absl::Microseconds(250)},
  };
  for (const auto& [text, duration] : cases) {
    const auto parsed = ParseDuration(text);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, duration) << text;
  }
}

TEST(ParseDuration, RejectsInvalidInput) {
  for (const std::string text : {"", "30", "s", "-1s", "1 s", "1S", "1d", "1..2s", "3000000h", "1s2", "1sec"}) {
    EXPECT_EQ(ParseDuration(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(FormatDuration, HasThreeSignificantDigits) {
  const std::vector<std::pair<absl::Duration, std::string>> cases = {
      {absl::ZeroDuration(), "0s"},
      {absl::Nanoseconds(7), "7.00ns"},
      {absl::Microseconds(1234), "1.23ms"},
      {absl::Microseconds(12345), "12.3ms"},
      {absl::Microseconds(123456), "123ms"},
      {absl::Seconds(90), "90.0s"},
      {absl::Hours(1), "3600s"},
      {-absl::Milliseconds(5), "-5.00ms"},
  };
  for (const auto& [duration, text] : cases) EXPECT_EQ(lk::FormatDuration(duration), text);
}

}  // namespace
}  // namespace lk
