// SPDX-License-Identifier: Apache-2.0
// Responses to senders, over a real socket.
#include "server/webhooks/inbound/receiver.h"

#include <absl/strings/escaping.h>
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <tuple>

#include "server/store/store.h"
#include "server/webhooks/signature.h"
#include "support/unique_fd.h"
#include "tests/unit/webhooks/fixture.h"

namespace lk::webhooks {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kPush = R"({"ref": "refs/heads/main", "after": ")" + std::string(40, 'a') +
                          R"(", "repository": {"full_name": "octo/linux"}})";

class ReceiverTest : public testing::Test {
 protected:
  ReceiverTest() {
    config_.max_body_bytes = 64 << 10;
    config_.max_queued = 3;
    config::WebhookRule rule;
    rule.repository = "octo/linux";
    rule.branches = {"main"};
    for (const auto& [name, source, event] :
         {std::tuple("next", "github", "push"), std::tuple("built", "generic", "kernel.built"),
          std::tuple("pipeline", "gitlab", "pipeline")}) {
      rule.name = name;
      rule.source = source;
      rule.event = event;
      config_.rules.push_back(rule);
    }
    ReceiverSecrets secrets;
    secrets.github = {Secret("new"), Secret("old")};
    secrets.gitlab = {Secret("token")};
    secrets.generic = {ParseSigningSecret(kStandardSecret).value()};
    receiver_ = std::make_unique<Receiver>(config_, secrets, *store_, clock_, [this] { ++queued_; });
    server_ = http::Server::Start({.listen = "127.0.0.1:0",
                                   .routes = {},
                                   .posts = receiver_->Routes(),
                                   .max_body_bytes = config_.max_body_bytes})
                  .value();
  }

  static httplib::Headers GitHubHeaders(const std::string& body, const std::string& delivery,
                                        const std::string& secret = "new") {
    return {{"X-GitHub-Event", "push"},
            {"X-GitHub-Delivery", delivery},
            {"X-Hub-Signature-256", "sha256=" + absl::BytesToHexString(HmacSha256(secret, body))}};
  }
  httplib::Headers GenericHeaders(const std::string& body, const std::string& id, absl::Time signed_at) const {
    const StandardHeaders headers = SignStandard({ParseSigningSecret(kStandardSecret).value()}, id, signed_at, body);
    return {
        {"webhook-id", headers.id}, {"webhook-timestamp", headers.timestamp}, {"webhook-signature", headers.signature}};
  }
  int Post(const std::string& path, const httplib::Headers& headers, const std::string& body) {
    httplib::Client client("127.0.0.1", server_->port());
    const httplib::Result result = client.Post(path, headers, body, "application/json");
    body_ = result ? result->body : "";
    return result ? result->status : 0;
  }
  int GitHub(const httplib::Headers& headers, const std::string& body = kPush) {
    return Post("/hooks/v1/github", headers, body);
  }
  size_t Stored(const std::string& state = "") { return store_->ListInbound(state, "", 100).value().size(); }
  // Sends raw bytes and returns everything received until the server closes the connection. `cut` shuts down the
  // sending side; the HTTP library may not respond to a client that does that.
  std::string Raw(const std::string& bytes, bool cut = false) const {
    const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    if (cut) shutdown(fd.get(), SHUT_WR);
    std::string answer;
    char buffer[4096];
    for (ssize_t size = 0; (size = read(fd.get(), buffer, sizeof(buffer))) > 0;)
      answer.append(buffer, static_cast<size_t>(size));
    return answer;
  }

  TestClock clock_;
  config::Webhooks config_;
  std::unique_ptr<store::Store> store_ = store::Open("sqlite::memory:").value();
  std::unique_ptr<Receiver> receiver_;
  std::unique_ptr<http::Server> server_;
  std::atomic<int> queued_ = 0;
  std::string body_;
};

TEST_F(ReceiverTest, GoodPushIsStoredAndQueued) {
  EXPECT_EQ(GitHub(GitHubHeaders(kPush, "d1")), 202);
  EXPECT_THAT(body_, StartsWith("in_"));
  EXPECT_EQ(queued_, 1);
  const auto stored = store_->ListInbound("queued", "", 10).value();
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].id + "\n", body_);
  EXPECT_EQ(stored[0].rule, "next");
  EXPECT_EQ(stored[0].delivery, "d1");
  EXPECT_THAT(stored[0].event, HasSubstr("octo/linux"));
  EXPECT_EQ(GitHub(GitHubHeaders(kPush + " ", "d2", "old"), kPush + " "), 202) << "the old secret is still accepted";
}

TEST_F(ReceiverTest, RepeatedDeliveriesStartNothing) {
  EXPECT_EQ(GitHub(GitHubHeaders(kPush, "d1")), 202);
  EXPECT_EQ(GitHub(GitHubHeaders(kPush, "d1")), 200);
  EXPECT_THAT(body_, HasSubstr("already known"));
  EXPECT_EQ(GitHub(GitHubHeaders(kPush, "another id, the same body")), 400);
  EXPECT_EQ(GitHub(GitHubHeaders(kPush, "another-id")), 200) << "a replay: GitHub does not sign the id";
  EXPECT_EQ(Stored(), 1u);
  EXPECT_EQ(queued_, 1);
}

TEST_F(ReceiverTest, WrongAndMissingSignaturesGetTheSameResponse) {
  httplib::Headers missing = GitHubHeaders(kPush, "d1");
  missing.erase("X-Hub-Signature-256");
  httplib::Headers twice = GitHubHeaders(kPush, "d1");
  twice.emplace("X-Hub-Signature-256", twice.find("X-Hub-Signature-256")->second);
  httplib::Headers malformed = missing;
  malformed.emplace("X-Hub-Signature-256", "sha256=zz");
  for (const httplib::Headers& headers : {missing, twice, malformed, GitHubHeaders(kPush, "d1", "guessed"),
                                          GitHubHeaders(kPush + " ", "d1"), httplib::Headers{}}) {
    EXPECT_EQ(GitHub(headers), 401);
    EXPECT_EQ(body_, "signature missing or wrong\n");
  }
  EXPECT_EQ(GitHub({}, "not even JSON"), 401);
  EXPECT_EQ(Stored(), 0u);
  EXPECT_EQ(queued_, 0);
}

TEST_F(ReceiverTest, RefusesTruncatedAndOversizedBodies) {
  EXPECT_EQ(GitHub(GitHubHeaders(kPush.substr(0, 40), "d1"), kPush.substr(0, 40)), 400) << "signed but truncated";
  const std::string large(70 << 10, ' ');
  EXPECT_EQ(GitHub(GitHubHeaders(large, "d1"), large), 413);
  const std::string head =
      "POST /hooks/v1/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "X-GitHub-Event: push\r\nX-GitHub-Delivery: d1\r\nX-Hub-Signature-256: sha256=" +
      absl::BytesToHexString(HmacSha256("new", kPush)) + "\r\n";
  const std::string size = std::to_string(kPush.size());
  EXPECT_THAT(Raw(head + "Content-Length: " + size + "\r\n\r\n" + kPush.substr(1), true),
              AnyOf("", StartsWith("HTTP/1.1 400")));
  EXPECT_THAT(Raw(head + "Content-Encoding: gzip\r\nContent-Length: " + size + "\r\n\r\n" + kPush),
              StartsWith("HTTP/1.1 415"));
  std::string chunks;
  for (int i = 0; i < 80; ++i) chunks += "400\r\n" + std::string(1024, ' ') + "\r\n";
  EXPECT_THAT(Raw(head + "Transfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n"),
              AnyOf("", StartsWith("HTTP/1.1 413")));
  EXPECT_EQ(Stored(), 0u);
  EXPECT_THAT(Raw(head + "Content-Length: " + size + "\r\n\r\n" + kPush), StartsWith("HTTP/1.1 202"));
}

TEST_F(ReceiverTest, StandardWebhooks) {
  const std::string body = R"({"type": "kernel.built", "data": {"repository": "octo/linux", "branch": "main"}})";
  const auto post = [&](const httplib::Headers& headers) { return Post("/hooks/v1/generic", headers, body); };
  EXPECT_EQ(post(GenericHeaders(body, "msg_1", clock_.now)), 202);
  EXPECT_EQ(post(GenericHeaders(body, "msg_1", clock_.now)), 200);
  EXPECT_EQ(post(GenericHeaders(body, "msg_1", clock_.now + absl::Minutes(1))), 200)
      << "another attempt to deliver the same webhook";
  EXPECT_EQ(post(GenericHeaders(body, "msg_2", clock_.now)), 202)
      << "another id is another event, even with the same contents";
  EXPECT_EQ(post(GenericHeaders(body, "msg_3", clock_.now - absl::Minutes(6))), 401);
  EXPECT_THAT(body_, HasSubstr("webhook-timestamp"));
  EXPECT_EQ(post(GenericHeaders(body, "msg_3", clock_.now + absl::Minutes(6))), 401);
  httplib::Headers later = GenericHeaders(body, "msg_1", clock_.now);
  later.erase("webhook-timestamp");
  later.emplace("webhook-timestamp", std::to_string(absl::ToUnixSeconds(clock_.now) + 1));
  EXPECT_EQ(post(later), 401) << "a replay with a later timestamp";
  EXPECT_EQ(post({}), 401);
  EXPECT_EQ(Stored(), 2u);
}

TEST_F(ReceiverTest, GitLab) {
  const std::string body = R"({"object_kind": "pipeline", "project": {"path_with_namespace": "octo/linux"},
    "object_attributes": {"id": 31, "ref": "main", "tag": false, "status": "success"}})";
  EXPECT_EQ(Post("/hooks/v1/gitlab", {{"X-Gitlab-Token", "token"}, {"X-Gitlab-Event-UUID", "u1"}}, body), 202);
  EXPECT_EQ(Post("/hooks/v1/gitlab", {{"X-Gitlab-Token", "token"}, {"X-Gitlab-Event-UUID", "u2"}}, body), 200);
  EXPECT_EQ(Post("/hooks/v1/gitlab", {{"X-Gitlab-Token", "toke"}}, body), 401);
  EXPECT_EQ(Post("/hooks/v1/gitlab", {}, body), 401);
  EXPECT_EQ(Stored(), 1u);
}

TEST_F(ReceiverTest, PingsAndUnmatchedEventsStartNothing) {
  httplib::Headers ping = GitHubHeaders("{}", "d1");
  ping.erase("X-GitHub-Event");
  ping.emplace("X-GitHub-Event", "ping");
  EXPECT_EQ(GitHub(ping, "{}"), 200);
  EXPECT_EQ(Stored(), 0u);
  const std::string other = R"({"ref": "refs/heads/other", "repository": {"full_name": "octo/linux"}})";
  EXPECT_EQ(GitHub(GitHubHeaders(other, "d2"), other), 200);
  EXPECT_THAT(body_, HasSubstr("no matching rule"));
  EXPECT_EQ(Stored("ignored"), 1u);
  EXPECT_EQ(queued_, 0);
}

TEST_F(ReceiverTest, FullQueueAsksTheSenderToRetry) {
  for (int i = 0; i < 3; ++i) {
    const std::string body = kPush + std::string(static_cast<size_t>(i), ' ');
    EXPECT_EQ(GitHub(GitHubHeaders(body, std::string("d") + std::to_string(i)), body), 202);
  }
  const std::string body = kPush + "\n";
  httplib::Client client("127.0.0.1", server_->port());
  const httplib::Result result = client.Post("/hooks/v1/github", GitHubHeaders(body, "d9"), body, "application/json");
  EXPECT_EQ(result->status, 503);
  EXPECT_EQ(result->get_header_value("Retry-After"), "10");
  EXPECT_EQ(Stored(), 3u);
}

TEST_F(ReceiverTest, PathsWithoutSecretsDoNotExist) {
  ReceiverSecrets secrets;
  secrets.gitlab = {Secret("token")};
  EXPECT_EQ(Receiver(config_, secrets, *store_, clock_, [] {}).Routes().size(), 1u);
  EXPECT_EQ(Post("/hooks/v1/other", {}, "{}"), 404);
  httplib::Client client("127.0.0.1", server_->port());
  EXPECT_EQ(client.Get("/hooks/v1/github")->status, 404);
}

}  // namespace
}  // namespace lk::webhooks
