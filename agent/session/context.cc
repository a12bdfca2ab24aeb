// SPDX-License-Identifier: Apache-2.0
#include "agent/session/context.h"

#include <absl/time/clock.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "agent/kexec/initramfs.h"
#include "agent/session/carried.h"
#include "agent/session/channel.h"
#include "lk/v1/agent.pb.h"
#include "support/file.h"
#include "support/histogram_proto.h"
#include "support/proto_time.h"

namespace lk::agent {
namespace {

// Added to the time limit for the reboot, so that the supervisor can deliver the announcement.
constexpr absl::Duration kAnnounceMargin = absl::Minutes(1);
// See Counter.first in latency.proto.
constexpr size_t kMaxFirst = 256;

}  // namespace

Histogram Recorder::Take() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(histogram_, Histogram());
}

Context::Context(const v1::Lease& lease, int fd, SharedState& shared, const v1::Carried& carried)
    : scenario_(lease.scenario()),
      parameters_(lease.parameters().begin(), lease.parameters().end()),
      seed_(lease.seed()),
      boots_(carried.boots()),
      carried_(carried.state()),
      lease_time_(ToTime(lease.now())),
      began_(boots_ == 0 ? lease_time_ : ToTime(carried.began())),
      announced_(ToTime(carried.announced())),
      leased_at_(BootNow()),
      fd_(fd),
      shared_(shared),
      end_(leased_at_ + ToDuration(lease.duration()) - UsedBefore()),
      emulated_(carried.emulated()),
      skipped_parts_(carried.skipped_parts().begin(), carried.skipped_parts().end()) {
  for (const v1::Counter& counter : carried.counters())
    counters_[counter.name()] = {counter.value(), counter.unit(), counter.first(), counter.took_seconds(),
                                 counter.limit_seconds()};
  for (const v1::Table& proto : carried.tables()) {
    Table& table = tables_[proto.name()];
    table.columns = {proto.columns().begin(), proto.columns().end()};
    for (const v1::Table::Row& row : proto.rows()) table.rows.emplace_back(row.cells().begin(), row.cells().end());
  }
  shared_.progress.fetch_add(carried.operations(), std::memory_order_relaxed);
}

const std::string& Context::Text(const std::string& name) const {
  const auto it = parameters_.find(name);
  if (it == parameters_.end()) {
    fmt::print(stderr, "lk-agent: the lease for {} lacks parameter {}\n", scenario_, name);
    std::abort();
  }
  return it->second;
}

uint64_t Context::Integer(const std::string& name) const {
  const std::string& text = Text(name);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fmt::print(stderr, "lk-agent: invalid value for parameter {}: {} (expected an integer)\n", name, text);
    std::abort();
  }
  return value;
}

absl::Duration Context::Duration(const std::string& name) const {
  return absl::Nanoseconds(static_cast<int64_t>(Integer(name)));
}

bool Context::Bool(const std::string& name) const {
  return Text(name) == "true";
}

absl::Duration Context::Left() const {
  return cancelled_ ? absl::ZeroDuration() : std::max(absl::ZeroDuration(), end_ - BootNow());
}

Recorder& Context::NewRecorder(const std::string& probe) {
  absl::MutexLock lock(&mutex_);
  Named& named = recorders_.emplace_back();
  named.probe = probe;
  return named.recorder;
}

void Context::Count(const std::string& counter, double delta, const std::string& unit) {
  absl::MutexLock lock(&mutex_);
  Counter& entry = counters_[counter];
  entry.value += delta;
  entry.unit = unit;
}

void Context::SetCounter(const std::string& counter, double value, const std::string& unit) {
  absl::MutexLock lock(&mutex_);
  Counter& entry = counters_[counter];
  entry.value = value;
  entry.unit = unit;
}

void Context::RaiseCounter(const std::string& counter, double at_least, const std::string& unit) {
  absl::MutexLock lock(&mutex_);
  Counter& entry = counters_[counter];
  entry.value = std::max(entry.value, at_least);
  entry.unit = unit;
}

void Context::CountFailure(const std::string& counter, std::string_view what) {
  CountLate(counter, what, absl::ZeroDuration(), absl::ZeroDuration());
}

void Context::CountLate(const std::string& counter, std::string_view what, absl::Duration took, absl::Duration limit) {
  absl::MutexLock lock(&mutex_);
  Counter& entry = counters_[counter];
  entry.value += 1;
  entry.unit = "1";
  if (entry.first.empty()) entry.first = what.substr(0, kMaxFirst);
  entry.took_seconds = absl::ToDoubleSeconds(took);
  entry.limit_seconds = absl::ToDoubleSeconds(limit);
}

void Context::AddRow(const std::string& table, const std::vector<std::string>& columns,
                     const std::vector<std::string>& cells) {
  absl::MutexLock lock(&mutex_);
  Table& entry = tables_[table];
  if (entry.columns.empty()) entry.columns = columns;
  entry.rows.push_back(cells);
}

void Context::KeepLastRows(const std::string& table, size_t most) {
  absl::MutexLock lock(&mutex_);
  Rows& rows = tables_[table].rows;
  if (rows.size() > most) rows.erase(rows.begin(), rows.end() - static_cast<ptrdiff_t>(most));
}

Rows Context::RowsOf(const std::string& table) const {
  absl::MutexLock lock(&mutex_);
  const auto it = tables_.find(table);
  return it == tables_.end() ? Rows() : it->second.rows;
}

absl::Duration Context::UsedBefore() const {
  return std::max(absl::ZeroDuration(), lease_time_ - began_);
}

absl::Duration Context::reboot_took() const {
  return boots_ == 0 ? absl::ZeroDuration() : lease_time_ - announced_;
}

absl::Duration Context::elapsed() const {
  return UsedBefore() + (BootNow() - leased_at_);
}

template <typename Message>
void Context::AddCountersAndTables(Message& message) const {
  for (const auto& [name, counter] : counters_) {
    v1::Counter& proto = *message.add_counters();
    proto.set_name(name);
    proto.set_value(counter.value);
    proto.set_unit(counter.unit);
    proto.set_first(counter.first);
    proto.set_took_seconds(counter.took_seconds);
    proto.set_limit_seconds(counter.limit_seconds);
  }
  for (const auto& [name, table] : tables_) {
    v1::Table& proto = *message.add_tables();
    proto.set_name(name);
    *proto.mutable_columns() = {table.columns.begin(), table.columns.end()};
    for (const auto& cells : table.rows) *proto.add_rows()->mutable_cells() = {cells.begin(), cells.end()};
  }
}

Status Context::Reboot(const std::string& reason, const std::string& state, absl::Duration within,
                       const std::string& kernel, std::string command_line) {
  v1::Carried next;
  next.set_boots(boots() + 1);
  *next.mutable_began() = ToTimestamp(began_);
  *next.mutable_announced() = ToTimestamp(lease_time_ + (BootNow() - leased_at_));
  next.set_operations(operations());
  next.set_emulated(emulated());
  next.set_state(state);
  {
    absl::MutexLock lock(&mutex_);
    AddCountersAndTables(next);
    *next.mutable_skipped_parts() = {skipped_parts_.begin(), skipped_parts_.end()};
  }
  if (command_line.empty()) {
    LK_ASSIGN_OR_RETURN(command_line, ReadFile("/proc/cmdline"));
  }
  command_line.erase(std::min(command_line.size(), command_line.find('\n')));
  LK_ASSIGN_OR_RETURN(std::string carried, EncodeCarried(next));
  LK_ASSIGN_OR_RETURN(const std::string initramfs, PackInitramfs("/", {{kCarriedPath + 1, std::move(carried)}}));
  LK_RETURN_IF_ERROR(LoadKexec(kernel, initramfs, command_line));

  LK_RETURN_IF_ERROR(SendSamples());
  v1::AgentMessage message;
  message.mutable_announce_reboot()->set_reason(reason);
  message.mutable_announce_reboot()->mutable_within()->set_seconds(absl::ToInt64Seconds(within));
  LK_RETURN_IF_ERROR(Send(message));
  // The supervisor reboots once lkd has stored the announcement. If lkd does not store it in time or the reboot fails,
  // the supervisor reports an error.
  for (const absl::Time end = BootNow() + within + kAnnounceMargin; BootNow() < end && !cancelled_;) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  return absl::DeadlineExceededError("the guest did not reboot");
}

void Context::SkipPart(const std::string& part_and_reason) {
  absl::MutexLock lock(&mutex_);
  if (std::find(skipped_parts_.begin(), skipped_parts_.end(), part_and_reason) == skipped_parts_.end()) {
    skipped_parts_.push_back(part_and_reason);
  }
}

std::vector<std::string> Context::skipped_parts() const {
  absl::MutexLock lock(&mutex_);
  return skipped_parts_;
}

void Context::SetEmulated() {
  emulated_ = true;
  SetCounter("emulated", 1);
}

void Context::ReportFinding(const std::string& kind, const std::string& title, const std::string& detail) {
  v1::AgentMessage message;
  message.mutable_finding()->set_kind(kind);
  message.mutable_finding()->set_title(title);
  message.mutable_finding()->set_detail(detail);
  // An error means that the supervisor is gone, and then the kernel kills the worker (PR_SET_PDEATHSIG).
  (void)Send(message);
}

StatusOr<HostActionDone> Context::AttachDimm(uint64_t bytes, absl::Duration timeout) {
  v1::HostActionRequest request;
  request.mutable_attach_dimm()->set_size_bytes(bytes);
  return HostAction(std::move(request), timeout);
}

StatusOr<HostActionDone> Context::DetachDimm(const std::string& alias, absl::Duration timeout) {
  v1::HostActionRequest request;
  request.mutable_detach_dimm()->set_alias(alias);
  return HostAction(std::move(request), timeout);
}

StatusOr<HostActionDone> Context::ResizeVirtioMem(uint64_t bytes, absl::Duration timeout) {
  v1::HostActionRequest request;
  request.mutable_resize_virtio_mem()->set_requested_bytes(bytes);
  return HostAction(std::move(request), timeout);
}

StatusOr<HostActionDone> Context::ReplugDisk(unsigned disk, absl::Duration timeout) {
  v1::HostActionRequest request;
  request.mutable_replug_disk()->set_disk(disk);
  return HostAction(std::move(request), timeout);
}

StatusOr<HostActionDone> Context::HostAction(v1::HostActionRequest request, absl::Duration timeout) {
  v1::AgentMessage message;
  absl::MutexLock lock(&mutex_);
  const uint64_t id = next_action_++;
  request.set_id(id);
  *message.mutable_host_action() = std::move(request);
  LK_RETURN_IF_ERROR(Send(message));

  const auto replied = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return replies_.contains(id) || cancelled_; };
  const absl::Time give_up = BootNow() + timeout;
  // Wait in steps, because Cancel is called without the mutex.
  while (!replied() && BootNow() < give_up) mutex_.AwaitWithTimeout(absl::Condition(&replied), absl::Milliseconds(100));
  const auto it = replies_.find(id);
  if (it == replies_.end()) {
    if (cancelled_) return absl::CancelledError("the run was cancelled");
    return absl::DeadlineExceededError(
        fmt::format("no reply to a host action within {}", absl::FormatDuration(timeout)));
  }
  HostReply reply = std::move(it->second);
  replies_.erase(it);
  if (reply.refused_by_guest) return absl::FailedPreconditionError(reply.error);
  if (reply.guest_silent) return absl::UnavailableError(reply.error);
  if (!reply.error.empty()) return absl::AbortedError(reply.error);
  return std::move(reply.done);
}

void Context::OnHostActionReply(const v1::HostActionReply& reply) {
  absl::MutexLock lock(&mutex_);
  replies_[reply.id()] = {
      reply.error(), {reply.alias(), ToDuration(reply.took())}, reply.refused_by_guest(), reply.guest_silent()};
}

Status Context::SendSamples() {
  v1::AgentMessage message;
  v1::Samples& samples = *message.mutable_samples();
  {
    absl::MutexLock lock(&mutex_);
    std::map<std::string, Histogram> merged;
    for (Named& named : recorders_) merged[named.probe].Merge(named.recorder.Take());
    for (const auto& [probe, histogram] : merged) {
      if (histogram.count() > 0) *samples.add_histograms() = ToProto(histogram, probe);
    }
    AddCountersAndTables(samples);
  }
  if (samples.histograms().empty() && samples.counters().empty() && samples.tables().empty()) return absl::OkStatus();
  return Send(message);
}

Status Context::Send(const v1::AgentMessage& message) {
  return SendMessage(fd_, message);
}

}  // namespace lk::agent
