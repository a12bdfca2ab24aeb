// SPDX-License-Identifier: Apache-2.0
// A fake lkd on a Unix socket. Tests set its responses and inspect the requests it received.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "lk/v1/campaign.grpc.pb.h"
#include "lk/v1/host.grpc.pb.h"
#include "lk/v1/kernel.grpc.pb.h"
#include "lk/v1/report.grpc.pb.h"
#include "lk/v1/run.grpc.pb.h"
#include "lk/v1/system.grpc.pb.h"

namespace lk::cli {

class FakeCampaigns final : public v1::CampaignService::Service {
 public:
  v1::Campaign campaign;
  v1::SpecErrors mistakes;
  std::vector<v1::CampaignEvent> events;
  std::vector<v1::Campaign> listed;
  // Called for each WatchCampaign once its events have been sent; returns the status of the stream. `attempt` starts at
  // 1.
  std::function<grpc::Status(size_t attempt, grpc::ServerContext&)> after_events = [](size_t, grpc::ServerContext&) {
    return grpc::Status::OK;
  };
  // Maximum number of events sent on a stream before after_events is called.
  size_t events_per_stream = SIZE_MAX;

  std::vector<std::string> notes;
  v1::StartCampaignRequest started;
  v1::RerunCampaignRequest rerun;
  std::vector<v1::ListCampaignsRequest> list_requests;
  std::string authorization;

  // The after_sequence of each WatchCampaign request received so far.
  std::vector<uint32_t> attached() {
    const std::lock_guard lock(mutex_);
    return attached_;
  }
  void WaitForAttached(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::minutes(1), [&] { return attached_.size() >= count; }));
  }

  grpc::Status StartCampaign(grpc::ServerContext* context, const v1::StartCampaignRequest* request,
                             v1::StartCampaignResponse* response) override {
    started = *request;
    const auto found = context->client_metadata().find("authorization");
    if (found != context->client_metadata().end()) authorization.assign(found->second.data(), found->second.size());
    if (mistakes.errors_size() > 0) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "the campaign file has 2 errors", mistakes.SerializeAsString()};
    }
    *response->mutable_campaign() = campaign;
    response->mutable_campaign()->clear_runs();
    response->mutable_notes()->Assign(notes.begin(), notes.end());
    if (!request->validate_only()) response->mutable_campaign()->set_state("queued");
    return grpc::Status::OK;
  }

  grpc::Status RerunCampaign(grpc::ServerContext* context, const v1::RerunCampaignRequest* request,
                             v1::StartCampaignResponse* response) override {
    rerun = *request;
    const v1::StartCampaignRequest start;
    return StartCampaign(context, &start, response);
  }

  // Returns two campaigns per page.
  grpc::Status ListCampaigns(grpc::ServerContext*, const v1::ListCampaignsRequest* request,
                             v1::ListCampaignsResponse* response) override {
    list_requests.push_back(*request);
    const size_t from = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    for (size_t i = from; i < std::min(from + 2, listed.size()); ++i) *response->add_campaigns() = listed[i];
    if (from + 2 < listed.size()) response->set_next_page_token(std::to_string(from + 2));
    return grpc::Status::OK;
  }

  grpc::Status GetCampaign(grpc::ServerContext*, const v1::GetCampaignRequest* request,
                           v1::Campaign* response) override {
    if (!campaign.id().starts_with(request->id())) return {grpc::StatusCode::NOT_FOUND, "no campaign " + request->id()};
    *response = campaign;
    return grpc::Status::OK;
  }

  grpc::Status WatchCampaign(grpc::ServerContext* context, const v1::WatchCampaignRequest* request,
                             grpc::ServerWriter<v1::CampaignEvent>* writer) override {
    size_t attempt = 0;
    {
      const std::lock_guard lock(mutex_);
      attached_.push_back(request->after_sequence());
      attempt = attached_.size();
    }
    size_t sent = 0;
    for (const v1::CampaignEvent& event : events) {
      if (event.sequence() <= request->after_sequence() || sent == events_per_stream) continue;
      writer->Write(event);
      ++sent;
    }
    changed_.notify_all();
    return after_events(attempt, *context);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<uint32_t> attached_;
};

class FakeRuns final : public v1::RunService::Service {
 public:
  v1::Run run;
  std::string console;
  // The first stream breaks at this offset.
  size_t break_at = SIZE_MAX;
  std::vector<uint32_t> offsets;
  // Names and contents. If the contents end in "...", the stream fails after sending them.
  std::vector<std::pair<std::string, std::string>> artifacts;

  grpc::Status ListArtifacts(grpc::ServerContext*, const v1::ListArtifactsRequest* request,
                             v1::ListArtifactsResponse* response) override {
    if (request->run_id() != run.id()) return {grpc::StatusCode::NOT_FOUND, "no run " + request->run_id()};
    for (const auto& [name, bytes] : artifacts) {
      v1::Artifact& artifact = *response->add_artifacts();
      artifact.set_name(name);
      artifact.set_size(static_cast<double>(bytes.size()));
    }
    return grpc::Status::OK;
  }
  grpc::Status GetArtifact(grpc::ServerContext*, const v1::GetArtifactRequest* request,
                           grpc::ServerWriter<v1::ArtifactChunk>* writer) override {
    for (const auto& [name, bytes] : artifacts) {
      if (name != request->name()) continue;
      v1::ArtifactChunk chunk;
      for (size_t at = 0; at < bytes.size(); at += chunk.data().size()) {
        chunk.set_data(bytes.substr(at, 1000));
        writer->Write(chunk);
      }
      return bytes.ends_with("...") ? grpc::Status(grpc::StatusCode::INTERNAL, "disk error") : grpc::Status::OK;
    }
    return {grpc::StatusCode::NOT_FOUND, "no artifact " + request->name()};
  }

  grpc::Status GetRun(grpc::ServerContext*, const v1::GetRunRequest* request, v1::Run* response) override {
    if (request->id() != run.id()) return {grpc::StatusCode::NOT_FOUND, "no run " + request->id()};
    *response = run;
    return grpc::Status::OK;
  }
  grpc::Status GetConsoleLog(grpc::ServerContext*, const v1::GetConsoleLogRequest* request,
                             grpc::ServerWriter<v1::ConsoleChunk>* writer) override {
    offsets.push_back(request->offset());
    const size_t end = std::min(console.size(), std::exchange(break_at, SIZE_MAX));
    v1::ConsoleChunk chunk;
    for (size_t at = request->offset(); at < end; at += chunk.data().size()) {
      chunk.set_offset(static_cast<uint32_t>(at));
      chunk.set_data(console.substr(at, std::min<size_t>(end - at, 7)));
      writer->Write(chunk);
    }
    return end == console.size() ? grpc::Status::OK : grpc::Status(grpc::StatusCode::UNAVAILABLE, "going away");
  }
};

class FakeKernels final : public v1::KernelService::Service {
 public:
  struct Received {
    v1::AddKernelRequest::Header header;
    std::vector<std::pair<v1::AddKernelRequest::FileStart, std::string>> files;
  };
  std::vector<Received> received;
  size_t largest_chunk = 0;
  std::string warning;
  grpc::Status answer;

  grpc::Status AddKernel(grpc::ServerContext*, grpc::ServerReader<v1::AddKernelRequest>* reader,
                         v1::AddKernelResponse* response) override {
    if (!answer.ok()) return answer;
    Received build;
    for (v1::AddKernelRequest part; reader->Read(&part);) {
      if (part.has_header()) build.header = part.header();
      if (part.has_file()) build.files.emplace_back(part.file(), "");
      if (part.has_data()) {
        build.files.back().second += part.data();
        largest_chunk = std::max(largest_chunk, part.data().size());
      }
    }
    received.push_back(std::move(build));
    response->set_created(true);
    response->set_warning(warning);
    response->mutable_kernel()->set_id("k0123456789ab");
    response->mutable_kernel()->set_release("6.12.0");
    response->mutable_kernel()->set_arch("x86_64");
    return grpc::Status::OK;
  }
  grpc::Status ListKernels(grpc::ServerContext*, const v1::ListKernelsRequest*, v1::ListKernelsResponse*) override {
    return grpc::Status::OK;
  }
};

class FakeHosts final : public v1::HostService::Service {
 public:
  v1::AddHostRequest added;
  grpc::Status answer;

  grpc::Status AddHost(grpc::ServerContext*, const v1::AddHostRequest* request, v1::Host* response) override {
    added = *request;
    response->set_id("h01234567");
    response->set_uri(request->uri());
    response->set_state("up");
    response->set_memory_bytes(uint64_t{8} << 30);
    return answer;
  }
};

class FakeReports final : public v1::ReportService::Service {
 public:
  v1::CompareKernelsRequest compared;
  v1::CompareKernelsResponse comparison;
  v1::GetCampaignReportRequest requested;
  std::string report;
  grpc::Status answer;  // the status that both methods return, along with the response

  grpc::Status CompareKernels(grpc::ServerContext*, const v1::CompareKernelsRequest* request,
                              v1::CompareKernelsResponse* response) override {
    compared = *request;
    *response = comparison;
    return answer;
  }
  grpc::Status GetCampaignReport(grpc::ServerContext*, const v1::GetCampaignReportRequest* request,
                                 grpc::ServerWriter<v1::ReportChunk>* writer) override {
    requested = *request;
    v1::ReportChunk chunk;
    for (size_t at = 0; at < report.size(); at += chunk.data().size()) {
      chunk.set_data(report.substr(at, 1000));
      writer->Write(chunk);
    }
    return answer;
  }
};

class FakeSystem final : public v1::SystemService::Service {
 public:
  grpc::Status GetVersion(grpc::ServerContext*, const v1::GetVersionRequest*,
                          v1::GetVersionResponse* response) override {
    response->set_version("9.8.7");
    return grpc::Status::OK;
  }
};

class FakeLkd {
 public:
  FakeLkd() { Start(); }
  ~FakeLkd() { Stop(); }

  std::string address() const { return "unix:" + (directory_.path() / "lkd.sock").string(); }
  void Start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
    for (grpc::Service* service :
         std::initializer_list<grpc::Service*>{&campaigns, &runs, &kernels, &hosts, &reports, &system}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
  }
  // Cancels calls in progress, as if lkd had been killed.
  void Stop() { server_->Shutdown(std::chrono::system_clock::now()); }

  Result Lkctl(std::vector<std::string> args, const Setting& setting = {}) const {
    args.insert(args.begin(), {"--server", address()});
    return cli::Lkctl(args, setting);
  }

  FakeCampaigns campaigns;
  FakeRuns runs;
  FakeKernels kernels;
  FakeHosts hosts;
  FakeReports reports;
  FakeSystem system;

 private:
  TempDir directory_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace lk::cli
