// SPDX-License-Identifier: Apache-2.0
#include "server/detect/copies.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/detect/engine.h"

namespace lk::detect {
namespace {

constexpr std::string_view kFirstBoot =
    "[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP\n"
    "[    0.000000] Command line: quiet\n"
    "[    0.004123] tsc: Detected 2400.000 MHz processor\n";
constexpr std::string_view kSecondBoot =
    "[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP\n"
    "[    0.000000] Command line: quiet\n"
    "[    0.004127] tsc: Detected 2400.000 MHz processor\n";
constexpr std::string_view kTideWarning =
    "[    9.000001] WARNING: CPU: 1 PID: 7 at mm/tide.c:12 tide_open+0x1/0x2\n"
    "[    9.000002] CPU: 1 PID: 7 Comm: cat Not tainted 6.1.0 #1\n"
    "[    9.000003] Call Trace:\n"
    "[    9.000004]  tide_open+0x1/0x2\n"
    "[    9.000005] ---[ end trace 0000000000000000 ]---\n";
constexpr std::string_view kLaterWarning =
    "[   12.000001] WARNING: CPU: 1 PID: 7 at mm/tide.c:12 tide_open+0x1/0x2\n"
    "[   12.000002] CPU: 1 PID: 7 Comm: cat Not tainted 6.1.0 #1\n"
    "[   12.000003] Call Trace:\n"
    "[   12.000004]  tide_open+0x1/0x2\n"
    "[   12.000005] ---[ end trace 0000000000000000 ]---\n";
constexpr std::string_view kHiddenWarning =
    "[    9.500000] WARNING: CPU: 1 PID: 7 at mm/tide.c:12 tide_open+0x1/0x2\n"
    "[    9.500001] Call Trace:\n"
    "[    9.500002]  tide_open+0x1/0x2\n"
    "[    9.500003] ---[ end trace 0000000000000000 ]---\n";
constexpr std::string_view kPendingSoftirq =
    "[   58.000000] NOHZ tick-stop error: local softirq work is pending, handler #08\n";
constexpr std::string_view kPanicLine = "[   12.500000] Kernel panic - not syncing: tide: ring is gone\n";
constexpr std::string_view kUntimedWarning =
    "WARNING: CPU: 1 PID: 7 at mm/tide.c:12 tide_open+0x1/0x2\n"
    "Call Trace:\n tide_open+0x1/0x2\n---[ end trace 0000000000000000 ]---\n";
// Its stack was not printed on the console.
constexpr std::string_view kHeaderOnly = "[    9.000001] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [cat:7]\n";
constexpr std::string_view kItsStack =
    "[    9.000002] CPU: 1 PID: 7 Comm: cat Not tainted 6.1.0 #1\n"
    "[    9.000003] Call Trace:\n"
    "[    9.000004]  tide_open+0x1/0x2\n";

std::string Joined(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += part;
  return all;
}

TEST(Copies, AreNotOtherReports) {
  struct Case {
    std::string_view what;
    std::string log;
    size_t findings;
  };
  const Case cases[] = {
      {"dmesg", Joined({kFirstBoot, kTideWarning, "+ dmesg\n", kFirstBoot, kTideWarning}), 1},
      {"dmesg twice", Joined({kFirstBoot, kTideWarning, kFirstBoot, kTideWarning, kFirstBoot, kTideWarning}), 1},
      {"dmesg | tail", Joined({kFirstBoot, kTideWarning, "+ dmesg | tail -5\n", kTideWarning}), 1},
      {"dmesg, and then another report", Joined({kFirstBoot, kTideWarning, kFirstBoot, kTideWarning, kLaterWarning}),
       2},
      {"dmesg with what the console did not show",
       Joined({kFirstBoot, kTideWarning, kLaterWarning, kFirstBoot, kTideWarning, kHiddenWarning, kLaterWarning}), 3},
      {"dmesg, and then a panic", Joined({kFirstBoot, kTideWarning, kFirstBoot, kTideWarning, kPanicLine}), 2},
      {"dmesg that ends with a panic, from the crash kernel",
       Joined({kFirstBoot, kTideWarning, kPanicLine, kTideWarning, kPanicLine}), 1},
      {"a console whose beginning is missing", Joined({kTideWarning, kFirstBoot, kTideWarning}), 1},
      {"a reboot", Joined({kFirstBoot, kTideWarning, kSecondBoot, kTideWarning}), 3},
      {"a log without times", Joined({kUntimedWarning, kUntimedWarning}), 2},
      {"one moment of a coarse clock", Joined({kPendingSoftirq, kPendingSoftirq, kPendingSoftirq}), 3},
      {"dmesg of one line", Joined({kPendingSoftirq, "[   58.000001] eth0: link is up\n", kPendingSoftirq}), 1},
      {"a copy that is more complete",
       Joined({kFirstBoot, kHeaderOnly, "[   40.000000] eth0: link is up\n", kFirstBoot, kHeaderOnly, kItsStack}), 2},
      {"a list of headers before the log",
       Joined({"START: ", kTideWarning.substr(0, kTideWarning.find('\n') + 1), "END: ", kPanicLine, kTideWarning,
               kPanicLine}),
       1},
      {"what the crash kernel prints",
       Joined({kFirstBoot, kTideWarning, "[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP\n",
               "[    0.000000] Command line: quiet elfcorehdr=0x5e000000\n", kFirstBoot, kTideWarning}),
       1},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Detect(c.log).size(), c.findings) << c.what;
    Options all;
    all.prefilter = false;
    EXPECT_EQ(Detect(c.log, all).size(), c.findings) << c.what << ", without the prefilter";
  }
}

TEST(Copies, HaveNoHeader) {
  std::vector<Finding> headers;
  Engine engine({},
                {.on_finding = {}, .on_header = [&](Finding f) { headers.push_back(std::move(f)); }, .on_canary = {}});
  engine.Feed(Joined({kFirstBoot, kTideWarning, kFirstBoot, kTideWarning}));
  engine.Finish();
  ASSERT_EQ(headers.size(), 1u);
  EXPECT_EQ(headers[0].start_offset, kFirstBoot.size());
}

}  // namespace
}  // namespace lk::detect
