// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/outbound/sender.h"

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "server/report/gather.h"
#include "server/webhooks/outbound/formats.h"
#include "server/webhooks/signature.h"
#include "server/webhooks/stored_error.h"
#include "support/random.h"

namespace lk::webhooks {
namespace {

// Longest delay that a receiver can request.
constexpr absl::Duration kMaxRetryAfter = absl::Hours(24);
constexpr size_t kMaxSendError = 500;
constexpr int kOrphansAtATime = 100;

constexpr uint32_t kGone = 410;

void Bury(store::Notification& notification, std::string_view why) {
  notification.state = "dead";
  notification.error = StoredError(why, kMaxSendError);
}

}  // namespace

Sender::Sender(const config::Webhooks& config, store::Store& store, const Clock& clock, Chance chance,
               std::unique_ptr<Transport> transport)
    : config_(config),
      store_(store),
      clock_(clock),
      chance_(std::move(chance)),
      transport_(transport ? std::move(transport) : NewTransport(config.target_ca_file, config.retry.timeout, stop_)) {}

StatusOr<std::unique_ptr<Sender>> Sender::Create(const config::Webhooks& config, store::Store& store,
                                                 const Clock& clock, Chance chance,
                                                 std::unique_ptr<Transport> transport) {
  std::unique_ptr<Sender> sender(new Sender(config, store, clock, std::move(chance), std::move(transport)));
  for (const config::WebhookTarget& configured : config.targets) {
    Target target{.config = configured, .signing = {}, .token = {}};
    for (const std::filesystem::path& path : configured.secret_files) {
      LK_ASSIGN_OR_RETURN(Secret secret, ReadSigningSecret(path));
      target.signing.push_back(std::move(secret));
    }
    if (!configured.token_file.empty()) {
      LK_ASSIGN_OR_RETURN(Secret token, ReadSecret(configured.token_file));
      target.token.push_back(std::move(token));
    }
    sender->targets_.emplace(configured.name, std::move(target));
  }
  return sender;
}

Sender::~Sender() {
  Stop();
}

std::vector<store::Notification> Sender::For(const campaign::Campaign& campaign, const std::vector<std::string>& notify,
                                             absl::Time now) const {
  std::vector<store::Notification> notifications;
  for (const std::string& target : notify) {
    store::Notification& notification = notifications.emplace_back();
    // Always the same for a campaign and target. Must not contain "." (see CheckStandard).
    notification.id = fmt::format("msg_{}_{}", campaign.id, target);
    notification.target = target;
    notification.event = kCampaignFinished;
    notification.campaign_id = campaign.id;
    notification.created = notification.next_attempt = now;
    if (!targets_.contains(target)) Bury(notification, "no such target is configured");
  }
  return notifications;
}

void Sender::Wake() {
  const MutexLock lock(&mutex_);
  ++woken_;
}

void Sender::Start() {
  if (const Status buried = BuryOrphans(); !buried.ok()) spdlog::warn("webhooks: {}", std::string(buried.message()));
  for (const auto& [name, target] : targets_) threads_.emplace_back([this, name = name] { Loop(name); });
}

void Sender::Stop() {
  stop_ = true;
  {
    const MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

Status Sender::BuryOrphans() {
  std::string before;
  while (true) {
    LK_ASSIGN_OR_RETURN(std::vector<store::Notification> page,
                        store_.ListNotifications("pending", before, kOrphansAtATime));
    if (page.empty()) return absl::OkStatus();
    before = page.back().id;
    for (store::Notification& notification : page) {
      if (targets_.contains(notification.target)) continue;
      Bury(notification, "the target is no longer configured");
      LK_RETURN_IF_ERROR(store_.UpdateNotification(notification, "dead"));
    }
  }
}

void Sender::Loop(const std::string& target) {
  while (true) {
    uint64_t seen = 0;
    {
      const MutexLock lock(&mutex_);
      if (stopping_) return;
      seen = woken_;
    }
    const absl::Time next = Step(target);
    const MutexLock lock(&mutex_);
    const auto something = [this, &seen] {
      mutex_.AssertHeld();
      return stopping_ || woken_ != seen;
    };
    mutex_.AwaitWithDeadline(absl::Condition(&something), next);
  }
}

absl::Time Sender::Step(const std::string& name) {
  const StatusOr<std::optional<store::Notification>> next = store_.NextNotification(name);
  if (!next.ok()) {
    spdlog::warn("webhooks: {}", std::string(next.status().message()));
    return clock_.Now() + kStoreRetry;
  }
  if (!next->has_value()) return absl::InfiniteFuture();
  if ((*next)->next_attempt > clock_.Now()) return (*next)->next_attempt;
  Attempt(targets_.at(name), **next);
  return clock_.Now();
}

StatusOr<PostRequest> Sender::Request(const Target& target, const store::Notification& notification) const {
  PostRequest request;
  if (notification.campaign_id.empty()) {
    request = {target.config.url, {}, LkTestJson(target.config.name, notification.created)};
  } else {
    LK_ASSIGN_OR_RETURN(const report::CampaignReport report, report::Gather(store_, notification.campaign_id));
    LK_ASSIGN_OR_RETURN(request, Format(target.config, report));
  }
  const StandardHeaders signature = SignStandard(target.signing, notification.id, clock_.Now(), request.body);
  request.headers.push_back("webhook-id: " + signature.id);
  request.headers.push_back("webhook-timestamp: " + signature.timestamp);
  if (!signature.signature.empty()) request.headers.push_back("webhook-signature: " + signature.signature);
  for (const Secret& token : target.token) {
    const bool gitlab = target.config.format == "gitlab_status";
    request.headers.push_back(
        fmt::format("{}{}", gitlab ? "PRIVATE-TOKEN: " : "Authorization: Bearer ", token.Reveal()));
  }
  if (target.config.format.starts_with("github_")) {
    request.headers.emplace_back("Accept: application/vnd.github+json");
    request.headers.emplace_back("X-GitHub-Api-Version: 2022-11-28");
  }
  return request;
}

void Sender::Attempt(const Target& target, store::Notification notification) {
  const StatusOr<PostRequest> request = Request(target, notification);
  StatusOr<PostReply> reply = request.ok() ? transport_->Post(*request) : StatusOr<PostReply>(request.status());
  // An attempt that was aborted because lkd is stopping is not counted; lkd repeats it after its next start.
  if (absl::IsCancelled(reply.status()) || (!request.ok() && absl::IsUnavailable(request.status()) && stop_)) return;

  ++notification.attempts;
  notification.last_status = reply.ok() ? reply->status : 0;
  const absl::Time now = clock_.Now();
  std::string result = "failed";
  if (reply.ok() && reply->status >= 200 && reply->status < 300) {
    notification.state = result = "delivered";
    notification.error.clear();
  } else {
    notification.error = reply.ok() ? fmt::format("the receiver responded with {}", reply->status)
                                    : StoredError(std::string(reply.status().message()), kMaxSendError);
    absl::Duration pause = Backoff(config_.retry.first, config_.retry.most, notification.attempts, chance_());
    if (reply.ok() && reply->retry_after) pause = std::max(pause, std::min(*reply->retry_after, kMaxRetryAfter));
    notification.next_attempt = now + pause;
    // A request that cannot be built will fail again, and 410 (Gone) is permanent.
    const bool hopeless = absl::IsFailedPrecondition(request.status()) || absl::IsNotFound(request.status()) ||
                          absl::IsDataLoss(request.status()) || notification.last_status == kGone;
    if (hopeless || notification.attempts >= config_.retry.attempts) notification.state = result = "dead";
  }
  spdlog::log(result == "delivered" ? spdlog::level::info : spdlog::level::warn,
              "webhooks: {} to {}: {}, attempt {}{}{}", notification.id, notification.target, result,
              notification.attempts, notification.error.empty() ? "" : ": ", notification.error);
  // Tries until the result has been stored. If lkd stops before that, it delivers the notification again, with the same
  // id, after its next start.
  while (true) {
    const Status stored = store_.UpdateNotification(notification, result);
    const MutexLock lock(&mutex_);
    ++attempted_;
    if (stored.ok() || absl::IsNotFound(stored)) return;
    spdlog::warn("webhooks: {}", std::string(stored.message()));
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kStoreRetry)) return;
  }
}

StatusOr<store::Notification> Sender::AwaitAttempt(const std::string& id, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    uint64_t seen = 0;
    {
      const MutexLock lock(&mutex_);
      seen = attempted_;
    }
    LK_ASSIGN_OR_RETURN(store::Notification notification, store_.GetNotification(id));
    if (notification.attempts > 0 || notification.state != "pending" || absl::Now() >= deadline) return notification;
    const MutexLock lock(&mutex_);
    const auto something = [this, &seen] {
      mutex_.AssertHeld();
      return stopping_ || attempted_ != seen;
    };
    if (mutex_.AwaitWithDeadline(absl::Condition(&something), deadline) && stopping_) {
      return absl::UnavailableError("lkd is stopping");
    }
  }
}

StatusOr<store::Notification> Sender::Retry(const std::string& id) {
  LK_ASSIGN_OR_RETURN(store::Notification notification, store_.GetNotification(id));
  if (notification.state != "dead") {
    return absl::FailedPreconditionError(
        fmt::format("{} is {}; only dead letters can be sent again", id, notification.state));
  }
  if (!targets_.contains(notification.target)) {
    return absl::FailedPreconditionError(
        fmt::format("target \"{}\" is not configured (webhooks.targets)", notification.target));
  }
  notification.state = "pending";
  notification.attempts = 0;
  notification.next_attempt = clock_.Now();
  LK_RETURN_IF_ERROR(store_.UpdateNotification(notification, ""));
  Wake();
  return notification;
}

StatusOr<store::Notification> Sender::AddTest(const std::string& name, const std::string& campaign_id) {
  const auto target = targets_.find(name);
  if (target == targets_.end()) {
    return absl::NotFoundError(fmt::format("no target \"{}\" is configured (webhooks.targets)", name));
  }
  if (campaign_id.empty() && target->second.config.format != "lk") {
    return absl::FailedPreconditionError(
        fmt::format("format {} requires a finished campaign", target->second.config.format));
  }
  if (!campaign_id.empty()) {
    LK_ASSIGN_OR_RETURN(const campaign::Campaign campaign, store_.GetCampaign(campaign_id));
    if (!campaign.verdict)
      return absl::FailedPreconditionError(fmt::format("campaign {} is not finished", campaign_id));
  }
  store::Notification notification;
  notification.id = fmt::format("msg_test_{}", RandomHex(12));
  notification.target = name;
  notification.event = kWebhookTest;
  notification.campaign_id = campaign_id;
  notification.created = notification.next_attempt = clock_.Now();
  LK_RETURN_IF_ERROR(store_.AddNotification(notification));
  Wake();
  return notification;
}

}  // namespace lk::webhooks
