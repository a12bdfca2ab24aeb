// SPDX-License-Identifier: Apache-2.0
// Helpers for gRPC's callback API. Handlers run on the worker pool, since they may wait for the store or libvirt;
// reactor callbacks never block.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "support/executor.h"
#include "support/mutex.h"
#include "support/status.h"

namespace lk::api {

// Abseil and gRPC use the same numeric status codes.
inline grpc::Status ToGrpc(const Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// Finishes a unary call with the result of `handle`, which runs on `pool`.
inline grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, Executor& pool,
                                        std::function<grpc::Status()> handle) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  pool.Post([reactor, handle = std::move(handle)] { reactor->Finish(handle()); });
  return reactor;
}

// A server stream that asks its source for the next batch only after writing the previous one, so it never queues more
// than one batch.
template <typename Message>
class PulledStream : public grpc::ServerWriteReactor<Message> {
 public:
  struct Batch {
    std::vector<Message> messages;  // if empty, the stream waits for the next Wake()
    bool last = false;              // no batch follows this one
  };
  // Called on the pool, never concurrently.
  using Source = std::function<StatusOr<Batch>()>;

  explicit PulledStream(Executor& pool) : pool_(pool) {}

  // `keep` is released when the stream ends. It is typically a subscription that calls Wake.
  void Begin(Source next, std::shared_ptr<void> keep) {
    {
      const MutexLock lock(&mutex_);
      next_ = std::move(next);
      keep_ = std::move(keep);
    }
    Wake();
  }

  // Call when there may be more messages, on any thread.
  void Wake() {
    {
      const MutexLock lock(&mutex_);
      woken_ = true;
      if (!next_ || busy_ || finished_) return;
      busy_ = true;
    }
    Pull();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(grpc::Status::CANCELLED);
    if (!WriteNext()) Pull();
  }
  void OnCancel() override {
    const MutexLock lock(&mutex_);
    cancelled_ = true;
    woken_ = true;
    if (busy_ || finished_ || !next_) return;
    busy_ = true;
    pool_.Post([this] { End(grpc::Status::CANCELLED); });
  }
  void OnDone() override {
    // Released after unlocking, since this may destroy the stream and its mutex. A concurrent caller of Wake may still
    // hold a reference.
    std::shared_ptr<PulledStream> self;
    {
      const MutexLock lock(&mutex_);
      self = std::move(self_);
    }
  }

  // A stream owns itself until gRPC is done with it.
  static std::shared_ptr<PulledStream> Make(Executor& pool) {
    auto stream = std::make_shared<PulledStream>(pool);
    stream->self_ = stream;
    return stream;
  }

 private:
  void Pull() {
    pool_.Post([this] {
      while (true) {
        bool cancelled = false;
        {
          const MutexLock lock(&mutex_);
          cancelled = cancelled_;
        }
        if (cancelled) return End(grpc::Status::CANCELLED);
        if (last_) return End(grpc::Status::OK);
        {
          const MutexLock lock(&mutex_);
          if (!woken_) {
            busy_ = false;
            return;
          }
          woken_ = false;
        }
        StatusOr<Batch> batch = next_();
        if (!batch.ok()) return End(ToGrpc(batch.status()));
        last_ = batch->last;
        if (batch->messages.empty()) continue;
        {
          // There may be more messages after this batch.
          const MutexLock lock(&mutex_);
          woken_ = true;
        }
        messages_ = std::move(batch->messages);
        index_ = 0;
        WriteNext();
        return;
      }
    });
  }

  bool WriteNext() {
    if (index_ >= messages_.size()) return false;
    this->StartWrite(&messages_[index_++]);
    return true;
  }

  void End(const grpc::Status& status) {
    {
      const MutexLock lock(&mutex_);
      if (finished_) return;
      finished_ = true;
      keep_.reset();
    }
    this->Finish(status);
  }

  Executor& pool_;
  Mutex mutex_;
  Source next_;
  std::shared_ptr<void> keep_;
  std::shared_ptr<PulledStream> self_;
  bool woken_ = false;      // Wake was called since the last pull
  bool busy_ = false;       // a task or a write is in progress
  bool finished_ = false;   // the status has been sent
  bool cancelled_ = false;  // the client cancelled
  // Used only while busy_ is set, by one task or callback at a time.
  bool last_ = false;
  std::vector<Message> messages_;
  size_t index_ = 0;
};

}  // namespace lk::api
