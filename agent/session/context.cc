// SPDX-License-Identifier: Apache-2.0
#include "agent/session/context.h"

#include <absl/time/clock.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "agent/init/config.h"
#include "agent/kexec/initramfs.h"
#include "agent/session/carried.h"
#include "agent/session/channel.h"

namespace lk::agent {
namespace {

// Beyond what the boot may take, for the supervisor to get the announcement through.
constexpr absl::Duration kRebootPatience = absl::Minutes(1);

absl::Duration ToDuration(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

absl::Time ToTime(const google::protobuf::Timestamp& proto) {
  return absl::UnixEpoch() + absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}
void Set(google::protobuf::Timestamp& proto, absl::Time time) {
  const timespec parts = absl::ToTimespec(time);
  proto.set_seconds(parts.tv_sec);
  proto.set_nanos(static_cast<int32_t>(parts.tv_nsec));
}

// Of the run, by the controller's clock: a guest's own does not outlive its boot.
absl::Duration Used(const v1::Lease& lease, const v1::Carried& carried) {
  if (carried.boots() == 0) return absl::ZeroDuration();
  return std::max(absl::ZeroDuration(), ToTime(lease.now()) - ToTime(carried.began()));
}

}  // namespace

Histogram Recorder::Take() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(histogram_, Histogram());
}

Context::Context(v1::Lease lease, int fd, SharedState& shared, v1::Carried carried)
    : lease_(std::move(lease)),
      carried_(std::move(carried)),
      leased_at_(BootNow()),
      fd_(fd),
      shared_(shared),
      end_(leased_at_ + ToDuration(lease_.duration()) - Used(lease_, carried_)),
      emulated_(carried_.emulated()),
      skipped_parts_(carried_.skipped_parts().begin(), carried_.skipped_parts().end()) {
  for (const v1::Counter& counter : carried_.counters()) counters_[counter.name()] = counter;
  for (const v1::Table& table : carried_.tables()) tables_[table.name()] = table;
  shared_.progress.fetch_add(carried_.operations(), std::memory_order_relaxed);
}

const std::string& Context::Text(const std::string& name) const {
  const auto it = lease_.parameters().find(name);
  if (it == lease_.parameters().end()) {
    fmt::print(stderr, "lk-agent: the lease of {} has no parameter {}\n", lease_.scenario(), name);
    std::abort();
  }
  return it->second;
}

uint64_t Context::Integer(const std::string& name) const {
  const std::string& text = Text(name);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fmt::print(stderr, "lk-agent: parameter {} is not a whole number: {}\n", name, text);
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
  v1::Counter& entry = counters_[counter];
  entry.set_value(entry.value() + delta);
  entry.set_unit(unit);
}

void Context::SetCounter(const std::string& counter, double value, const std::string& unit) {
  absl::MutexLock lock(&mutex_);
  v1::Counter& entry = counters_[counter];
  entry.set_value(value);
  entry.set_unit(unit);
}

void Context::RaiseCounter(const std::string& counter, double at_least, const std::string& unit) {
  absl::MutexLock lock(&mutex_);
  v1::Counter& entry = counters_[counter];
  entry.set_value(std::max(entry.value(), at_least));
  entry.set_unit(unit);
}

void Context::AddRow(const std::string& table, const std::vector<std::string>& columns,
                     const std::vector<std::string>& cells) {
  absl::MutexLock lock(&mutex_);
  v1::Table& entry = tables_[table];
  entry.set_name(table);
  if (entry.columns().empty()) *entry.mutable_columns() = {columns.begin(), columns.end()};
  *entry.add_rows()->mutable_cells() = {cells.begin(), cells.end()};
}

v1::Table Context::TableNamed(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  const auto it = tables_.find(name);
  return it == tables_.end() ? v1::Table() : it->second;
}

absl::Duration Context::reboot_took() const {
  return boots() == 0 ? absl::ZeroDuration() : ToTime(lease_.now()) - ToTime(carried_.announced());
}

absl::Duration Context::elapsed() const {
  return Used(lease_, carried_) + (BootNow() - leased_at_);
}

Status Context::Reboot(const std::string& reason, const std::string& state, absl::Duration within,
                       const std::string& kernel) {
  v1::Carried next;
  next.set_boots(boots() + 1);
  *next.mutable_began() = boots() == 0 ? lease_.now() : carried_.began();
  Set(*next.mutable_announced(), ToTime(lease_.now()) + (BootNow() - leased_at_));
  next.set_operations(operations());
  next.set_emulated(emulated());
  next.set_state(state);
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, counter] : counters_) {
      v1::Counter& copy = *next.add_counters();
      copy = counter;
      copy.set_name(name);
    }
    for (const auto& [name, table] : tables_) *next.add_tables() = table;
    *next.mutable_skipped_parts() = {skipped_parts_.begin(), skipped_parts_.end()};
  }
  LK_ASSIGN_OR_RETURN(std::string command_line, ReadFile("/proc/cmdline"));
  command_line.erase(std::min(command_line.size(), command_line.find('\n')));
  LK_ASSIGN_OR_RETURN(std::string carried, EncodeCarried(next));
  LK_ASSIGN_OR_RETURN(const std::string initramfs, PackInitramfs("/", {{kCarriedPath + 1, std::move(carried)}}));
  LK_RETURN_IF_ERROR(LoadKexec(kernel, initramfs, command_line));

  LK_RETURN_IF_ERROR(SendSamples());
  v1::AgentMessage message;
  message.mutable_announce_reboot()->set_reason(reason);
  message.mutable_announce_reboot()->mutable_within()->set_seconds(absl::ToInt64Seconds(within));
  LK_RETURN_IF_ERROR(Send(message));
  // The supervisor boots as soon as lkd has stored that, and ends this process where it cannot.
  for (const absl::Time end = BootNow() + within + kRebootPatience; BootNow() < end && !cancelled_;) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  return absl::DeadlineExceededError("the guest did not boot anew");
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
  // Without a supervisor there is nobody to tell; the worker ends when it notices.
  (void)Send(message);
}

StatusOr<v1::HostActionReply> Context::HostAction(v1::HostActionRequest request, absl::Duration timeout) {
  v1::AgentMessage message;
  absl::MutexLock lock(&mutex_);
  const uint64_t id = next_action_++;
  request.set_id(id);
  *message.mutable_host_action() = std::move(request);
  LK_RETURN_IF_ERROR(Send(message));

  const auto answered = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return replies_.contains(id) || cancelled_; };
  const absl::Time give_up = BootNow() + timeout;
  // In steps: Cancel may come without the mutex.
  while (!answered() && BootNow() < give_up)
    mutex_.AwaitWithTimeout(absl::Condition(&answered), absl::Milliseconds(100));
  const auto it = replies_.find(id);
  if (it == replies_.end()) {
    if (cancelled_) return absl::CancelledError("the run was cancelled");
    return absl::DeadlineExceededError(
        fmt::format("no answer to a host action within {}", absl::FormatDuration(timeout)));
  }
  v1::HostActionReply reply = std::move(it->second);
  replies_.erase(it);
  if (!reply.error().empty()) return absl::AbortedError(reply.error());
  return reply;
}

void Context::OnHostActionReply(v1::HostActionReply reply) {
  absl::MutexLock lock(&mutex_);
  const uint64_t id = reply.id();
  replies_[id] = std::move(reply);
}

Status Context::SendSamples() {
  v1::AgentMessage message;
  v1::Samples& samples = *message.mutable_samples();
  {
    absl::MutexLock lock(&mutex_);
    std::map<std::string, Histogram> merged;
    for (Named& named : recorders_) merged[named.probe].Merge(named.recorder.Take());
    for (const auto& [probe, histogram] : merged) {
      if (histogram.count() > 0) *samples.add_histograms() = histogram.ToProto(probe);
    }
    for (const auto& [name, counter] : counters_) {
      v1::Counter& copy = *samples.add_counters();
      copy = counter;
      copy.set_name(name);
    }
    for (const auto& [name, table] : tables_) *samples.add_tables() = table;
  }
  if (samples.histograms().empty() && samples.counters().empty() && samples.tables().empty()) return absl::OkStatus();
  return Send(message);
}

Status Context::Send(const v1::AgentMessage& message) {
  return SendMessage(fd_, message);
}

}  // namespace lk::agent
