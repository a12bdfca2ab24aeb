// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/files.h"
#include "agent/scenarios/meminfo.h"
#include "agent/scenarios/unaccepted_memory/acceptance.h"
#include "agent/scenarios/unaccepted_memory/audit.h"
#include "agent/scenarios/unaccepted_memory/prefill.h"
#include "agent/session/context.h"
#include "lk/v1/agent.pb.h"

namespace lk::agent::unaccepted_memory {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMiB = 1 << 20;

TEST(AcceptanceRate, CoversTheTimeFromTheFirstFallToTheLast) {
  // Two seconds with previously accepted memory, three seconds at 100 MiB/s, then nothing left to accept.
  const std::vector<Sample> samples = {{0, 400 * kMiB},           {2 * kSecond, 400 * kMiB}, {3 * kSecond, 300 * kMiB},
                                       {4 * kSecond, 200 * kMiB}, {5 * kSecond, 100 * kMiB}, {9 * kSecond, 100 * kMiB}};
  EXPECT_DOUBLE_EQ(AcceptanceRate(samples), 100.0 * kMiB);
}

TEST(AcceptanceRate, RequiresTwoFalls) {
  EXPECT_EQ(AcceptanceRate({}), 0);
  EXPECT_EQ(AcceptanceRate({{0, 5}, {kSecond, 5}}), 0);
  EXPECT_EQ(AcceptanceRate({{0, 5}, {kSecond, 4}, {2 * kSecond, 4}}), 0);
}

TEST(AcceptanceRate, IsUnknownIfUnacceptedRoseInBetween) {
  EXPECT_EQ(AcceptanceRate({{0, 5}, {kSecond, 4}, {2 * kSecond, 9}, {3 * kSecond, 8}}), 0);
}

TEST(Unaccounted, IsTheDifferenceBeyondTheSlack) {
  EXPECT_EQ(Unaccounted(64 * kMiB, 100 * kMiB, 40 * kMiB, 16 * kMiB), 0u);
  EXPECT_EQ(Unaccounted(64 * kMiB, 100 * kMiB, 100 * kMiB, 16 * kMiB), 48 * kMiB);
  EXPECT_EQ(Unaccounted(0, 100 * kMiB, 40 * kMiB, 16 * kMiB), 44 * kMiB);
  // Unaccepted may even rise.
  EXPECT_EQ(Unaccounted(0, 40 * kMiB, 100 * kMiB, 0), 0u);
}

TEST(Meminfo, MatchesWholeNames) {
  constexpr char kText[] =
      "MemTotal:        4028440 kB\n"
      "MemAvailable:    3857720 kB\n"
      "Unaccepted:         2048 kB\n"
      "HugePages_Total:       0\n";
  EXPECT_EQ(ParseMeminfo(kText, "Unaccepted"), 2 * kMiB);
  EXPECT_EQ(ParseMeminfo(kText, "MemAvailable"), uint64_t{3857720} << 10);
  EXPECT_EQ(ParseMeminfo(kText, "Mem"), std::nullopt);
  EXPECT_EQ(ParseMeminfo("Unaccepted:\n", "Unaccepted"), std::nullopt);
  EXPECT_EQ(ParseMeminfo("", "Unaccepted"), std::nullopt);
}

TEST(AcceptedFree, CountsOnlyZonesWithUnacceptedMemory) {
  constexpr char kZones[] =
      "Node 0, zone    DMA32\n"
      "  pages free     500000\n"
      "        high     1000\n"
      "      nr_unaccepted 0\n"
      "Node 0, zone   Normal\n"
      "  per-node stats\n"
      "  pages free     10000\n"
      "        boost    0\n"
      "        min      100\n"
      "        low      200\n"
      "        high     300\n"
      "        promo    400\n"
      "      nr_free_pages 10000\n"
      "      nr_unaccepted 4096\n"
      "  pagesets\n"
      "    cpu: 0\n"
      "              count:    5\n"
      "              high:     378\n";
  EXPECT_EQ(ParseAcceptedFree(kZones), uint64_t{10000 - 4096 - 400} * 4096);
  EXPECT_EQ(ParseAcceptedFree(""), 0u);
}

class PrefillTest : public testing::Test {
 protected:
  PrefillTest() { std::ofstream(file_) << "100\n"; }
  ~PrefillTest() override { std::filesystem::remove(file_); }

  static v1::Lease Lease() {
    v1::Lease lease;
    lease.mutable_duration()->set_seconds(3600);
    return lease;
  }

  const std::string file_ = fmt::format("{}/nr_hugepages.{}", testing::TempDir(), getpid());
  SharedState state_;
  Context context_{Lease(), -1, state_, v1::Carried()};
};

TEST_F(PrefillTest, ReservesOneGiBAtATimeAndMakesProgress) {
  Prefill prefill(context_, file_);
  EXPECT_EQ(prefill.Add(2048 * kMiB + 3 * kHugePage), absl::OkStatus());
  EXPECT_EQ(*ReadAttribute(file_), "1127");
  EXPECT_EQ(context_.operations(), 3u);
}

TEST_F(PrefillTest, StopsWhenTheKernelCanReserveNoMoreOrTimeIsUp) {
  // As if the kernel had found no huge page.
  Prefill none(context_, "/dev/null");
  EXPECT_EQ(none.Add(4096 * kMiB), absl::OkStatus());
  EXPECT_EQ(context_.operations(), 1u);

  Prefill prefill(context_, file_);
  context_.Cancel();
  EXPECT_EQ(prefill.Add(4096 * kMiB), absl::OkStatus());
  EXPECT_EQ(*ReadAttribute(file_), "100");
}

}  // namespace
}  // namespace lk::agent::unaccepted_memory
