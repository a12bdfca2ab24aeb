// SPDX-License-Identifier: Apache-2.0
#include "server/store/webhook_rows.h"

#include <fmt/format.h>

#include "server/store/codec.h"
#include "server/store/statement.h"

namespace soci {

template <>
struct type_conversion<lk::store::InboundWebhook> {
  using base_type = values;
  static void from_base(const values& row, indicator, lk::store::InboundWebhook& webhook) {
    webhook.id = row.get<std::string>("id");
    webhook.source = row.get<std::string>("source");
    webhook.delivery = row.get<std::string>("delivery");
    webhook.digest = row.get<std::string>("digest");
    webhook.state = row.get<std::string>("state");
    webhook.received = row.get<absl::Time>("received");
    webhook.next_attempt = row.get<absl::Time>("next_attempt");
    webhook.attempts = static_cast<uint32_t>(row.get<long long>("attempts"));
    webhook.event = row.get<std::string>("event");
    webhook.rule = row.get<std::string>("rule");
    webhook.campaign_id = row.get<std::string>("campaign_id");
    webhook.error = row.get<std::string>("error");
  }
  static void to_base(const lk::store::InboundWebhook& webhook, values& row, indicator& ind) {
    row.set("id", webhook.id);
    row.set("source", webhook.source);
    row.set("delivery", webhook.delivery);
    row.set("digest", webhook.digest);
    row.set("state", webhook.state);
    row.set("received", webhook.received);
    row.set("next_attempt", webhook.next_attempt);
    row.set("attempts", static_cast<long long>(webhook.attempts));
    row.set("event", webhook.event);
    row.set("rule", webhook.rule);
    row.set("campaign_id", webhook.campaign_id);
    row.set("error", webhook.error);
    ind = i_ok;
  }
};

template <>
struct type_conversion<lk::store::Notification> {
  using base_type = values;
  static void from_base(const values& row, indicator, lk::store::Notification& notification) {
    notification.id = row.get<std::string>("id");
    notification.target = row.get<std::string>("target");
    notification.event = row.get<std::string>("event");
    notification.campaign_id = row.get<std::string>("campaign_id");
    notification.state = row.get<std::string>("state");
    notification.created = row.get<absl::Time>("created");
    notification.next_attempt = row.get<absl::Time>("next_attempt");
    notification.attempts = static_cast<uint32_t>(row.get<long long>("attempts"));
    notification.last_status = static_cast<uint32_t>(row.get<long long>("last_status"));
    notification.error = row.get<std::string>("error");
  }
  static void to_base(const lk::store::Notification& notification, values& row, indicator& ind) {
    row.set("id", notification.id);
    row.set("target", notification.target);
    row.set("event", notification.event);
    row.set("campaign_id", notification.campaign_id);
    row.set("state", notification.state);
    row.set("created", notification.created);
    row.set("next_attempt", notification.next_attempt);
    row.set("attempts", static_cast<long long>(notification.attempts));
    row.set("last_status", static_cast<long long>(notification.last_status));
    row.set("error", notification.error);
    ind = i_ok;
  }
};

}  // namespace soci

namespace lk::store {
namespace {

const std::string kInbound = "webhook_inbound";
const std::string kOutbox = "webhook_outbox";
const std::vector<std::string> kInboundColumns = {"source",   "delivery",     "digest",   "state",
                                                  "received", "next_attempt", "attempts", "event",
                                                  "rule",     "campaign_id",  "error"};
const std::vector<std::string> kOutboxColumns = {"target",       "event",    "campaign_id", "state", "created",
                                                 "next_attempt", "attempts", "last_status", "error"};

// Returns false if a stored row already has one of the unique values.
template <typename Row>
bool InsertNew(soci::session& sql, const std::string& table, const std::vector<std::string>& columns, const Row& row) {
  std::string names = "id", places = ":id";
  for (const std::string& column : columns) {
    names += ", " + column;
    places += ", :" + column;
  }
  soci::statement insert =
      (sql.prepare << "INSERT INTO " << table << " (" << names << ") VALUES (" << places << ") ON CONFLICT DO NOTHING",
       soci::use(row));
  insert.execute(true);
  return insert.get_affected_rows() > 0;
}

template <typename Row>
StatusOr<Row> Find(soci::session& sql, const std::string& table, const std::string& id) {
  Row row;
  sql << "SELECT * FROM " << table << " WHERE id = :id", soci::into(row), soci::use(id);
  if (!sql.got_data()) return absl::NotFoundError(fmt::format("no webhook \"{}\" (see lkctl webhook list)", id));
  return row;
}

// `time` is the column to sort by, newest first.
template <typename Row>
std::vector<Row> Page(soci::session& sql, const std::string& table, const std::string& time, const std::string& state,
                      const std::string& before, int limit) {
  const std::string query = fmt::format(
      "SELECT * FROM {0} WHERE (:state = '' OR state = :state) AND (:before = '' OR ({1}, id) < "
      "(SELECT {1}, id FROM {0} WHERE id = :before)) ORDER BY {1} DESC, id DESC LIMIT :limit",
      table, time);
  soci::rowset<Row> rows =
      (sql.prepare << query, soci::use(state, "state"), soci::use(before, "before"), soci::use(limit, "limit"));
  return {rows.begin(), rows.end()};
}

template <typename Row>
Status Replace(soci::session& sql, const std::string& table, const std::vector<std::string>& columns, const Row& row) {
  LK_RETURN_IF_ERROR(Find<Row>(sql, table, row.id).status());
  sql << Upsert(table, {"id"}, columns), soci::use(row);
  return absl::OkStatus();
}

}  // namespace

StatusOr<bool> InsertInbound(soci::session& sql, const InboundWebhook& webhook, uint32_t max_queued) {
  long long known = 0;
  sql << "SELECT COUNT(*) FROM webhook_inbound WHERE source = :source AND (delivery = :delivery OR digest = :digest)",
      soci::into(known), soci::use(webhook.source), soci::use(webhook.delivery), soci::use(webhook.digest);
  if (known > 0) return false;
  if (webhook.state == "queued") {
    long long queued = 0;
    sql << "SELECT COUNT(*) FROM webhook_inbound WHERE state = 'queued'", soci::into(queued);
    if (queued >= max_queued)
      return absl::ResourceExhaustedError(fmt::format("{} webhooks are already queued", queued));
  }
  // Returns false if another controller that shares the database has inserted the webhook in the meantime.
  return InsertNew(sql, kInbound, kInboundColumns, webhook);
}

Status ReplaceInbound(soci::session& sql, const InboundWebhook& webhook) {
  return Replace(sql, kInbound, kInboundColumns, webhook);
}

StatusOr<InboundWebhook> FindInbound(soci::session& sql, const std::string& id) {
  return Find<InboundWebhook>(sql, kInbound, id);
}

std::optional<InboundWebhook> FirstInbound(soci::session& sql) {
  InboundWebhook webhook;
  sql << "SELECT * FROM webhook_inbound WHERE state = 'queued' ORDER BY next_attempt, id LIMIT 1", soci::into(webhook);
  return sql.got_data() ? std::optional(std::move(webhook)) : std::nullopt;
}

std::vector<InboundWebhook> PageOfInbound(soci::session& sql, const std::string& state, const std::string& before,
                                          int limit) {
  return Page<InboundWebhook>(sql, kInbound, "received", state, before, limit);
}

void InsertNotification(soci::session& sql, const Notification& notification) {
  InsertNew(sql, kOutbox, kOutboxColumns, notification);
}

Status ReplaceNotification(soci::session& sql, const Notification& notification, const std::string& result) {
  LK_RETURN_IF_ERROR(Replace(sql, kOutbox, kOutboxColumns, notification));
  if (result.empty()) return absl::OkStatus();
  static const std::string count = Upsert("webhook_totals", {"target", "result"}, {}, {"attempts"});
  const long long one = 1;
  sql << count, soci::use(notification.target), soci::use(result), soci::use(one);
  return absl::OkStatus();
}

StatusOr<Notification> FindNotification(soci::session& sql, const std::string& id) {
  return Find<Notification>(sql, kOutbox, id);
}

std::optional<Notification> FirstNotification(soci::session& sql, const std::string& target) {
  Notification notification;
  sql << "SELECT * FROM webhook_outbox WHERE target = :target AND state = 'pending' ORDER BY next_attempt, id LIMIT 1",
      soci::into(notification), soci::use(target);
  return sql.got_data() ? std::optional(std::move(notification)) : std::nullopt;
}

std::vector<Notification> PageOfNotifications(soci::session& sql, const std::string& state, const std::string& before,
                                              int limit) {
  return Page<Notification>(sql, kOutbox, "created", state, before, limit);
}

std::vector<WebhookTotal> ReadWebhookTotals(soci::session& sql) {
  std::vector<WebhookTotal> totals;
  std::string target, result;
  long long attempts = 0;
  soci::statement rows = (sql.prepare << "SELECT target, result, attempts FROM webhook_totals ORDER BY target, result",
                          soci::into(target), soci::into(result), soci::into(attempts));
  for (rows.execute(); rows.fetch();) totals.push_back({target, result, static_cast<uint64_t>(attempts)});
  return totals;
}

void DeleteWebhooks(soci::session& sql, absl::Time before) {
  sql << "DELETE FROM webhook_inbound WHERE state IN ('done', 'ignored', 'failed') AND received < :before",
      soci::use(before);
  sql << "DELETE FROM webhook_outbox WHERE state = 'delivered' AND created < :before", soci::use(before);
}

}  // namespace lk::store
