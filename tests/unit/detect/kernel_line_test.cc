// SPDX-License-Identifier: Apache-2.0
#include "server/detect/kernel_line.h"

#include <gtest/gtest.h>

#include <utility>

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
      {"[    1.234567] [  T123] text", "text", "T123", true, true},
      {"[  T123][    1.234567] text", "text", "T123", true, true},
      {"<4>[  T123] [    1.234567]  indented", " indented", "T123", true, true},
      {"[    1.234567] <4>text", "text", "", true, true},
      {"<6>[    1.234567]  [3:      swapper/0:    1] text", "text", "3:      swapper/0:    1", true, true},
      {"<6>[    1.234567] .(1)[123:kworker/1:2]text", "text", "(1)[123:kworker/1:2]", true, true},
      {"** 34 printk messages dropped ** [    1.234567] text", "text", "", true, true},
      {"guest login: [    1.234567] text", "text", "", true, true},
      {"guest login: <4>text", "text", "", true, false},
      {"a program's unfinished li[    1.234567] text", "text", "", true, true},
      {"[    9.000000] cut he[    0.000000] Linux version 6.1", "Linux version 6.1", "", true, true},
      {"[    9.000000] says [    1.000000] text", "says [    1.000000] text", "", true, true},
      {"[1.5] not a timestamp", "[1.5] not a timestamp", "", false, false},
      {"<6>[    1.234567] [3:      swapper/0:    0] text", "text", "3:      swapper/0:    0", true, true},
      {"[    1.234567] I[1:  kworker/u8:2:   97] text", "I[1:  kworker/u8:2:   97] text", "", true, true},
      {"[    1.234567] [c00000000123abcd] f+0x1/0x2", "[c00000000123abcd] f+0x1/0x2", "", true, true},
      {"[    1.234567] [drm:tide] text", "[drm:tide] text", "", true, true},
      {"[    1.234567] [3: not a caller] text", "[3: not a caller] text", "", true, true},
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

TEST(KernelLine, TimeIsInMicroseconds) {
  const std::pair<std::string_view, int64_t> cases[] = {
      {"[    0.000000] text", 0},
      {"<4>[12345.000017][    C1] text", 12345000017},
      {"[    9.000000] cut he[    0.000000] Linux version 6.1", 0},
      {"<4>text", -1},
      {"text", -1},
  };
  for (const auto& [line, micros] : cases) EXPECT_EQ(ParseKernelLine(line).micros, micros) << line;
}

TEST(KernelLine, PrefixesOfTextThatIsTheKernelsAreAtItsBeginning) {
  EXPECT_EQ(ParseKernelText("<4>[    1.234567][    C1]  says [    2.000000] text").text, " says [    2.000000] text");
  EXPECT_EQ(ParseKernelText("<4>[    1.234567][    C1] text").micros, 1234567);
  const KernelLine line = ParseKernelText("says [    2.000000] text");
  EXPECT_EQ(line.text, "says [    2.000000] text");
  EXPECT_TRUE(line.marked);
  EXPECT_EQ(ParseKernelLine("<12>[    1.234567] text").level, 12);
}

TEST(KernelLine, ReplayNoteIsFoundAnywhereInALine) {
  EXPECT_TRUE(ParseKernelLine("** replaying previous printk message **").replay);
  EXPECT_TRUE(ParseKernelLine("[    1.000000] watchdog: BU** replaying previous printk message **").replay);
}

}  // namespace
}  // namespace lk::detect
