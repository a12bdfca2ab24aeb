// SPDX-License-Identifier: Apache-2.0
#include "server/detect/kernel_line.h"

#include <gtest/gtest.h>

namespace lk::detect {
namespace {

struct LineCase {
  std::string_view line, text, caller;
  bool marked, timed;
};

TEST(KernelLine, PrefixesAreRemoved) {
  const LineCase cases[] = {
      {"plain", "plain", "", false, false},
      {"[    1.234567] text", "text", "", true, true},
      {"[12345.678901]  indented", " indented", "", true, true},
      {"<6>text", "text", "", true, false},
      {"<0>[    1.234567][  T123] text", "text", "T123", true, true},
      {"[    1.234567][    C1] text", "text", "C1", true, true},
      {"[    C1] text", "text", "C1", true, false},
      {"** 34 printk messages dropped ** [    1.234567] text", "text", "", true, true},
      {"guest login: [    1.234567] text", "text", "", true, true},
      {"guest login: <4>text", "text", "", true, false},
      {"a program's unfinished li[    1.234567] text", "text", "", true, true},
      {"[    9.000000] cut he[    0.000000] Linux version 6.1", "Linux version 6.1", "", true, true},
      {"[    9.000000] says [    1.000000] text", "says [    1.000000] text", "", true, true},
      {"[1.5] not a timestamp", "[1.5] not a timestamp", "", false, false},
      {"", "", "", false, false},
  };
  for (const LineCase& c : cases) {
    const KernelLine line = ParseKernelLine(c.line);
    EXPECT_EQ(line.text, c.text) << c.line;
    EXPECT_EQ(line.caller, c.caller) << c.line;
    EXPECT_EQ(line.marked, c.marked) << c.line;
    EXPECT_EQ(line.timed, c.timed) << c.line;
    EXPECT_FALSE(line.replay) << c.line;
  }
}

TEST(KernelLine, ReplayNoteIsFoundAnywhereInALine) {
  EXPECT_TRUE(ParseKernelLine("** replaying previous printk message **").replay);
  EXPECT_TRUE(ParseKernelLine("[    1.000000] watchdog: BU** replaying previous printk message **").replay);
}

}  // namespace
}  // namespace lk::detect
