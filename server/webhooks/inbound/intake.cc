// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/inbound/intake.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "server/webhooks/inbound/rules.h"
#include "server/webhooks/stored_error.h"

namespace lk::webhooks {
namespace {

constexpr absl::Duration kFirstPause = absl::Seconds(5);
constexpr absl::Duration kMaxPause = absl::Minutes(10);
constexpr uint32_t kMaxAttempts = 10;
constexpr absl::Duration kForgetEvery = absl::Hours(1);
constexpr size_t kMaxTemplateBytes = 1 << 20;
constexpr size_t kMaxIntakeError = 1000;

StatusOr<std::string> ReadTemplate(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::FailedPreconditionError(fmt::format("cannot read the campaign file {}", path.string()));
  std::string yaml(kMaxTemplateBytes + 1, '\0');
  file.read(yaml.data(), static_cast<std::streamsize>(yaml.size()));
  yaml.resize(static_cast<size_t>(file.gcount()));
  if (yaml.size() > kMaxTemplateBytes) {
    return absl::FailedPreconditionError(fmt::format("the campaign file {} is larger than 1 MiB", path.string()));
  }
  return yaml;
}

// Labels for the kernel that an event announces.
campaign::Labels KernelLabels(const Event& event) {
  campaign::Labels labels;
  for (const auto& [name, value] :
       {std::pair("repository", event.repository), std::pair("ref", event.ref()), std::pair("commit", event.commit)}) {
    if (!value.empty()) labels[name] = value;
  }
  return labels;
}

bool MayPass(const Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

// A directory that is removed with its contents on destruction.
class Directory {
 public:
  explicit Directory(std::filesystem::path path) : path_(std::move(path)) {
    // The directory is left over if lkd was killed.
    std::filesystem::remove_all(path_, failed_);
    std::filesystem::create_directories(path_, failed_);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Status status() const {
    if (!failed_) return absl::OkStatus();
    return absl::UnavailableError(fmt::format("{}: {}", path_.string(), failed_.message()));
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::error_code failed_;
};

}  // namespace

Intake::Intake(const config::Webhooks& config, store::WebhookStore& store, Fetcher fetcher, IntakePort port,
               const Clock& clock, Chance chance, std::filesystem::path spool)
    : config_(config),
      store_(store),
      fetcher_(std::move(fetcher)),
      port_(std::move(port)),
      clock_(clock),
      chance_(std::move(chance)),
      spool_(std::move(spool)) {}

Intake::~Intake() {
  Stop();
}

void Intake::Wake() {
  const MutexLock lock(&mutex_);
  ++woken_;
}

void Intake::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Intake::Stop() {
  stop_ = true;
  {
    const MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Intake::Loop() {
  while (true) {
    uint64_t seen = 0;
    {
      const MutexLock lock(&mutex_);
      if (stopping_) return;
      seen = woken_;
    }
    Forget();
    const absl::Time next = std::min(Step(), forgotten_ + kForgetEvery);
    const MutexLock lock(&mutex_);
    const auto something = [this, &seen] {
      mutex_.AssertHeld();
      return stopping_ || woken_ != seen;
    };
    mutex_.AwaitWithDeadline(absl::Condition(&something), next);
  }
}

void Intake::Forget() {
  const absl::Time now = clock_.Now();
  if (now < forgotten_ + kForgetEvery) return;
  forgotten_ = now;
  const Status done = store_.ForgetWebhooks(now - config_.remember);
  if (!done.ok()) spdlog::warn("webhooks: {}", std::string(done.message()));
}

absl::Time Intake::Step() {
  StatusOr<std::optional<store::InboundWebhook>> next = store_.NextInbound();
  if (!next.ok()) {
    spdlog::warn("webhooks: {}", std::string(next.status().message()));
    return clock_.Now() + kStoreRetry;
  }
  if (!next->has_value()) return absl::InfiniteFuture();
  store::InboundWebhook& webhook = **next;
  if (webhook.next_attempt > clock_.Now()) return webhook.next_attempt;

  const Status done = Work(webhook);
  if (absl::IsCancelled(done)) return clock_.Now();  // lkd tries again after its next start
  ++webhook.attempts;
  webhook.error = StoredError(std::string(done.message()), kMaxIntakeError);
  if (done.ok()) {
    webhook.state = "done";
    spdlog::info("webhooks: {}: campaign {}", webhook.id, webhook.campaign_id);
  } else if (absl::IsResourceExhausted(done) && !webhook.campaign_id.empty()) {
    // Too many campaigns: retry until some of them have finished, however long that takes.
    webhook.next_attempt = clock_.Now() + kMaxPause;
  } else if (MayPass(done) && webhook.attempts < kMaxAttempts) {
    webhook.next_attempt = clock_.Now() + Backoff(kFirstPause, kMaxPause, webhook.attempts, chance_());
  } else {
    webhook.state = "failed";
  }
  if (!done.ok()) {
    spdlog::warn("webhooks: {}: {}, attempt {}: {}", webhook.id, webhook.state == "failed" ? "giving up" : "will retry",
                 webhook.attempts, webhook.error);
  }
  if (const Status stored = store_.UpdateInbound(webhook); !stored.ok()) {
    // The work will be repeated, but an existing campaign is not started again.
    spdlog::warn("webhooks: {}", std::string(stored.message()));
    return clock_.Now() + kStoreRetry;
  }
  return clock_.Now();
}

Status Intake::Work(store::InboundWebhook& webhook) {
  if (!webhook.campaign_id.empty()) {
    Status found = port_.find_campaign(webhook.campaign_id);
    if (!absl::IsNotFound(found)) return found;
  }
  LK_ASSIGN_OR_RETURN(const Event event, FromJson(webhook.event));
  const auto rule = std::ranges::find(config_.rules, webhook.rule, &config::WebhookRule::name);
  if (rule == config_.rules.end()) {
    return absl::FailedPreconditionError(fmt::format("rule \"{}\" is no longer configured", webhook.rule));
  }
  LK_ASSIGN_OR_RETURN(const std::string yaml, ReadTemplate(rule->campaign));
  LK_ASSIGN_OR_RETURN(const std::string kernel, AddKernel(*rule, event, webhook.id));
  LK_ASSIGN_OR_RETURN(const std::vector<std::string> set, Substitutions(*rule, event, kernel));
  if (webhook.campaign_id.empty()) {
    webhook.campaign_id = port_.new_campaign_id(clock_.Now());
    // Store the id before starting the campaign, so that a retry finds the campaign.
    LK_RETURN_IF_ERROR(store_.UpdateInbound(webhook));
  }
  return port_.start_campaign(webhook.campaign_id, yaml, set);
}

StatusOr<std::string> Intake::AddKernel(const config::WebhookRule& rule, const Event& event, const std::string& id) {
  LK_ASSIGN_OR_RETURN(const std::vector<Wanted> files, WantedFiles(rule, event));
  if (files.empty()) return std::string();
  const Directory directory(spool_ / id);
  LK_RETURN_IF_ERROR(directory.status());
  std::vector<kernels::Upload> uploads;
  for (const Wanted& file : files) {
    const std::filesystem::path path = directory.path() / fmt::format("{}", uploads.size());
    LK_RETURN_IF_ERROR(fetcher_.Fetch(file.url, path, file.sha256, stop_));
    uploads.push_back({file.role, file.name, path});
  }
  return port_.add_kernel(uploads, KernelLabels(event), files.front().url);
}

StatusOr<store::InboundWebhook> Intake::Retry(const std::string& id) {
  LK_ASSIGN_OR_RETURN(store::InboundWebhook webhook, store_.GetInbound(id));
  if (webhook.state != "failed") {
    return absl::FailedPreconditionError(
        fmt::format("{} is {}; only failed webhooks can be retried", id, webhook.state));
  }
  webhook.state = "queued";
  webhook.attempts = 0;
  webhook.next_attempt = clock_.Now();
  LK_RETURN_IF_ERROR(store_.UpdateInbound(webhook));
  Wake();
  return webhook;
}

}  // namespace lk::webhooks
