// SPDX-License-Identifier: Apache-2.0
#include "server/detect/boots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/detect/engine.h"

namespace lk::detect {
namespace {

constexpr std::string_view kFirst =
    "[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP\n"
    "[    0.000000] Command line: quiet\n"
    "[    0.004123] tsc: Detected 2400.000 MHz processor\n"
    "[    1.500000] Run /init as init process\n";

constexpr std::string_view kUntimed =
    "Linux version 6.1.0 (a@b) (gcc) #1 SMP\n"
    "Command line: quiet printk.time=0\n"
    "Run /init as init process\n";

struct BootCase {
  std::string_view what;
  std::string log;
  size_t reboots;
};

std::string Log(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += part;
  return all;
}

std::string Kernel(int lines, std::string_view time) {
  std::string all;
  for (int i = 0; i < lines; ++i) all.append("[").append(time).append("] usb 1-1: new device\n");
  return all;
}

TEST(Boots, AreToldFromTextThatContainsTheirFirstLine) {
  const BootCase cases[] = {
      {"one boot", std::string(kFirst), 0},
      {"a reboot", Log({kFirst, R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Command line: quiet
[    0.004127] tsc: Detected 2400.000 MHz processor
)"}),
       1},
      {"a reboot of a faster machine", Log({kFirst, R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Kernel command line: quiet
[    0.002000] tsc: Detected 2400.000 MHz processor
[    1.200000] Run /init as init process
)"}),
       1},
      {"a reboot whose command line comes late", Log({kFirst, R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] efi: seeking for DT
[    0.009000] random: crng init done
[    0.009001] Kernel command line: quiet
[    0.009002] Dentry cache hash table entries: 65536
)"}),
       1},
      {"a reboot that ends the log", Log({kFirst, R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Command line: quiet
)"}),
       1},
      {"a reboot without times", Log({kUntimed, kUntimed}), 1},
      {"three boots", Log({kFirst, R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Command line: quiet
[    0.004127] tsc: Detected 2400.000 MHz processor
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Command line: quiet
[    0.004125] tsc: Detected 2400.000 MHz processor
[    1.500000] Run /init as init process
)"}),
       2},
      {"dmesg", Log({kFirst, "+ dmesg\n", kFirst, "+ exit\n", Kernel(20, "    9.000000")}), 0},
      {"dmesg on a console that hides most messages",
       Log({R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.031000] Kernel command line: loglevel=6
)",
            R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Command line: loglevel=6
[    0.004123] tsc: Detected 2400.000 MHz processor
[    0.031000] Kernel command line: loglevel=6
[    1.500000] Run /init as init process
)"}),
       0},
      {"dmesg after a reboot", Log({kFirst, R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Command line: quiet
[    0.004127] tsc: Detected 2400.000 MHz processor
[    1.500000] Run /init as init process
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Command line: quiet
[    0.004127] tsc: Detected 2400.000 MHz processor
[    1.500000] Run /init as init process
)"}),
       1},
      {"dmesg | head",
       Log({kFirst, R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Command line: quiet
)",
            Kernel(20, "   61.000000")}),
       0},
      {"dmesg | head -1", Log({kFirst, kFirst.substr(0, kFirst.find('\n') + 1)}), 0},
      {"dmesg | head -1, and the kernel continues",
       Log({kFirst, kFirst.substr(0, kFirst.find('\n') + 1), Kernel(20, "    4.000000")}), 0},
      {"dmesg | grep Linux",
       Log({kFirst, R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.780000] Linux agpgart interface v0.103
)",
            Kernel(20, "    4.000000")}),
       0},
      {"/proc/version without times", Log({kUntimed, "+ cat /proc/version\n", kUntimed.substr(0, 40), "\n"}), 0},
      {"/proc/version with times",
       Log({kFirst, "Linux version 6.1.0 (a@b) (gcc) #1 SMP\n", Kernel(20, "    4.000000")}), 0},
      {"the crash kernel", Log({kFirst, R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Command line: elfcorehdr=0x5e000000 irqpoll nr_cpus=1
[    0.004127] tsc: Detected 2400.000 MHz processor
)"}),
       0},
      {"a reboot after the crash kernel", Log({kFirst, R"(
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Command line: elfcorehdr=0x5e000000 irqpoll nr_cpus=1
[    0.004127] tsc: Detected 2400.000 MHz processor
[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP
[    0.000000] Command line: quiet
[    0.004125] tsc: Detected 2400.000 MHz processor
[    1.500000] Run /init as init process
)"}),
       1},
  };
  for (const BootCase& c : cases) {
    size_t reboots = 0;
    for (const Finding& finding : Detect(c.log)) {
      EXPECT_EQ(finding.kind, Kind::kUnexpectedReboot) << c.what << ": " << finding.title;
      ++reboots;
    }
    EXPECT_EQ(reboots, c.reboots) << c.what;
  }
}

}  // namespace
}  // namespace lk::detect
