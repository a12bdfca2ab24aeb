// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/push.h"

#include <fmt/format.h>
#include <httplib.h>
#include <prometheus/text_serializer.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "server/metrics/family.h"
#include "server/metrics/run_families.h"
#include "support/version.h"

namespace lk::metrics {
namespace {

constexpr absl::Duration kGiveUpAfter = absl::Hours(24);
constexpr absl::Duration kLongestPause = absl::Minutes(5);
constexpr int kCampaignsAtOnce = 20;

struct Url {
  std::string server;  // with scheme
  std::string path;    // "" or "/..."
};

StatusOr<Url> ParseUrl(const std::string& text) {
  const size_t host = text.starts_with("http://") ? 7 : text.starts_with("https://") ? 8 : text.npos;
  if (host == text.npos || host == text.size() || text[host] == '/') {
    return absl::InvalidArgumentError(
        fmt::format("invalid URL \"{}\" (expected http://host:port or https://host:port)", text));
  }
  Url url;
  const size_t path = std::min(text.find('/', host), text.size());
  url.server = text.substr(0, path);
  url.path = text.substr(path);
  while (url.path.ends_with('/')) url.path.pop_back();
  return url;
}

}  // namespace

Pusher::Pusher(store::Store& store, const Clock& clock, PushOptions options)
    : store_(store), clock_(clock), options_(std::move(options)) {
  thread_ = std::thread([this] { Loop(); });
}

Pusher::~Pusher() {
  {
    const MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void Pusher::Loop() {
  absl::Duration pause = options_.interval;
  for (bool last = false; !last;) {
    {
      const MutexLock lock(&mutex_);
      last = mutex_.AwaitWithTimeout(absl::Condition(&stopping_), pause);
    }
    const Status status = PushAll();
    if (!status.ok()) spdlog::warn("push: {}", std::string(status.message()));
    pause = status.ok() ? options_.interval : std::min(2 * pause, kLongestPause);
  }
}

Status Pusher::PushAll() {
  LK_ASSIGN_OR_RETURN(const std::vector<campaign::Campaign> campaigns,
                      store_.UnpushedCampaigns(clock_.Now() - kGiveUpAfter, kCampaignsAtOnce));
  Status first;
  for (const campaign::Campaign& campaign : campaigns) {
    Status status = Push(campaign);
    // The Pushgateway does not respond; the next push would wait in vain as well.
    if (absl::IsUnavailable(status)) return status;
    if (status.ok()) LK_RETURN_IF_ERROR(store_.MarkPushed(campaign.id));
    first.Update(status);
  }
  return first;
}

Status Pusher::Push(const campaign::Campaign& campaign) {
  LK_ASSIGN_OR_RETURN(const Url url, ParseUrl(options_.url));
  LK_ASSIGN_OR_RETURN(const store::RunStatistics statistics, CampaignStatistics(store_, campaign.id));
  std::vector<prometheus::MetricFamily> families = RunFamilies(statistics);
  Family build(kBuildInfo);
  build.Add({kVersion, kCommit}, 1);
  families.push_back(build.Make());
  std::erase_if(families, [](const auto& family) { return family.metric.empty(); });

  httplib::Client client(url.server);
  const auto timeout = absl::ToChronoMilliseconds(options_.timeout);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_write_timeout(timeout);
  // https://github.com/prometheus/pushgateway#put-method
  const std::string path =
      fmt::format("{}/metrics/job/lk/instance/{}/campaign/{}", url.path, options_.instance, campaign.id);
  const httplib::Result result =
      client.Put(path, prometheus::TextSerializer().Serialize(families), "text/plain; version=0.0.4; charset=utf-8");
  if (!result) {
    return absl::UnavailableError(
        fmt::format("campaign {}: {}: {}", campaign.id, options_.url, httplib::to_string(result.error())));
  }
  if (result->status < 200 || result->status >= 300) {
    return absl::FailedPreconditionError(fmt::format("campaign {}: {}: HTTP status {}: {}", campaign.id, options_.url,
                                                     result->status, LabelValue(result->body)));
  }
  return absl::OkStatus();
}

}  // namespace lk::metrics
