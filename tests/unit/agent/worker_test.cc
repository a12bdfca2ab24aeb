// SPDX-License-Identifier: Apache-2.0
// Tests the worker's side: messages from a trigger arrive at the supervisor's end of the channel.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "agent/session/channel.h"
#include "agent/session/context.h"
#include "lk/v1/agent.pb.h"

namespace lk::agent {
namespace {

class ContextTest : public testing::Test {
 protected:
  static v1::Lease Lease() {
    v1::Lease lease;
    lease.set_scenario("test");
    lease.mutable_duration()->set_seconds(3600);
    (*lease.mutable_parameters())["size"] = "1073741824";
    (*lease.mutable_parameters())["period"] = "1500000";
    (*lease.mutable_parameters())["flag"] = "true";
    return lease;
  }
  v1::AgentMessage Receive() {
    v1::AgentMessage message;
    EXPECT_TRUE(ReceiveMessage(channel_.first.get(), message).ok());
    return message;
  }

  std::pair<UniqueFd, UniqueFd> channel_ = *MakeChannel();
  SharedState state_;
  Context context_{Lease(), channel_.second.get(), state_, v1::Carried()};
};

TEST_F(ContextTest, ReadsParameters) {
  EXPECT_EQ(context_.Integer("size"), uint64_t{1} << 30);
  EXPECT_EQ(context_.Duration("period"), absl::Microseconds(1500));
  EXPECT_TRUE(context_.Bool("flag"));
  EXPECT_DEATH(context_.Integer("flag"), "expected an integer");
  EXPECT_DEATH(context_.Text("unknown"), "lacks parameter unknown");
}

TEST_F(ContextTest, MergesRecordersOfAProbeAndSendsLatenciesOnce) {
  context_.NewRecorder("probe").Record(10);
  context_.NewRecorder("probe").Record(30);
  context_.Count("events");
  context_.Count("events", 2);
  context_.RaiseCounter("most", 7);
  context_.RaiseCounter("most", 3);
  ASSERT_TRUE(context_.SendSamples().ok());
  const auto first = Receive().samples();
  ASSERT_EQ(first.histograms_size(), 1);
  EXPECT_EQ(first.histograms(0).sum_ns(), 40u);
  ASSERT_EQ(first.counters_size(), 2);
  EXPECT_EQ(first.counters(0).value(), 3);
  EXPECT_EQ(first.counters(1).value(), 7);

  ASSERT_TRUE(context_.SendSamples().ok());
  const auto second = Receive().samples();
  EXPECT_EQ(second.histograms_size(), 0);
  EXPECT_EQ(second.counters(0).value(), 3);
}

TEST_F(ContextTest, TellsHowLongTheLatestEventTookIfItTookTooLong) {
  const auto sent = [this] {
    EXPECT_TRUE(context_.SendSamples().ok());
    return Receive().samples().counters(0);
  };
  context_.CountLate("calls", "the first", absl::Seconds(7), absl::Seconds(5));
  context_.CountLate("calls", "the second", absl::Seconds(9), absl::Seconds(5));
  const v1::Counter late = sent();
  EXPECT_EQ(late.value(), 2);
  EXPECT_EQ(late.first(), "the first");
  EXPECT_EQ(late.took_seconds(), 9);
  EXPECT_EQ(late.limit_seconds(), 5);
  context_.CountFailure("calls", "refused");
  EXPECT_EQ(sent().value(), 3);
  EXPECT_EQ(sent().took_seconds(), 0);
}

TEST_F(ContextTest, StoresProgressAndActivityInSharedMemory) {
  context_.Progress(3);
  context_.Activity(std::string(200, 'x'));
  EXPECT_EQ(state_.progress, 3u);
  EXPECT_EQ(state_.Activity(), std::string(95, 'x'));
  context_.Activity("short");
  EXPECT_EQ(state_.Activity(), "short");
}

TEST_F(ContextTest, KeepsTheLastRowsOfATable) {
  for (const char* cell : {"a", "b", "c"}) context_.AddRow("table", {"column"}, {cell});
  context_.KeepLastRows("table", 3);
  EXPECT_EQ(context_.RowsOf("table"), (Rows{{"a"}, {"b"}, {"c"}}));
  context_.KeepLastRows("table", 2);
  EXPECT_EQ(context_.RowsOf("table"), (Rows{{"b"}, {"c"}}));
}

TEST_F(ContextTest, IgnoresDuplicateSkippedParts) {
  context_.SkipPart("a: no");
  context_.SkipPart("a: no");
  EXPECT_THAT(context_.skipped_parts(), testing::ElementsAre("a: no"));
}

TEST_F(ContextTest, MatchesRepliesToHostActions) {
  std::jthread host([this] {
    const v1::HostActionRequest request = Receive().host_action();
    EXPECT_EQ(request.attach_dimm().size_bytes(), uint64_t{1} << 30);
    const uint64_t first = request.id();
    v1::HostActionReply other;
    other.set_id(first + 100);
    other.set_error("reply to another request");
    context_.OnHostActionReply(other);
    v1::HostActionReply reply;
    reply.set_id(first);
    reply.set_alias("dimm0");
    reply.mutable_took()->set_nanos(1'500'000);
    context_.OnHostActionReply(reply);
    const v1::HostActionRequest next = Receive().host_action();
    EXPECT_EQ(next.resize_virtio_mem().requested_bytes(), uint64_t{2} << 30);
    reply.set_id(next.id());
    reply.set_error("no slot free");
    context_.OnHostActionReply(reply);
    reply.set_id(Receive().host_action().id());
    reply.set_error("dimm0: the guest refused to release it");
    reply.set_refused_by_guest(true);
    context_.OnHostActionReply(reply);
    const v1::HostActionRequest last = Receive().host_action();
    EXPECT_TRUE(last.has_replug_disk());
    EXPECT_EQ(last.replug_disk().disk(), 3u);
    reply.set_id(last.id());
    reply.set_error("no response");
    reply.set_refused_by_guest(false);
    reply.set_guest_silent(true);
    context_.OnHostActionReply(reply);
    reply.set_id(Receive().host_action().id());
    reply.clear_error();
    reply.set_guest_silent(false);
    context_.OnHostActionReply(reply);
  });
  const auto attached = context_.AttachDimm(uint64_t{1} << 30, absl::Minutes(1));
  ASSERT_TRUE(attached.ok()) << attached.status();
  EXPECT_EQ(attached->alias, "dimm0");
  EXPECT_EQ(attached->took, absl::Microseconds(1500));
  const auto refused = context_.ResizeVirtioMem(uint64_t{2} << 30, absl::Minutes(1));
  EXPECT_TRUE(absl::IsAborted(refused.status()));
  EXPECT_EQ(refused.status().message(), "no slot free");
  EXPECT_TRUE(absl::IsFailedPrecondition(context_.DetachDimm("dimm0", absl::Minutes(1)).status()));
  EXPECT_TRUE(absl::IsUnavailable(context_.ReplugDisk(3, absl::Minutes(1)).status()));
  EXPECT_TRUE(context_.ReplugDisk(3, absl::Minutes(1)).ok());
}

TEST_F(ContextTest, HostActionStopsOnTimeoutAndCancellation) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(context_.DetachDimm("dimm0", absl::ZeroDuration()).status()));
  context_.Cancel();
  EXPECT_TRUE(absl::IsCancelled(context_.DetachDimm("dimm0", absl::Minutes(1)).status()));
  EXPECT_TRUE(context_.Over());
}

TEST(Channel, DeliversPendingMessagesAndThenReportsTheClosedEnd) {
  auto channel = *MakeChannel();
  v1::AgentMessage message;
  message.mutable_done();
  ASSERT_TRUE(SendMessage(channel.first.get(), message).ok());
  channel.first.reset();
  EXPECT_TRUE(ReceiveMessage(channel.second.get(), message).ok());
  EXPECT_TRUE(absl::IsOutOfRange(ReceiveMessage(channel.second.get(), message)));
  EXPECT_FALSE(SendMessage(channel.second.get(), message).ok());
}

TEST(Channel, KeepsMessagesUntilTheOtherProcessReads) {
  auto [ours, theirs] = *MakeChannel();
  ASSERT_EQ(fcntl(ours.get(), F_SETFL, O_NONBLOCK), 0);
  PendingMessages pending;
  uint64_t sent = 0;
  for (; pending.empty(); ++sent) {
    v1::ControllerMessage message;
    message.mutable_host_action()->set_id(sent);
    message.mutable_host_action()->set_alias(std::string(64 << 10, 'x'));
    pending.Add(message);
    pending.SendTo(ours.get());
  }
  for (uint64_t id = 0; id < sent; ++id) {
    v1::ControllerMessage message;
    ASSERT_TRUE(ReceiveMessage(theirs.get(), message).ok());
    EXPECT_EQ(message.host_action().id(), id);
    pending.SendTo(ours.get());
  }
  EXPECT_TRUE(pending.empty());
}

TEST(Channel, DropsMessagesForAProcessThatIsGone) {
  auto [ours, theirs] = *MakeChannel();
  theirs.reset();
  PendingMessages pending;
  v1::ControllerMessage message;
  message.mutable_finish();
  pending.Add(message);
  pending.SendTo(ours.get());
  EXPECT_TRUE(pending.empty());
}

}  // namespace
}  // namespace lk::agent
