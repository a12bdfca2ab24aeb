// SPDX-License-Identifier: Apache-2.0
#include "server/detect/prefilter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/detect/engine.h"

namespace lk::detect {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::pair<size_t, uint32_t>> Scan(Prefilter& prefilter, std::string_view bytes) {
  std::vector<std::pair<size_t, uint32_t>> hits;
  for (const Prefilter::Hit& hit : prefilter.Scan(bytes)) hits.emplace_back(hit.end, hit.literal);
  return hits;
}

TEST(Prefilter, HitsAreInOrderAndMaySpanReads) {
  Prefilter prefilter({"BUG: ", "Oops"});
  EXPECT_THAT(Scan(prefilter, "an Oops, a BUG: x"), ElementsAre(std::pair(7, 1), std::pair(16, 0)));
  EXPECT_THAT(Scan(prefilter, "Oo"), IsEmpty());
  EXPECT_THAT(Scan(prefilter, ""), IsEmpty());
  EXPECT_THAT(Scan(prefilter, "ps"), ElementsAre(std::pair(2, 1)));
}

TEST(Prefilter, CarriageReturnWithinALineMayHideALiteral) {
  Prefilter prefilter({"BUG: "});
  EXPECT_THAT(Scan(prefilter, "a\r\nb\r\r\n\rc\n"), IsEmpty());
  EXPECT_THAT(Scan(prefilter, "BU\rG: "), ElementsAre(std::pair(4, Prefilter::kUnknown)));
  EXPECT_THAT(Scan(prefilter, "d\r"), IsEmpty());
  EXPECT_THAT(Scan(prefilter, "e"), ElementsAre(std::pair(1, Prefilter::kUnknown)));
}

// Everything that the engine reports about a log fed in random pieces.
std::string Said(std::string_view log, bool prefilter, std::mt19937& random) {
  std::string said;
  const auto say = [&](const Finding& f) {
    said += std::string(ToString(f.kind)) + " " + f.title + " " + std::to_string(f.start_offset) + ".." +
            std::to_string(f.end_offset) + (f.open ? " open" : "") + "\n" + f.excerpt;
  };
  Engine engine({.invariants = {{"lock", "trylock"}}, .announced_boots = 1, .prefilter = prefilter},
                {.on_finding = say, .on_header = say, .on_canary = [&](std::string_view nonce) {
                   said += std::string(nonce) + "\n";
                 }});
  std::uniform_int_distribution<size_t> sizes(1, 300);
  for (size_t at = 0; at < log.size();) {
    const size_t size = std::min(sizes(random), log.size() - at);
    engine.Feed(log.substr(at, size));
    at += size;
  }
  engine.Finish();
  return said;
}

// Logs that consist of random pieces, with and without timestamps, and are split at random positions.
TEST(Prefilter, FindingsAreTheSameWithoutIt) {
  constexpr std::string_view kPieces[] = {
      "[    1.000000] ",
      "[    2.000000][    C1] ",
      "[    3.000000][   T12] ",
      "<4>",
      "\n",
      "\n",
      "\r\n",
      "\r",
      "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [cat:77]\n",
      "watchdog: BUG: soft lock",
      "watchdog: BUG: soft lockup - CPU#0 stuck for 0s! [lk-canary-0123456789abcdef:1]\n",
      "CPU: 1 PID: 77 Comm: cat Not tainted 6.1.0 #1\n",
      "Call Trace:\n",
      " ksys_read+0x1/0x2\n",
      " do_syscall_64+0x1/0x2\n",
      "------------[ cut here ]------------\n",
      "refcount_t: underflow.\n",
      "WARNING: CPU: 3 PID: 77 at kernel/x.c:12 f+0x1/0x2\n",
      "==================\n",
      "** replaying previous printk message **\n",
      "[    0.000000] Linux version 6.1 (x)\n",
      "Linux version 6.1 (x)\n",
      "Kernel panic - not syncing: no\n",
      "crash hp: kexec_trylock() failed\n",
      "usb 1-1: new device\n",
      "a program says something\n",
      "guest login: "};
  std::mt19937 random(1);
  std::uniform_int_distribution<size_t> which(0, std::size(kPieces) - 1);
  std::uniform_int_distribution<int> rarely(0, 400);
  size_t said = 0;
  for (int round = 0; round < 300; ++round) {
    std::string log;
    for (int i = 0; i < 60; ++i) {
      log += kPieces[which(random)];
      if (rarely(random) == 0) log += std::string(10000, 'x');
    }
    const std::string with = Said(log, true, random);
    ASSERT_EQ(with, Said(log, false, random)) << "round " << round << ":\n" << log;
    said += with.size();
  }
  EXPECT_GT(said, 100000u) << "the logs contain something to find";
}

}  // namespace
}  // namespace lk::detect
