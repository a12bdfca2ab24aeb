// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "agent/scenarios/ipi_low_memory/ballast.h"
#include "agent/scenarios/ipi_low_memory/caller.h"
#include "agent/scenarios/ipi_low_memory/cross_calls.h"
#include "agent/scenarios/ipi_low_memory/mtrr.h"

namespace lk::agent::ipi_low_memory {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(Ballast, TakesAndReleasesChunksToStayAtTheFloor) {
  constexpr uint64_t kFloor = 64 * kMiB;
  EXPECT_EQ(ChunksToTake(kFloor, kFloor), 0);
  EXPECT_EQ(ChunksToTake(kFloor + kBallastChunk - 1, kFloor), 0);
  EXPECT_EQ(ChunksToTake(kFloor + 3 * kBallastChunk, kFloor), 3);
  EXPECT_EQ(ChunksToTake(kFloor - 1, kFloor), -1);
  EXPECT_EQ(ChunksToTake(kFloor - 2 * kBallastChunk, kFloor), -2);
}

TEST(Ballast, LimitsChunksTakenButNotChunksReleased) {
  EXPECT_EQ(ChunksToTake(uint64_t{64} << 30, kMiB), 64);
  EXPECT_EQ(ChunksToTake(0, 1024 * kMiB), -512);
}

TEST(Ballast, ThatCouldHoldNothingIsAnError) {
  const auto ballast = Ballast::Start(uint64_t{1} << 50);
  ASSERT_TRUE(absl::IsFailedPrecondition(ballast.status())) << ballast.status();
  EXPECT_THAT(std::string(ballast.status().message()), testing::HasSubstr("the floor is 1073741824 MiB"));
}

TEST(Refused, ExcusesOnlyTheFailureOfTheCallsOwnAllocation) {
  EXPECT_FALSE(Refused(0, false));
  EXPECT_FALSE(Refused(0, true));
  EXPECT_FALSE(Refused(kNotMade, false));
  EXPECT_FALSE(Refused(ENOMEM, true));
  EXPECT_TRUE(Refused(ENOMEM, false));
  EXPECT_TRUE(Refused(EINVAL, true));
}

TEST(Mapping, ProtectsAndUnmapsItsPages) {
  Mapping mapping;
  EXPECT_FALSE(mapping.mapped());
  ASSERT_TRUE(mapping.Map());
  EXPECT_TRUE(mapping.mapped());
  EXPECT_EQ(mapping.Protect(), 0);
  EXPECT_EQ(mapping.Unmap(), 0);
  EXPECT_FALSE(mapping.mapped());
}

TEST(Mtrr, ParsesPhysicalBits) {
  EXPECT_EQ(ParsePhysicalBits("processor\t: 0\naddress sizes\t: 40 bits physical, 48 bits virtual\n"), 40u);
  EXPECT_EQ(ParsePhysicalBits("processor\t: 0\nflags\t: fpu\n"), std::nullopt);
  EXPECT_EQ(ParsePhysicalBits("address sizes\t: ?\nprocessor\t: 1 bits physical\n"), std::nullopt);
  EXPECT_EQ(ParsePhysicalBits("address sizes"), std::nullopt);
}

}  // namespace
}  // namespace lk::agent::ipi_low_memory
