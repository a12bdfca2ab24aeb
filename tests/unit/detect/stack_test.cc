// SPDX-License-Identifier: Apache-2.0
#include "server/detect/stack.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>

#include "server/detect/title.h"

namespace lk::detect {
namespace {

TEST(StackReader, GuessesAreIgnoredExceptAfterEoi) {
  StackReader reader;
  for (const char* line : {"Call Trace:", " ? stale+0x1/0x2", " real+0x1/0x2", " bad+0x1/0x2 (unreliable)", " <EOI>",
                           " ? interrupted+0x1/0x2", " ? stale+0x1/0x2", " below+0x1f/0x20 [mod]"}) {
    EXPECT_EQ(reader.Read(line), StackReader::Line::kStack) << line;
  }
  ASSERT_EQ(reader.stacks().size(), 1u);
  const auto& frames = reader.stacks()[0].frames;
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[0].function, "real");
  EXPECT_EQ(frames[1].function, "interrupted");
  EXPECT_EQ(frames[2].function, "below");
  EXPECT_EQ(frames[2].offset, 0x1fu);
  EXPECT_EQ(frames[2].module, "mod");
}

TEST(StackReader, OtherMessagesInATraceDoNotEndIt) {
  StackReader reader;
  for (const char* line : {"Call Trace:", " above+0x1/0x2"}) reader.Read(line);
  EXPECT_EQ(reader.Read("usb 1-1: new device"), StackReader::Line::kOther);
  reader.Read(" below+0x1/0x2");
  EXPECT_EQ(reader.stacks()[0].frames.size(), 2u);
}

// What a line says by itself is remembered; what it means still depends on the lines before it.
TEST(StackReader, ReadsALineThatItHasReadBefore) {
  const std::string longest(200, 'f');
  for (int i = 0; i < 3; ++i) {
    StackReader reader;
    EXPECT_EQ(reader.Read(" outside+0x1/0x2"), StackReader::Line::kStack);
    for (const std::string& line :
         {std::string("x0 : 0000000000000001"), std::string("Call Trace:"), std::string(" above+0x1/0x2"),
          " " + longest + "+0x1/0x2", std::string(" ? guess+0x1/0x2"), std::string(" <EOI>"),
          std::string(" ? guess+0x1/0x2")}) {
      EXPECT_EQ(reader.Read(line), StackReader::Line::kStack) << line;
    }
    EXPECT_EQ(reader.Read("Freed by task 77:"), StackReader::Line::kOther);
    EXPECT_EQ(reader.Read(" outside+0x1/0x2"), StackReader::Line::kStack);
    ASSERT_EQ(reader.stacks().size(), 1u);
    const auto& frames = reader.stacks()[0].frames;
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(frames[0].function, "above");
    EXPECT_EQ(frames[1].function, longest);
    EXPECT_EQ(frames[2].function, "guess");
  }
}

TEST(StackReader, RemembersNoMoreThanItCan) {
  constexpr int kMany = 10'000;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kMany; ++i) {
      StackReader reader;
      reader.Read("Call Trace:");
      const std::string function = "f" + std::to_string(i);
      reader.Read(" " + function + "+0x1/0x2 [mod]");
      ASSERT_EQ(reader.stacks()[0].frames[0].function, function);
      ASSERT_EQ(reader.stacks()[0].frames[0].module, "mod");
    }
  }
}

// The functions of the stacks in a text, with ! after those that have a location; "|" separates stacks.
std::string FunctionsIn(std::string_view text) {
  StackReader reader;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    reader.Read(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  std::string functions;
  for (const Stack& stack : reader.stacks()) {
    if (!functions.empty()) functions += "| ";
    for (const Frame& frame : stack.frames) {
      functions.append(frame.function).append(frame.location.empty() ? " " : "! ");
    }
  }
  return functions;
}

struct StackCase {
  std::string_view what, text, functions;
};

TEST(StackReader, ReadsTheStacksOfEachArchitecture) {
  const StackCase cases[] = {
      {"x86", R"(
CPU: 1 PID: 7 Comm: cat Not tainted 6.1.0 #1
RIP: 0010:inner+0x1/0x2 [tide]
Code: 90 90
RSP: 0018:ffffb2c9c0a3bd48 EFLAGS: 00000246
Call Trace:
 <IRQ>
 ? guess+0x1/0x2
 </IRQ>
 <TASK>
 outer+0x1/0x2 [tide]
 </TASK>
RIP: 0033:0x7f3c1d2e4b8f
)",
       "inner outer "},
      {"x86, before 4.10", R"(
RIP: 0010:[<ffffffff81234567>]  [<ffffffff81234567>] inner+0x1/0x2
Call Trace:
 [<ffffffff81234568>] outer+0x1/0x2
 [<ffffffff81234569>] ? guess+0x1/0x2
)",
       "inner outer "},
      {"i386", R"(
EIP: inner+0x1/0x2
EAX: 00000000 EBX: 00000001 ECX: 00000002 EDX: 00000003
Call Trace:
 outer+0x1/0x2
)",
       "inner outer "},
      {"i386, before 4.13", R"(
EIP is at inner+0x1/0x2
Call Trace:
 [<c1234567>] outer+0x1/0x2
)",
       "inner outer "},
      {"arm64", R"(
pc : inner+0x1/0x2
lr : return_address_is_no_frame+0x1/0x2
sp : ffff800012345678
x29: ffff800012345678 x28: ffff000012345678 x27: 0000000000000000
Call trace:
 inner+0x1/0x2 (P)
 outer+0x1/0x2 (L)
 guess+0x1/0x2 (unreliable)
 last+0x1/0x2
)",
       "inner outer last "},
      {"arm", R"(
PC is at inner+0x1/0x2
LR is at outer+0x1/0x2
pc : [<80123456>]    lr : [<80234567>]    psr: 60000013
Stack: (0xf0a61eb0 to 0xf0a62000)
1ea0:                                     c04abcde 00000000 c1a2b3c4 f0a61f68
 inner from outer+0x1/0x2
 outer [tide] from last+0x1/0x2 [tide]
 last from ret_fast_syscall+0x0/0x54
)",
       "inner outer last "},
      {"arm, before 5.19", R"(
PC is at inner+0x1/0x2
[<80123456>] (inner) from [<80234567>] (outer+0x1/0x2)
[<80234567>] (outer [tide]) from [<80345678>] (last+0x1/0x2)
 r5:00000000 r4:c1a2b3c4
[<80345678>] (last) from [<80100000>] (ret_fast_syscall+0x0/0x54)
)",
       "inner outer last "},
      {"powerpc", R"(
NIP:  c008000001fa0254 LR: c008000001fa0240 CTR: c008000001fa0210
REGS: c0000000118f38e0 TRAP: 0900   Not tainted  (6.12.0)
NIP [c008000001fa0254] inner+0x1/0x2 [tide]
LR [c008000001fa0240] return_address_is_no_frame+0x1/0x2 [tide]
Call Trace:
[c0000000118f3b80] [c008000001fa0240] guess+0x1/0x2 [tide] (unreliable)
[c0000000118f3bb0] [c008000001fa03a8] outer+0x1/0x2 [tide]
--- interrupt: 3000 at 0x7fffb0d54c30
NIP:  00007fffb0d54c30 LR: 00007fffb0d54c30 CTR: 0000000000000000
)",
       "inner outer "},
      {"s390", R"(
Krnl PSW : 0704e00180000000 000003ff803d1a2c (inner+0x1/0x2 [tide])
           R:0 T:1 IO:1 EX:1 Key:0 M:1 W:0 P:0 AS:3 CC:2 PM:0 RI:0 EA:3
Krnl GPRS: 0000000000000006 6b6b6b6b6b6b6b6b 0000000000000011 000000008d2f4c00
Call Trace:
 [<000003ff803d1a2c>] inner+0x1/0x2 [tide]
([<000003ff803d1b5a>] outer+0x1/0x2 [tide])
 [<000001c7a2f0a1d2>] last+0x1/0x2
Last Breaking-Event-Address:
 [<000003ff803d1b76>] branch_is_no_frame+0x1/0x2 [tide]
)",
       "inner outer last "},
      {"riscv", R"(
epc : inner+0x1/0x2
 ra : return_address_is_no_frame+0x1/0x2
epc : ffffffff8020f0a2 ra : ffffffff801e9f40 sp : ffffffc60039be10
status: 0000000200000120 badaddr: 0000000000000008 cause: 000000000000000d
[<ffffffff8020f0a2>] inner+0x1/0x2
[<ffffffff80a6e1c2>] outer+0x1/0x2
Code: 1101 ec22
)",
       "inner outer "},
      {"mips", R"(
$ 0   : 00000000 00000001 00000000 77c50010
$28   : 83a1a000 83a1be58 00000000 c01d2d70
epc   : c01d2c38 inner+0x1/0x2 [tide]
ra    : c01d2d70 return_address_is_no_frame+0x1/0x2 [tide]
Call Trace:
[<c01d2c38>] inner+0x1/0x2 [tide]
[<c01d2d70>] outer+0x1/0x2
)",
       "inner outer "},
      {"loongarch", R"(
pc 9000000000223038 ra 900000000022a4c8 tp 9000000100170000 sp 9000000100173c90
   ra: 900000000022a4c8 return_address_is_no_frame+0x1/0x2
  ERA: 9000000000223038 inner+0x1/0x2
 CRMD: 000000b0 (PLV0 -IE -DA +PG DACF=CC DACM=CC -WE)
Call Trace:
[<9000000000223038>] inner+0x1/0x2
[<900000000022a4c8>] outer+0x1/0x2
)",
       "inner outer "},
      {"Xen", R"(
RIP:    e008:[<ffff82d040234567>] common/sched/core.c#inner+0x1/0x2
Xen call trace:
   [<ffff82d040234567>] R common/sched/core.c#inner+0x1/0x2
   [<ffff82d040345677>] S common/sched/core.c#guess+0x1/0x2
   [<ffff82d040345678>] F outer+0x1/0x2
)",
       "inner outer "},
      {"with locations", R"(
RIP: 0010:inner+0x1/0x2 drivers/tide/core.c:12
Call Trace:
 <TASK>
 inlined drivers/tide/core.h:5 [inline]
 outer+0x1/0x2 drivers/tide/core.c:34
 far+0x1/0x2 [tide] (drivers/tide/far.c:56 (discriminator 2))
 last (drivers/tide/last.c:78)
 </TASK>
)",
       "inner! outer! far! last! "},
      {"two CPUs", R"(
NMI backtrace for cpu 1
CPU: 1 PID: 7 Comm: cat Not tainted 6.1.0 #1
RIP: 0010:inner+0x1/0x2
Call Trace:
 outer+0x1/0x2
NMI backtrace for cpu 2 skipped: idling at default_idle+0x1/0x2
NMI backtrace for cpu 3
CPU: 3 PID: 8 Comm: dog Not tainted 6.1.0 #1
RIP: 0010:second+0x1/0x2
Call Trace:
 last+0x1/0x2
)",
       "inner outer | second last "},
      {"other stacks of a report", R"(
Call Trace:
 inner+0x1/0x2
Allocated by task 7:
 kmalloc_is_no_frame+0x1/0x2
)",
       "inner "},
  };
  for (const StackCase& c : cases) EXPECT_EQ(FunctionsIn(c.text), c.functions) << c.what;
}

TEST(StackReader, KeepsBothEndsOfADeepStack) {
  std::string text = "Call Trace:\n";
  for (int i = 0; i < 200; ++i) text.append(" f").append(std::to_string(i)).append("+0x1/0x2\n");
  StackReader reader;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) reader.Read(line);
  ASSERT_EQ(reader.stacks().size(), 1u);
  const auto& frames = reader.stacks()[0].frames;
  ASSERT_EQ(frames.size(), Stack::kMaxFrames);
  EXPECT_EQ(frames.front().function, "f0");
  EXPECT_EQ(frames[Stack::kMaxFrames - Stack::kOutermost - 1].function, "f47");
  EXPECT_EQ(frames[Stack::kMaxFrames - Stack::kOutermost].function, "f184");
  EXPECT_EQ(frames.back().function, "f199");
}

TEST(StackReader, FindsTheTask) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"CPU: 1 PID: 77 Comm: a b: c Not tainted 6.1.0 #1", "a b: c:77"},
      {"CPU: 1 UID: 0 PID: 77 Comm: cat Tainted: G           O        6.12.0 #1", "cat:77"},
      {"CPU: 1 PID: 77 Comm: cat Kdump: loaded Tainted: G           OE    --------- -  - 4.18.0-553.el8.x86_64 #1",
       "cat:77"},
      {"CPU: 1 PID: 77 Comm: cat Kdump: loaded Not tainted 5.14.0 #1", "cat:77"},
      {"task:a state: b     state:D stack:0     pid:77    tgid:77    ppid:1      flags:0x00004000", "a state: b:77"},
      {"cat             D12345    77      1 0x00000004", "cat:77"},
  };
  for (const auto& [line, task] : cases) {
    StackReader reader;
    reader.Read(line);
    ASSERT_EQ(reader.stacks().size(), 1u) << line;
    EXPECT_EQ(reader.stacks()[0].task, task) << line;
    EXPECT_EQ(reader.stacks()[0].pid, 77) << line;
  }
}

TEST(Title, IsNormalisedAndTruncated) {
  EXPECT_EQ(Normalise("unknown-block(0,0) at 0xffff888012345678, ffffffff81000000 code 7\x01"),
            "unknown-block(NUM,NUM) at ADDR, ADDR code NUM?");
  EXPECT_EQ(Normalise("i6300esb x86 abc123"), "i6300esb x86 abc123");
  EXPECT_EQ(Normalise("  unmount of  tmpfs \t tmpfs"), "unmount of tmpfs tmpfs");
  EXPECT_EQ(Normalise("stack-protector: Kernel stack is corrupted in: f+0x12/0x34"),
            "stack-protector: Kernel stack is corrupted in: f");
  EXPECT_EQ(PlainFunction("__mutex_lock.constprop.0"), "__mutex_lock");
  EXPECT_EQ(PlainFunction("check.isra.0.cold"), "check");
  EXPECT_EQ(PlainFunction(".cold"), ".cold");
  EXPECT_EQ(PlainFunction("__ia32_compat_sys_ioctl"), "sys_ioctl");
  EXPECT_EQ(MakeTitle("{text} in {f}", {.function = std::string(200, 'f'), .text = "a {f}", .access = ""}).size(),
            kMaxTitle);
  EXPECT_EQ(MakeTitle("{text} in {f}", {.function = "g", .text = "a {f}", .access = ""}), "a {f} in g");
}

}  // namespace
}  // namespace lk::detect
