// SPDX-License-Identifier: Apache-2.0
// PulledStream over a real connection, using one of lk's services that has a streaming method.
#include <absl/synchronization/notification.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "lk/v1/campaign.grpc.pb.h"
#include "server/api/call.h"
#include "support/mutex.h"
#include "support/worker_pool.h"

namespace lk::api {
namespace {

using Stream = PulledStream<v1::CampaignEvent>;

// Streams consecutive numbers up to a limit that the test raises.
class Numbers final : public v1::CampaignService::CallbackService {
 public:
  explicit Numbers(Executor& pool) : pool_(pool) {}

  grpc::ServerWriteReactor<v1::CampaignEvent>* WatchCampaign(grpc::CallbackServerContext*,
                                                             const v1::WatchCampaignRequest*) override {
    auto stream = Stream::Make(pool_);
    {
      const MutexLock lock(&mutex_);
      stream_ = stream;
    }
    stream->Begin([this, next = 1U]() mutable -> StatusOr<Stream::Batch> { return Next(next); }, nullptr);
    return stream.get();
  }

  void Raise(uint32_t limit, bool last) {
    std::shared_ptr<Stream> stream;
    {
      const MutexLock lock(&mutex_);
      limit_ = limit;
      last_ = last;
      stream = stream_.lock();
    }
    if (stream) stream->Wake();
  }

 private:
  StatusOr<Stream::Batch> Next(uint32_t& next) {
    const MutexLock lock(&mutex_);
    Stream::Batch batch;
    for (int i = 0; i < 7 && next <= limit_; ++i) batch.messages.emplace_back().set_sequence(next++);
    batch.last = last_ && next > limit_;
    return batch;
  }

  Executor& pool_;
  Mutex mutex_;
  std::weak_ptr<Stream> stream_;
  uint32_t limit_ = 5;
  bool last_ = false;
};

class PulledStreamTest : public testing::Test {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::CampaignService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(2));
  }

  WorkerPool pool_{3};
  Numbers service_{pool_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::CampaignService::Stub> stub_;
  grpc::ClientContext context_;
};

TEST_F(PulledStreamTest, DeliversAllMessagesInOrder) {
  const auto reader = stub_->WatchCampaign(&context_, {});
  v1::CampaignEvent event;
  uint32_t seen = 0;
  while (reader->Read(&event)) {
    EXPECT_EQ(event.sequence(), ++seen);
    if (seen == 5) service_.Raise(2000, true);
  }
  EXPECT_EQ(seen, 2000U);
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(PulledStreamTest, AWaitingCallCanBeCancelled) {
  const auto reader = stub_->WatchCampaign(&context_, {});
  v1::CampaignEvent event;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(reader->Read(&event));
  context_.TryCancel();
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // Shutdown returns only once the server side of the stream is done as well.
  server_->Shutdown();
}

}  // namespace
}  // namespace lk::api
