// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/lifecycle.h"

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

namespace lk::vm::libvirt {
namespace {

using Kind = VmEvent::Kind;

TEST(Lifecycle, TellsWhetherAVmPausedOnItsOwn) {
  const struct {
    int detail;
    bool by_itself;
  } rows[] = {
      {VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, false},         {VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED, false},
      {VIR_DOMAIN_EVENT_SUSPENDED_IOERROR, true},         {VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG, true},
      {VIR_DOMAIN_EVENT_SUSPENDED_RESTORED, false},       {VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT, false},
      {VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR, true},       {VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY, false},
      {VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED, true},
  };
  for (const auto& row : rows) {
    const auto meaning = ReadLifecycle(VIR_DOMAIN_EVENT_SUSPENDED, row.detail);
    ASSERT_TRUE(meaning.has_value()) << row.detail;
    EXPECT_EQ(meaning->kind, Kind::kPaused);
    EXPECT_EQ(meaning->by_itself, row.by_itself) << meaning->words;
  }
}

TEST(Lifecycle, OnlyUnrequestedPausesAreRecognisedFromTheState) {
  EXPECT_TRUE(ReadPause(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN)->by_itself)
      << "a pause after a KVM error is unrequested";
  EXPECT_TRUE(ReadPause(VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED)->by_itself);
  EXPECT_FALSE(ReadPause(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER).has_value());
  EXPECT_FALSE(ReadPause(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_DUMP).has_value());
  EXPECT_FALSE(ReadPause(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED).has_value());
}

TEST(Lifecycle, IrrelevantEventsAreIgnored) {
  EXPECT_FALSE(ReadLifecycle(VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED).has_value());
  EXPECT_FALSE(ReadLifecycle(VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_GUEST).has_value());
  EXPECT_EQ(ReadLifecycle(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED)->kind, Kind::kCrashed);
  EXPECT_EQ(ReadLifecycle(VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED_PANICKED)->kind, Kind::kPanicked);
  EXPECT_EQ(ReadLifecycle(VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED_CRASHLOADED)->kind, Kind::kPanicked);
}

}  // namespace
}  // namespace lk::vm::libvirt
