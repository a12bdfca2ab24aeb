// SPDX-License-Identifier: Apache-2.0
#include "server/detect/stack.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "server/detect/title.h"
#include "server/detect/walk.h"

namespace lk::detect {
namespace {

Stack StackOf(std::initializer_list<const char*> functions) {
  Stack stack;
  for (const char* function : functions)
    stack.frames.push_back({.function = function, .offset = 1, .module = "", .location = ""});
  return stack;
}

TEST(NameOf, StallIsNamedByTheFrameBeforeTheAnchor) {
  EXPECT_EQ(
      NameOf(StackOf({"native_halt", "default_idle", "do_idle", "cpu_startup_entry", "start_secondary"}), Walk::kStall),
      "do_idle");
  EXPECT_EQ(NameOf(StackOf({"spin", "vfs_write", "ksys_write", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"}),
                   Walk::kStall),
            "sys_write");
  EXPECT_EQ(
      NameOf(StackOf({"spin", "__arm64_sys_madvise", "invoke_syscall", "el0_svc_common.constprop.0"}), Walk::kStall),
      "sys_madvise");
  EXPECT_EQ(NameOf(StackOf({"spin", "my_work", "process_one_work", "worker_thread", "kthread", "ret_from_fork"}),
                   Walk::kStall),
            "my_work");
  EXPECT_EQ(NameOf(StackOf({"spin", "my_init", "do_one_initcall", "kernel_init"}), Walk::kStall), "my_init");
}

TEST(NameOf, StallWithoutAnchorIsNamedByTheCallerOfACrossCall) {
  EXPECT_EQ(NameOf(StackOf({"csd_lock_wait", "smp_call_function_many_cond", "on_each_cpu_cond_mask", "mtrr_set", "x"}),
                   Walk::kStall),
            "mtrr_set");
}

TEST(NameOf, StopperIsNamedByItsHandlerUnlessTheStopperWaits) {
  EXPECT_EQ(NameOf(StackOf({"delay_tsc", "rendezvous", "multi_cpu_stop", "cpu_stopper_thread", "smpboot_thread_fn"}),
                   Walk::kStall),
            "rendezvous");
  for (const char* loop : {"stop_machine_yield", "rcu_momentary_eqs", "multi_cpu_stop"}) {
    EXPECT_EQ(
        NameOf(StackOf({loop, "multi_cpu_stop", "cpu_stopper_thread", "smpboot_thread_fn", "kthread"}), Walk::kStall),
        "cpu_stopper_thread")
        << loop;
  }
}

TEST(NameOf, HungTaskIsNamedByTheWaiter) {
  EXPECT_EQ(NameOf(StackOf({"__schedule", "schedule", "schedule_timeout", "__wait_for_common", "kernel_clone",
                            "__do_sys_vfork", "do_syscall_64"}),
                   Walk::kBlocked),
            "kernel_clone");
  EXPECT_EQ(
      NameOf(StackOf({"__schedule", "schedule", "rwsem_down_write_slowpath", "down_write", "do_mmap", "do_syscall_64"}),
             Walk::kBlocked),
      "do_mmap");
  // There are only waits above the anchor.
  EXPECT_EQ(NameOf(StackOf({"__schedule", "schedule", "synchronize_rcu", "do_syscall_64"}), Walk::kBlocked),
            "synchronize_rcu");
}

TEST(NameOf, FaultIsNamedByTheFirstFrameThatIsNotAHelper) {
  EXPECT_EQ(NameOf(StackOf({"dump_stack_lvl", "__might_resched", "rt_spin_lock", "its_cpu_init"}), Walk::kFault),
            "its_cpu_init");
  EXPECT_EQ(NameOf(StackOf({"memcpy_erms", "copy_it"}), Walk::kFault), "copy_it");
}

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

TEST(Title, IsNormalisedAndTruncated) {
  EXPECT_EQ(Normalise("unknown-block(0,0) at 0xffff888012345678, ffffffff81000000 code 7\x01"),
            "unknown-block(NUM,NUM) at ADDR, ADDR code NUM?");
  EXPECT_EQ(Normalise("i6300esb x86 abc123"), "i6300esb x86 abc123");
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
