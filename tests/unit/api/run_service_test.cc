// SPDX-License-Identifier: Apache-2.0
// Artifacts over a real connection. The driver is not started; it only provides the paths of files.
#include "server/api/run_service.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "lk/v1/scenario.pb.h"
#include "server/api/agent_service.h"
#include "server/api/convert.h"
#include "server/kernels/library.h"
#include "server/store/store.h"
#include "support/worker_pool.h"

namespace lk::api {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string RunsDirectory() {
  std::string name = testing::TempDir() + "lk-runs-XXXXXX";
  return mkdtemp(name.data());
}

class RunServiceTest : public testing::Test {
 protected:
  RunServiceTest() {
    campaign::Run run;
    run.id = "c0-1";
    run.campaign_id = "c0";
    EXPECT_TRUE(store_->Apply({.campaigns = {}, .runs = {run}, .events = {}, .time = {}}).ok());
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::RunService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  }
  ~RunServiceTest() override {
    server_->Shutdown();
    std::filesystem::remove_all(directory_);
  }

  void Write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((directory_ / path).parent_path());
    std::ofstream(directory_ / path, std::ios::binary) << text;
  }
  struct Got {
    grpc::Status status;
    std::string bytes;
    size_t largest = 0;
  };
  Got Get(const std::string& run_id, const std::string& name) const {
    v1::GetArtifactRequest request;
    request.set_run_id(run_id);
    request.set_name(name);
    grpc::ClientContext context;
    const auto reader = stub_->GetArtifact(&context, request);
    Got got;
    for (v1::ArtifactChunk chunk; reader->Read(&chunk); got.bytes += chunk.data()) {
      got.largest = std::max(got.largest, chunk.data().size());
    }
    got.status = reader->Finish();
    return got;
  }

  scheduler::DriverOptions Options() const {
    scheduler::DriverOptions options;
    options.state_directory = directory_;
    options.owner = "test";
    return options;
  }

  const std::filesystem::path directory_ = RunsDirectory();
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::Open("sqlite::memory:").value();
  WorkerPool pool_{2};
  scheduler::Hosts hosts_{*store_, clock_, {}};
  kernels::Library library_{directory_ / "kernels"};
  vm::ImageBuilder images_{library_, directory_, directory_ / "images"};
  AgentService agents_{clock_, {}};
  symbols::Cache symbols_{[this](const std::string& id) { return library_.DebugFiles(id); }};
  scheduler::Driver driver_{
      Options(), {*store_, hosts_, images_, agents_, symbols_, pool_, pool_, clock_}, MakeAnnouncer()};
  RunService service_{driver_, *store_, pool_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::RunService::Stub> stub_;
};

TEST_F(RunServiceTest, ListsExistingArtifacts) {
  v1::ListArtifactsRequest request;
  request.set_run_id("c0-1");
  v1::ListArtifactsResponse response;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->ListArtifacts(&context, request, &response).ok());
    EXPECT_EQ(response.artifacts_size(), 0) << "the run has not started";
  }
  Write("runs/c0-1/console.log", "Linux version");
  Write("runs/c0-1/vmcore.part", "half");
  Write("runs/c0-1/run.initrd", "not kept");
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->ListArtifacts(&context, request, &response).ok());
    ASSERT_EQ(response.artifacts_size(), 1);
    EXPECT_EQ(response.artifacts(0).name(), "console.log");
    EXPECT_EQ(response.artifacts(0).size(), 13);
  }
  grpc::ClientContext context;
  request.set_run_id("c0-2");
  EXPECT_EQ(stub_->ListArtifacts(&context, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(RunServiceTest, StreamsEveryByteInBoundedChunks) {
  std::string dump;
  for (int i = 0; dump.size() < (3 << 20) + 17; ++i) dump += std::to_string(i) + std::string(1, '\0');
  Write("runs/c0-1/vmcore", dump);
  Write("runs/c0-1/console.log", "");
  const Got got = Get("c0-1", "vmcore");
  EXPECT_TRUE(got.status.ok()) << got.status.error_message();
  EXPECT_TRUE(got.bytes == dump);
  EXPECT_LE(got.largest, 64u << 10);
  const Got empty = Get("c0-1", "console.log");
  EXPECT_TRUE(empty.status.ok());
  EXPECT_EQ(empty.bytes, "");
}

TEST_F(RunServiceTest, ArtifactNamesAreNeverPaths) {
  Write("runs/c0-1/console.log", "text");
  Write("runs/c0-1/run.initrd", "holds the run's token");
  Write("lk.sqlite", "holds everything");
  for (const char* name : {"run.initrd", "../../lk.sqlite", "/etc/passwd", "./console.log", "", "vmcore"}) {
    const Got got = Get("c0-1", name);
    EXPECT_EQ(got.status.error_code(), grpc::StatusCode::NOT_FOUND) << name;
    EXPECT_THAT(got.status.error_message(), HasSubstr("available: console.log")) << name;
    EXPECT_EQ(got.bytes, "");
  }
  for (const char* run : {"c0-2", "../runs/c0-1", ""}) {
    const Got got = Get(run, "console.log");
    EXPECT_EQ(got.status.error_code(), grpc::StatusCode::NOT_FOUND) << run;
    EXPECT_THAT(got.status.error_message(), AllOf(HasSubstr("no run"), Not(HasSubstr("console.log"))));
  }
}

}  // namespace
}  // namespace lk::api
