// SPDX-License-Identifier: Apache-2.0
#include "agent/session/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "agent/session/session.h"
#include "support/histogram_proto.h"

namespace lk::agent {
namespace {

using testing::ElementsAre;
using v1::AgentMessage;

AgentMessage Finding(const std::string& title) {
  AgentMessage message;
  message.mutable_finding()->set_title(title);
  return message;
}
AgentMessage Beat(uint64_t progress) {
  AgentMessage message;
  message.mutable_heartbeat()->set_progress(progress);
  return message;
}
AgentMessage Log(uint64_t sequence, const std::string& text = "line") {
  AgentMessage message;
  auto& record = *message.mutable_kernel_log()->add_records();
  record.set_sequence(sequence);
  record.set_text(text);
  return message;
}
AgentMessage Latency(uint64_t ns, double counter) {
  Histogram histogram;
  histogram.Record(ns);
  AgentMessage message;
  *message.mutable_samples()->add_histograms() = ToProto(histogram, "probe");
  message.mutable_samples()->add_counters()->set_name("total");
  message.mutable_samples()->mutable_counters(0)->set_value(counter);
  return message;
}

std::vector<AgentMessage> SendAll(Outbox& outbox) {
  std::vector<AgentMessage> sent;
  while (const AgentMessage* message = outbox.Next()) sent.push_back(*message);
  return sent;
}
std::vector<uint64_t> Sequences(const std::vector<AgentMessage>& messages) {
  std::vector<uint64_t> sequences;
  for (const auto& message : messages) sequences.push_back(message.sequence());
  return sequences;
}

TEST(Outbox, NumbersMessagesFromOneWithoutGaps) {
  Outbox outbox;
  for (const char* title : {"a", "b", "c"}) outbox.Push(Finding(title));
  EXPECT_THAT(Sequences(SendAll(outbox)), ElementsAre(1, 2, 3));
  outbox.Push(Finding("d"));
  EXPECT_THAT(Sequences(SendAll(outbox)), ElementsAre(4));
}

TEST(Outbox, ResendsUnacknowledgedMessages) {
  Outbox outbox;
  for (const char* title : {"a", "b", "c"}) outbox.Push(Finding(title));
  SendAll(outbox);
  outbox.Acknowledge(1);
  outbox.Push(Finding("d"));
  outbox.Rewind();
  const auto again = SendAll(outbox);
  EXPECT_THAT(Sequences(again), ElementsAre(2, 3, 4));
  EXPECT_EQ(again[0].finding().title(), "b");
  EXPECT_FALSE(outbox.empty());
  outbox.Acknowledge(4);
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, KeepsTheOrderIfAcknowledgedWhileResending) {
  Outbox outbox;
  for (const char* title : {"a", "b", "c"}) outbox.Push(Finding(title));
  SendAll(outbox);
  outbox.Rewind();
  EXPECT_EQ(outbox.Next()->sequence(), 1u);
  // The controller had already stored message 2, which has not been sent again over this connection.
  outbox.Acknowledge(2);
  EXPECT_THAT(Sequences(SendAll(outbox)), ElementsAre(3));
}

TEST(Outbox, WindowLimitsUnacknowledgedMessages) {
  Outbox outbox({.window = 2, .waiting_bytes = 1 << 20, .merged_bytes = 1 << 10});
  for (const char* title : {"a", "b", "c"}) outbox.Push(Finding(title));
  EXPECT_THAT(Sequences(SendAll(outbox)), ElementsAre(1, 2));
  outbox.Acknowledge(1);
  EXPECT_THAT(Sequences(SendAll(outbox)), ElementsAre(3));
}

TEST(Outbox, NewHeartbeatReplacesAWaitingOne) {
  Outbox outbox;
  outbox.Push(Beat(1));
  outbox.Push(Finding("a"));
  outbox.Push(Beat(2));
  const auto sent = SendAll(outbox);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].heartbeat().progress(), 2u);
}

TEST(Outbox, NeverChangesANumberedMessage) {
  Outbox outbox;
  outbox.Push(Beat(1));
  SendAll(outbox);
  outbox.Push(Beat(2));
  outbox.Rewind();
  const auto sent = SendAll(outbox);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].heartbeat().progress(), 1u);
  EXPECT_EQ(sent[1].heartbeat().progress(), 2u);
}

TEST(Outbox, MergesWaitingSamples) {
  Outbox outbox;
  outbox.Push(Latency(100, 1));
  outbox.Push(Latency(200, 5));
  const auto sent = SendAll(outbox);
  ASSERT_EQ(sent.size(), 1u);
  const auto histogram = HistogramFromProto(sent[0].samples().histograms(0));
  ASSERT_TRUE(histogram.ok());
  EXPECT_EQ(histogram->count(), 2u);
  EXPECT_EQ(histogram->sum_ns(), 300u);
  EXPECT_EQ(sent[0].samples().counters_size(), 1);
  EXPECT_EQ(sent[0].samples().counters(0).value(), 5);
}

TEST(Outbox, DropsTheOldestLogAndCountsItsRecordsAsLost) {
  Outbox outbox({.window = 8, .waiting_bytes = 400, .merged_bytes = 0});
  outbox.Push(Finding("kept"));
  const std::string text(100, 'x');
  for (uint64_t i = 1; i <= 10; ++i) outbox.Push(Log(i, text));
  AgentMessage done;
  done.mutable_done()->set_outcome("ok");
  outbox.Push(done);

  const auto sent = SendAll(outbox);
  EXPECT_EQ(sent.front().finding().title(), "kept");
  EXPECT_TRUE(sent.back().has_done());
  uint64_t records = 0, lost = 0;
  for (const auto& message : sent) {
    records += static_cast<uint64_t>(message.kernel_log().records_size());
    lost += message.kernel_log().lost();
  }
  EXPECT_LT(records, 10u);
  EXPECT_EQ(records + lost, 10u);
  // The latest record is kept.
  EXPECT_EQ(sent[sent.size() - 2].kernel_log().records(0).sequence(), 10u);
}

TEST(Outbox, MergesLogUnlessRecordsWereLost) {
  Outbox outbox;
  outbox.Push(Log(1));
  outbox.Push(Log(2));
  AgentMessage after_loss = Log(5);
  after_loss.mutable_kernel_log()->set_lost(2);
  outbox.Push(after_loss);
  const auto sent = SendAll(outbox);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].kernel_log().records_size(), 2);
  EXPECT_EQ(sent[1].kernel_log().lost(), 2u);
}

TEST(Backoff, DoublesUpToTheMaximumWithJitter) {
  Backoff backoff(absl::Milliseconds(100), absl::Seconds(3));
  EXPECT_EQ(backoff.Next(0), absl::Milliseconds(50));
  EXPECT_EQ(backoff.Next(1), absl::Milliseconds(200));
  for (int i = 0; i < 10; ++i) backoff.Next(0.5);
  EXPECT_EQ(backoff.Next(1), absl::Seconds(3));
  EXPECT_EQ(backoff.Next(0), absl::Milliseconds(1500));
  backoff.Reset();
  EXPECT_EQ(backoff.Next(1), absl::Milliseconds(100));
}

}  // namespace
}  // namespace lk::agent
