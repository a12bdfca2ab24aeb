// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "server/store/access_rows.h"
#include "server/store/codec.h"
#include "server/store/dialect.h"
#include "server/store/migrations.h"
#include "server/store/run_rows.h"
#include "server/store/statement.h"
#include "server/store/store.h"
#include "server/store/totals.h"
#include "server/store/transaction.h"
#include "server/store/webhook_rows.h"
#include "support/mutex.h"

namespace lk::store {
namespace {

using campaign::Campaign;
using campaign::CampaignState;
using campaign::Host;
using campaign::KernelBuild;
using campaign::Run;
using campaign::Verdict;

const Status& StatusOf(const Status& status) {
  return status;
}
template <typename T>
const Status& StatusOf(const StatusOr<T>& result) {
  return result.status();
}

template <typename T>
std::vector<T> All(soci::rowset<T> rows) {
  return {rows.begin(), rows.end()};
}

class SqlStore final : public Store {
 public:
  SqlStore(const Dialect& dialect, std::string connect_string, Observer observe)
      : dialect_(dialect), connect_string_(std::move(connect_string)), observe_(std::move(observe)) {}

  Status Open() {
    return Call(
        "open",
        [this](soci::session& sql) {
          LK_RETURN_IF_ERROR(Migrate(sql, dialect_, Migrations()));
          CompleteKernels(sql);
          return absl::OkStatus();
        },
        false);
  }

  StatusOr<std::vector<uint32_t>> Apply(const Change& change) override {
    return Call("apply", [&](soci::session& sql) -> StatusOr<std::vector<uint32_t>> {
      for (const Campaign& campaign : change.campaigns) {
        static const std::string statement = Upsert("campaigns", {"id"}, CampaignColumns());
        sql << statement, soci::use(campaign);
      }
      for (const Run& run : change.runs) PutRun(sql, run);
      for (const Campaign& campaign : change.campaigns) {
        if (campaign.state == CampaignState::kFinished) UpdateMutants(sql, campaign.id);
      }
      std::vector<uint32_t> sequences;
      for (const auto& [campaign_id, payload] : change.events) {
        sequences.push_back(AddEvent(sql, campaign_id, change.time, payload));
      }
      for (const auto& [campaign_id, make_payload] : change.counting_events) {
        const std::string payload = make_payload(store::CountRuns(sql, campaign_id));
        sequences.push_back(AddEvent(sql, campaign_id, change.time, payload));
      }
      for (const Notification& notification : change.notifications) InsertNotification(sql, notification);
      return sequences;
    });
  }

  StatusOr<Campaign> GetCampaign(const std::string& id) override {
    return Call("get_campaign", [&](soci::session& sql) -> StatusOr<Campaign> {
      Campaign campaign;
      sql << "SELECT * FROM campaigns WHERE id = :id", soci::into(campaign), soci::use(id);
      if (!sql.got_data()) return absl::NotFoundError(fmt::format("no campaign \"{}\"", id));
      return campaign;
    });
  }

  StatusOr<std::string> ResolveCampaign(const std::string& prefix) override {
    return Call("resolve_campaign", [&](soci::session& sql) -> StatusOr<std::string> {
      // The first two ids from the prefix onwards are enough: those that begin with the prefix sort directly after it,
      // an exact match first.
      std::vector<std::string> ids = All<std::string>(
          (sql.prepare << "SELECT id FROM campaigns WHERE id >= :prefix ORDER BY id LIMIT 2", soci::use(prefix)));
      std::erase_if(ids, [&](const std::string& id) { return !id.starts_with(prefix); });
      if (ids.empty()) return absl::NotFoundError(fmt::format("no campaign \"{}\"", prefix));
      if (ids.size() > 1 && ids[0] != prefix) {
        return absl::FailedPreconditionError(
            fmt::format("several campaigns begin with \"{}\": {}, {} ...", prefix, ids[0], ids[1]));
      }
      return ids[0];
    });
  }

  StatusOr<std::vector<Campaign>> ListCampaigns(const std::string& before, int limit) override {
    return Call("list_campaigns", [&](soci::session& sql) -> StatusOr<std::vector<Campaign>> {
      return All<Campaign>((sql.prepare << "SELECT * FROM campaigns WHERE :before = '' OR id < :before "
                                           "ORDER BY id DESC LIMIT :limit",
                            soci::use(before, "before"), soci::use(limit, "limit")));
    });
  }

  StatusOr<std::vector<Campaign>> UnfinishedCampaigns() override {
    return Call("unfinished_campaigns", [&](soci::session& sql) -> StatusOr<std::vector<Campaign>> {
      return All<Campaign>((sql.prepare << "SELECT * FROM campaigns WHERE state IN ('queued', 'running') ORDER BY id"));
    });
  }

  StatusOr<Run> GetRun(const std::string& id) override {
    return Call("get_run", [&](soci::session& sql) -> StatusOr<Run> {
      if (std::optional<Run> run = FindRun(sql, id)) return *std::move(run);
      return absl::NotFoundError(fmt::format("no run \"{}\"", id));
    });
  }

  StatusOr<std::vector<Run>> ListRuns(const std::string& campaign_id, std::optional<Verdict> verdict,
                                      const std::string& after, int limit) override {
    return Call("list_runs", [&](soci::session& sql) -> StatusOr<std::vector<Run>> {
      const std::string word = verdict ? std::string(ToString(*verdict)) : "";
      const std::string position = Position(after);
      const int most = limit == 0 ? std::numeric_limits<int>::max() : limit;
      std::vector<Run> runs = All<Run>(
          (sql.prepare << "SELECT * FROM runs WHERE (:campaign = '' OR campaign_id = :campaign) AND "
                          "(:verdict = '' OR verdict = :verdict) AND position > :after ORDER BY position LIMIT :limit",
           soci::use(campaign_id, "campaign"), soci::use(word, "verdict"), soci::use(position, "after"),
           soci::use(most, "limit")));
      for (Run& run : runs) GetEvidence(sql, run);
      return runs;
    });
  }

  StatusOr<campaign::Counts> CountRuns(const std::string& campaign_id) override {
    return Call("count_runs",
                [&](soci::session& sql) -> StatusOr<campaign::Counts> { return store::CountRuns(sql, campaign_id); });
  }

  StatusOr<std::vector<Event>> EventsAfter(const std::string& campaign_id, uint32_t sequence, int limit) override {
    return Call("events_after", [&](soci::session& sql) -> StatusOr<std::vector<Event>> {
      std::vector<Event> events;
      const long long after = sequence;
      long long number = 0;
      absl::Time time;
      std::string payload;
      soci::statement rows = (sql.prepare << "SELECT sequence, time, payload FROM events WHERE campaign_id = :campaign "
                                             "AND sequence > :after ORDER BY sequence LIMIT :limit",
                              soci::into(number), soci::into(time), soci::into(payload), soci::use(campaign_id),
                              soci::use(after), soci::use(limit));
      for (rows.execute(); rows.fetch();) {
        events.push_back({static_cast<uint32_t>(number), time, FromBase64(payload)});
      }
      return events;
    });
  }

  Status PutKernel(const KernelBuild& kernel) override {
    return Call("put_kernel", [&](soci::session& sql) {
      static const std::string statement =
          Upsert("kernels", {"id"}, {"release", "added", "body", "arch", "tree", "mutant"});
      const std::string body = EncodeBody(kernel);
      const KernelColumns columns(kernel);
      sql << statement, soci::use(kernel.id), soci::use(kernel.release), soci::use(kernel.added), soci::use(body),
          soci::use(columns.arch), soci::use(columns.tree), soci::use(columns.mutant);
      return absl::OkStatus();
    });
  }

  StatusOr<KernelBuild> GetKernel(const std::string& id) override {
    return Call("get_kernel", [&](soci::session& sql) -> StatusOr<KernelBuild> {
      std::string body;
      sql << "SELECT body FROM kernels WHERE id = :id", soci::into(body), soci::use(id);
      if (!sql.got_data()) return absl::NotFoundError(fmt::format("no kernel \"{}\"", id));
      KernelBuild kernel;
      DecodeBody(body, kernel);
      return kernel;
    });
  }

  StatusOr<std::vector<KernelBuild>> ListKernels() override {
    return Call("list_kernels", [&](soci::session& sql) -> StatusOr<std::vector<KernelBuild>> {
      return Bodies<KernelBuild>(sql, "SELECT body FROM kernels ORDER BY added DESC, id");
    });
  }

  Status RemoveKernel(const std::string& id) override { return Remove("remove_kernel", "kernel", id); }

  StatusOr<uint32_t> RunsOfKernel(const std::string& id) override {
    return Call("runs_of_kernel", [&](soci::session& sql) -> StatusOr<uint32_t> {
      long long runs = 0;
      sql << "SELECT COUNT(*) FROM runs WHERE kernel_id = :id AND state = 'done'", soci::into(runs), soci::use(id);
      return static_cast<uint32_t>(runs);
    });
  }

  StatusOr<std::vector<Run>> DoneRunsOfKernel(const std::string& id, const std::string& scenario,
                                              const std::string& before, int limit) override {
    return Call("done_runs_of_kernel", [&](soci::session& sql) -> StatusOr<std::vector<Run>> {
      const std::string position = Position(before);
      std::vector<Run> runs =
          All<Run>((sql.prepare << "SELECT * FROM runs WHERE kernel_id = :kernel AND state = 'done' AND "
                                   "(:scenario = '' OR scenario = :scenario) AND (:before = '' OR position < :before) "
                                   "ORDER BY position DESC LIMIT :limit",
                    soci::use(id, "kernel"), soci::use(scenario, "scenario"), soci::use(position, "before"),
                    soci::use(limit, "limit")));
      for (Run& run : runs) GetEvidence(sql, run);
      return runs;
    });
  }

  Status PutHost(const Host& host) override {
    return Call("put_host", [&](soci::session& sql) {
      static const std::string statement = Upsert("hosts", {"id"}, {"body"});
      const std::string body = EncodeBody(host);
      sql << statement, soci::use(host.id), soci::use(body);
      return absl::OkStatus();
    });
  }

  StatusOr<std::vector<Host>> ListHosts() override {
    return Call("list_hosts", [&](soci::session& sql) -> StatusOr<std::vector<Host>> {
      return Bodies<Host>(sql, "SELECT body FROM hosts ORDER BY id");
    });
  }

  Status RemoveHost(const std::string& id) override { return Remove("remove_host", "host", id); }

  Status AddToken(const access::Token& token) override {
    return Call("add_token", [&](soci::session& sql) { return store::AddToken(sql, token); });
  }
  StatusOr<std::vector<access::Token>> ListTokens() override {
    return Call("list_tokens",
                [](soci::session& sql) -> StatusOr<std::vector<access::Token>> { return store::ListTokens(sql); });
  }
  StatusOr<access::Token> FindToken(const std::string& hash) override {
    return Call("find_token", [&](soci::session& sql) { return store::FindToken(sql, hash); });
  }
  StatusOr<access::Token> RevokeToken(const std::string& name, absl::Time now) override {
    return Call("revoke_token", [&](soci::session& sql) { return store::RevokeToken(sql, name, now); });
  }

  Status AddAudit(const access::AuditEntry& entry) override {
    return Call("add_audit", [&](soci::session& sql) {
      store::AddAudit(sql, entry);
      return absl::OkStatus();
    });
  }
  StatusOr<std::vector<access::AuditEntry>> ListAudit(const std::string& before, int limit) override {
    return Call("list_audit", [&](soci::session& sql) -> StatusOr<std::vector<access::AuditEntry>> {
      return store::ListAudit(sql, before, limit);
    });
  }
  Status TrimAudit(absl::Time before) override {
    return Call("trim_audit", [&](soci::session& sql) {
      store::TrimAudit(sql, before);
      return absl::OkStatus();
    });
  }

  StatusOr<RunStatistics> Statistics() override {
    return Call("statistics", [this](soci::session& sql) -> StatusOr<RunStatistics> { return totals_.Read(sql); });
  }

  Status Count(const Work& more) override {
    return Call("count", [&more](soci::session& sql) {
      AddWork(sql, more);
      return absl::OkStatus();
    });
  }

  StatusOr<std::vector<Campaign>> UnpushedCampaigns(absl::Time since, int limit) override {
    return Call("unpushed_campaigns", [&](soci::session& sql) -> StatusOr<std::vector<Campaign>> {
      return All<Campaign>((sql.prepare << "SELECT * FROM campaigns WHERE state IN ('finished', 'cancelled') AND "
                                           "pushed = 0 AND finished >= :since ORDER BY finished, id LIMIT :limit",
                            soci::use(since), soci::use(limit)));
    });
  }

  Status MarkPushed(const std::string& campaign_id) override {
    return Call("mark_pushed", [&](soci::session& sql) {
      sql << "UPDATE campaigns SET pushed = 1 WHERE id = :id", soci::use(campaign_id);
      return absl::OkStatus();
    });
  }

  StatusOr<bool> AddInbound(const InboundWebhook& webhook, uint32_t max_queued) override {
    return Call("add_inbound", [&](soci::session& sql) { return InsertInbound(sql, webhook, max_queued); });
  }
  Status UpdateInbound(const InboundWebhook& webhook) override {
    return Call("update_inbound", [&](soci::session& sql) { return ReplaceInbound(sql, webhook); });
  }
  StatusOr<InboundWebhook> GetInbound(const std::string& id) override {
    return Call("get_inbound", [&](soci::session& sql) { return FindInbound(sql, id); });
  }
  StatusOr<std::optional<InboundWebhook>> NextInbound() override {
    using Result = StatusOr<std::optional<InboundWebhook>>;
    return Call("next_inbound", [](soci::session& sql) -> Result { return FirstInbound(sql); });
  }
  StatusOr<std::vector<InboundWebhook>> ListInbound(const std::string& state, const std::string& before,
                                                    int limit) override {
    using Result = StatusOr<std::vector<InboundWebhook>>;
    return Call("list_inbound", [&](soci::session& sql) -> Result { return PageOfInbound(sql, state, before, limit); });
  }
  Status AddNotification(const Notification& notification) override {
    return Call("add_notification", [&](soci::session& sql) {
      InsertNotification(sql, notification);
      return absl::OkStatus();
    });
  }
  Status UpdateNotification(const Notification& notification, const std::string& result) override {
    return Call("update_notification",
                [&](soci::session& sql) { return ReplaceNotification(sql, notification, result); });
  }
  StatusOr<Notification> GetNotification(const std::string& id) override {
    return Call("get_notification", [&](soci::session& sql) { return FindNotification(sql, id); });
  }
  StatusOr<std::optional<Notification>> NextNotification(const std::string& target) override {
    using Result = StatusOr<std::optional<Notification>>;
    return Call("next_notification", [&](soci::session& sql) -> Result { return FirstNotification(sql, target); });
  }
  StatusOr<std::vector<Notification>> ListNotifications(const std::string& state, const std::string& before,
                                                        int limit) override {
    using Result = StatusOr<std::vector<Notification>>;
    return Call("list_notifications",
                [&](soci::session& sql) -> Result { return PageOfNotifications(sql, state, before, limit); });
  }
  StatusOr<std::vector<WebhookTotal>> WebhookTotals() override {
    using Result = StatusOr<std::vector<WebhookTotal>>;
    return Call("webhook_totals", [](soci::session& sql) -> Result { return ReadWebhookTotals(sql); });
  }
  Status ForgetWebhooks(absl::Time before) override {
    return Call("forget_webhooks", [&](soci::session& sql) {
      DeleteWebhooks(sql, before);
      return absl::OkStatus();
    });
  }

 private:
  // Runs `body` with the only session, in a transaction if `transaction` is set, converts exceptions to a Status, and
  // calls the observer.
  template <typename Body>
  auto Call(std::string_view operation, Body body, bool transaction = true)
      -> decltype(body(std::declval<soci::session&>())) {
    const auto start = std::chrono::steady_clock::now();
    auto result = [&]() -> decltype(body(sql_)) {
      const MutexLock lock(&mutex_);
      try {
        Connect();
        if (!transaction) return body(sql_);
        Transaction all(sql_, dialect_);
        auto outcome = body(sql_);
        if (StatusOf(outcome).ok()) all.Commit();
        return outcome;
      } catch (const soci::soci_error& error) {
        const absl::StatusCode code = dialect_.code(error);
        // Reconnecting is cheap, and ensures that a broken connection is not used again.
        if (code == absl::StatusCode::kUnavailable) connected_ = false;
        return Status(code, fmt::format("store: {}: {}", operation, error.get_error_message()));
      } catch (const std::exception& error) {
        return absl::DataLossError(fmt::format("store: {}: corrupt record: {}", operation, error.what()));
      }
    }();
    if (observe_) {
      observe_(operation, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return result;
  }

  void Connect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (connected_) return;
    sql_.close();
    sql_.open(*dialect_.factory(), connect_string_);
    for (const std::string& statement : dialect_.on_connect) sql_ << statement;
    connected_ = true;
  }

  static uint32_t AddEvent(soci::session& sql, const std::string& campaign_id, absl::Time time,
                           const std::string& payload) {
    long long sequence = 0;
    sql << "SELECT COALESCE(MAX(sequence), 0) + 1 FROM events WHERE campaign_id = :campaign", soci::into(sequence),
        soci::use(campaign_id);
    const std::string text = ToBase64(payload);
    sql << "INSERT INTO events (campaign_id, sequence, time, payload) VALUES (:campaign, :sequence, :time, :payload)",
        soci::use(campaign_id), soci::use(sequence), soci::use(time), soci::use(text);
    return static_cast<uint32_t>(sequence);
  }

  template <typename T>
  static std::vector<T> Bodies(soci::session& sql, const std::string& query) {
    std::vector<T> result;
    for (const std::string& body : All<std::string>((sql.prepare << query))) DecodeBody(body, result.emplace_back());
    return result;
  }

  Status Remove(std::string_view operation, const std::string& what, const std::string& id) {
    return Call(operation, [&](soci::session& sql) -> Status {
      soci::statement removal = (sql.prepare << "DELETE FROM " << what << "s WHERE id = :id", soci::use(id));
      removal.execute(true);
      if (removal.get_affected_rows() == 0) return absl::NotFoundError(fmt::format("no {} \"{}\"", what, id));
      return absl::OkStatus();
    });
  }

  const Dialect& dialect_;
  const std::string connect_string_;
  const Observer observe_;
  Mutex mutex_;
  // SOCI's sessions are not thread-safe.
  soci::session sql_ ABSL_GUARDED_BY(mutex_);
  bool connected_ ABSL_GUARDED_BY(mutex_) = false;
  TotalsReader totals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

StatusOr<std::unique_ptr<Store>> Open(const std::string& url, Observer observe) {
  LK_ASSIGN_OR_RETURN(const Dialect* dialect, FindDialect(url));
  LK_ASSIGN_OR_RETURN(std::string connect_string, dialect->connect_string(url));
  auto store = std::make_unique<SqlStore>(*dialect, std::move(connect_string), std::move(observe));
  LK_RETURN_IF_ERROR(store->Open());
  return store;
}

}  // namespace lk::store
