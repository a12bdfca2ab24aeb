// SPDX-License-Identifier: Apache-2.0
// Reads a server stream to its end, reopening it if lkd restarts, unless interrupted by the user.
#pragma once

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "cli/client.h"
#include "cli/context.h"
#include "cli/interrupt.h"
#include "support/status.h"

namespace lk::cli {

// Polling interval for interrupts.
inline constexpr absl::Duration kTick = absl::Milliseconds(200);

// Whether to reopen the stream: true if the connection or the server went away.
bool WorthRetrying(const Status& status);

// Reads a stream on a separate thread, so that the caller can wait with a timeout.
template <typename Message>
class StreamPump {
 public:
  StreamPump(grpc::ClientContext& context, std::unique_ptr<grpc::ClientReader<Message>> reader)
      : context_(context), reader_(std::move(reader)), thread_([this] { Run(); }) {}
  ~StreamPump() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    context_.TryCancel();
    thread_.join();
  }
  StreamPump(const StreamPump&) = delete;
  StreamPump& operator=(const StreamPump&) = delete;

  // Waits up to `limit` for a message. Returns nullopt on timeout, or if the stream has ended (see ended()).
  std::optional<Message> Next(absl::Duration limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, absl::ToChronoMilliseconds(limit), [this] { return !queue_.empty() || status_; });
    if (queue_.empty()) return std::nullopt;
    Message message = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify_all();
    return message;
  }
  // The final status of the stream; nullopt until all messages have been taken.
  std::optional<grpc::Status> ended() {
    const std::lock_guard lock(mutex_);
    return queue_.empty() ? status_ : std::nullopt;
  }

 private:
  static constexpr size_t kQueued = 64;

  void Run() {
    Message message;
    while (reader_->Read(&message)) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return queue_.size() < kQueued || stopped_; });
      if (stopped_) break;
      queue_.push_back(std::move(message));
      changed_.notify_all();
      message.Clear();
    }
    const grpc::Status status = reader_->Finish();
    const std::lock_guard lock(mutex_);
    status_ = status;
    changed_.notify_all();
  }

  grpc::ClientContext& context_;
  std::unique_ptr<grpc::ClientReader<Message>> reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Message> queue_;
  std::optional<grpc::Status> status_;
  bool stopped_ = false;
  std::thread thread_;
};

template <typename Message>
struct Following {
  // Opens a stream that starts after the last message seen.
  std::function<std::unique_ptr<grpc::ClientReader<Message>>(grpc::ClientContext*)> open;
  std::function<void(const Message&)> on_message;
  // Called when the stream has ended with OK. If it returns false, the stream ended early and is reopened.
  std::function<bool()> complete;
  // Called a few times a second, to refresh displayed times.
  std::function<void()> on_tick = [] {};
  // Called once per outage, when the stream is lost and will be reopened.
  std::function<void(const Status&)> on_lost = [](const Status&) {};
};

// Errors: CANCELLED (interrupted by the user); errors from the server; the last error if the stream could not be
// reopened within policy.give_up.
template <typename Message>
Status Follow(const Client& client, const RetryPolicy& policy, const Following<Message>& following) {
  // Each attempt has a deadline, like any other call; a stream that outlives it is reopened.
  constexpr absl::Duration kStreamDeadline = absl::Hours(1);
  const Interrupt interrupt;
  const auto interrupted = [] { return absl::CancelledError("interrupted"); };

  absl::Duration delay = policy.first_delay;
  absl::Time last_contact = absl::Now();
  for (;;) {
    Status status;
    {
      grpc::ClientContext context;
      client.Prepare(context, kStreamDeadline);
      StreamPump<Message> pump(context, following.open(&context));
      for (std::optional<grpc::Status> end; !end; end = pump.ended()) {
        if (interrupt.raised()) return interrupted();
        if (const auto message = pump.Next(kTick)) {
          following.on_message(*message);
          last_contact = absl::Now();
          delay = policy.first_delay;
        } else if (!pump.ended() && client.channel()->GetState(false) == GRPC_CHANNEL_READY) {
          // The stream is idle but connected.
          last_contact = absl::Now();
          delay = policy.first_delay;
        }
        following.on_tick();
      }
      status = client.ToStatus(*pump.ended());
    }
    if (status.ok() && following.complete()) return status;
    if (status.ok()) status = absl::UnavailableError("lkd ended the stream early");
    if (!WorthRetrying(status) || absl::Now() - last_contact > policy.give_up) return status;

    if (delay == policy.first_delay) following.on_lost(status);
    for (const absl::Time until = absl::Now() + delay; absl::Now() < until;) {
      if (interrupt.raised()) return interrupted();
      absl::SleepFor(std::min(kTick, until - absl::Now()));
      following.on_tick();
    }
    delay = std::min(2 * delay, policy.longest_delay);
  }
}

}  // namespace lk::cli
