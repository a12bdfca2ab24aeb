// SPDX-License-Identifier: Apache-2.0
// Calls every RPC of a running lkd with every role over every transport, and makes other calls that the authorizer must
// refuse.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "lk/v1/audit.grpc.pb.h"
#include "lk/v1/host.grpc.pb.h"
#include "lk/v1/token.grpc.pb.h"
#include "raw_call.h"
#include "served_lkd.h"
#include "server/api/rules.h"

namespace lk::test {
namespace {

using access::Role;
using api::Rule;
using grpc::StatusCode;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// gRPC's own health service has no descriptor, so reflection does not list its methods.
constexpr const char* kHealth[] = {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"};

class AccessTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { lkd_ = new ServedLkd; }
  static void TearDownTestSuite() {
    delete lkd_;
    lkd_ = nullptr;
  }

  static std::vector<std::string> Methods() {
    std::vector<std::string> methods = ServedMethods(lkd_->Unix());
    for (const char* method : kHealth) {
      if (std::ranges::find(methods, method) == methods.end()) methods.emplace_back(method);
    }
    return methods;
  }

  static v1::CreateTokenResponse MakeToken(const std::string& name, const std::string& role, int64_t nanos = 0) {
    v1::CreateTokenRequest request;
    request.set_name(name);
    request.set_role(role);
    if (nanos > 0) request.mutable_valid()->set_nanos(static_cast<int32_t>(nanos));
    v1::CreateTokenResponse response;
    grpc::ClientContext context;
    const grpc::Status status = v1::TokenService::NewStub(lkd_->Unix())->CreateToken(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  static Headers Bearer(const std::string& secret) { return {{"authorization", "Bearer " + secret}}; }

  static v1::ListAuditEntriesResponse AuditLog() {
    v1::ListAuditEntriesResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(v1::AuditService::NewStub(lkd_->Unix())->ListAuditEntries(&context, {}, &response).ok());
    return response;
  }

  static ServedLkd* lkd_;
};
ServedLkd* AccessTest::lkd_ = nullptr;

TEST_F(AccessTest, EveryRpcHasARule) {
  const std::vector<std::string> methods = Methods();
  EXPECT_GE(methods.size(), 30U);
  for (const std::string& method : methods) {
    EXPECT_NE(api::FindRule(method), nullptr)
        << method << " has no row in server/api/rules.cc, so it is denied to everyone";
  }
  for (const Rule& rule : api::Rules()) {
    EXPECT_THAT(methods, Contains(std::string(rule.method))) << "every row is for a method that is served";
  }
}

TEST_F(AccessTest, EveryRpcIsCheckedForEveryRoleAndTransport) {
  struct Way {
    std::string name;
    Role role;
    bool known;
    std::shared_ptr<grpc::Channel> channel;
    Headers headers;
  };
  std::vector<Way> ways = {{"unix", Role::kAdmin, true, lkd_->Unix(), {}},
                           {"TCP, a stranger", Role::kNone, false, lkd_->Tcp(), {}}};
  for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
    const std::string word(access::ToString(role));
    ways.push_back({"token, " + word, role, true, lkd_->Tcp(), Bearer(MakeToken("all-" + word, word).secret())});
    ways.push_back({"certificate, " + word, role, true, lkd_->Tcp(word), {}});
  }
  std::vector<std::string> methods = Methods();
  // Methods that are not served here, or that do not exist.
  methods.insert(methods.end(), {"/lk.v1.AgentService/Session", "/lk.v1.Nothing/AtAll", "/"});
  size_t calls = 0;
  for (const Way& way : ways) {
    for (const std::string& method : methods) {
      SCOPED_TRACE(way.name + ": " + method);
      const RawAnswer answer = CallRaw(way.channel, method, "", way.headers);
      ++calls;
      const Rule* rule = api::FindRule(method);
      if (rule != nullptr && way.role >= rule->least) {
        EXPECT_FALSE(answer.refused()) << answer.status.error_message();
        EXPECT_NE(answer.code(), StatusCode::UNAVAILABLE) << answer.status.error_message();
      } else {
        EXPECT_EQ(answer.code(), way.known ? StatusCode::PERMISSION_DENIED : StatusCode::UNAUTHENTICATED)
            << answer.status.error_message();
        EXPECT_TRUE(answer.messages.empty());
      }
    }
  }
  EXPECT_GE(calls, 8 * methods.size());
  RecordProperty("calls", static_cast<int>(calls));
}

TEST_F(AccessTest, BadCredentialsAreRefused) {
  constexpr char kVersion[] = "/lk.v1.SystemService/GetVersion";
  const auto channel = lkd_->Tcp();
  const v1::CreateTokenResponse revoked = MakeToken("revoked", "admin");
  EXPECT_TRUE(CallRaw(channel, kVersion, "", Bearer(revoked.secret())).status.ok());
  v1::RevokeTokenRequest request;
  request.set_id("revoked");
  v1::Token token;
  grpc::ClientContext context;
  ASSERT_TRUE(v1::TokenService::NewStub(lkd_->Unix())->RevokeToken(&context, request, &token).ok());
  EXPECT_EQ(token.state(), "revoked");

  const std::string good = MakeToken("good", "viewer").secret();
  const std::string expired = MakeToken("expired", "admin", 1).secret();
  std::string altered = good;
  altered.back() = altered.back() == '0' ? '1' : '0';
  const std::vector<std::pair<Headers, std::string>> bad = {
      {Bearer(revoked.secret()), "has been revoked"},
      {Bearer(expired), "has expired"},
      {Bearer(altered), "no such token"},
      {Bearer(good.substr(0, good.size() - 1)), "no such token"},
      {Bearer(""), ""},
      {Bearer(std::string(4000, 'x')), "Bearer TOKEN"},
      {Bearer("' OR '1'='1"), "no such token"},
      {{{"authorization", "Basic " + good}}, "Bearer TOKEN"},
      {{{"authorization", good}}, "Bearer TOKEN"},
      {{{"authorization", "Bearer " + good}, {"authorization", "Bearer " + good}}, ""},
  };
  for (const auto& [headers, message] : bad) {
    const RawAnswer answer = CallRaw(channel, kVersion, "", headers);
    EXPECT_EQ(answer.code(), StatusCode::UNAUTHENTICATED) << headers[0].second;
    EXPECT_THAT(answer.status.error_message(), HasSubstr(message));
  }
  EXPECT_TRUE(CallRaw(channel, kVersion, "", Bearer(good)).status.ok());
  EXPECT_EQ(CallRaw(channel, kVersion, "", {{"lk_uid", "0"}}).code(), StatusCode::UNAUTHENTICATED);

  // Clients with a certificate from another CA, or without TLS, cannot even connect.
  EXPECT_EQ(CallRaw(lkd_->Tcp("admin", "other"), kVersion, "").code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(CallRaw(lkd_->TcpWithoutTls(), kHealth[0], "").code(), StatusCode::UNAVAILABLE);
  // A token takes precedence over a certificate, since the user gave the token on purpose.
  EXPECT_EQ(CallRaw(lkd_->Tcp("admin"), "/lk.v1.AuditService/ListAuditEntries", "", Bearer(good)).code(),
            StatusCode::PERMISSION_DENIED);
}

TEST_F(AccessTest, ChangesAreAudited) {
  const v1::CreateTokenResponse viewer = MakeToken("audited", "viewer");
  const auto stub = v1::HostService::NewStub(lkd_->Tcp());
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + viewer.secret());
  v1::RemoveHostRequest remove;
  remove.set_id("h1");
  v1::RemoveHostResponse removed;
  EXPECT_EQ(stub->RemoveHost(&context, remove, &removed).error_code(), StatusCode::PERMISSION_DENIED);
  grpc::ClientContext again;
  remove.set_id("h\x1b[31m\n2");
  EXPECT_EQ(v1::HostService::NewStub(lkd_->Tcp("admin"))->RemoveHost(&again, remove, &removed).error_code(),
            StatusCode::NOT_FOUND);

  const v1::ListAuditEntriesResponse log = AuditLog();
  ASSERT_GE(log.entries_size(), 3);
  EXPECT_EQ(log.entries(0).caller(), "certificate CN=admin,OU=lk-admin");
  EXPECT_EQ(log.entries(0).method(), "HostService/RemoveHost");
  EXPECT_EQ(log.entries(0).subject(), "h\\x1b[31m\\x0a2");
  EXPECT_THAT(log.entries(0).outcome(), HasSubstr("NOT_FOUND"));
  EXPECT_EQ(log.entries(1).caller(), "token audited (" + viewer.token().id() + ")");
  EXPECT_THAT(log.entries(1).outcome(), HasSubstr("PERMISSION_DENIED"));
  EXPECT_THAT(log.entries(2).caller(), HasSubstr("uid " + std::to_string(getuid())));
  EXPECT_EQ(log.entries(2).method(), "TokenService/CreateToken");
  EXPECT_EQ(log.entries(2).subject(), "audited viewer, " + viewer.token().id());
  EXPECT_EQ(log.entries(2).outcome(), "OK");
  // Reading is not a change.
  const int before = AuditLog().entries_size();
  EXPECT_TRUE(CallRaw(lkd_->Unix(), "/lk.v1.HostService/ListHosts", "").status.ok());
  EXPECT_EQ(AuditLog().entries_size(), before);
}

TEST_F(AccessTest, SecretsAreNotStored) {
  const v1::CreateTokenResponse made = MakeToken("secret", "operator");
  EXPECT_EQ(made.secret().size(), 68U);
  EXPECT_TRUE(CallRaw(lkd_->Tcp(), "/lk.v1.HostService/ListHosts", "", Bearer(made.secret())).status.ok());
  EXPECT_TRUE(CallRaw(lkd_->Tcp(), "/lk.v1.HostService/RemoveHost", "", Bearer(made.secret())).refused());
  EXPECT_TRUE(lkd_->Logs("audit: token secret"));
  EXPECT_THAT(lkd_->log(), Not(HasSubstr(made.secret())));
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(lkd_->Path("state"))) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_EQ(ReadFile(entry.path()).find(made.secret()), std::string::npos) << entry.path();
    struct stat file {};
    ASSERT_EQ(stat(entry.path().c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 07077, 0U) << entry.path() << " must not be accessible to others";
  }
  EXPECT_GE(files, 4U);
  struct stat socket {};
  ASSERT_EQ(stat(lkd_->Path("lkd.sock").c_str(), &socket), 0);
  EXPECT_EQ(socket.st_mode & 07777, 0660U);
  EXPECT_TRUE(S_ISSOCK(socket.st_mode));
  ASSERT_EQ(stat(lkd_->Path("state").c_str(), &socket), 0);
  EXPECT_EQ(socket.st_mode & 07066, 0U) << "others can traverse the state directory, but not list it";
}

TEST_F(AccessTest, TokenRequestsAreValidated) {
  const auto create = [](const std::string& name, const std::string& role, int64_t seconds) {
    v1::CreateTokenRequest request;
    request.set_name(name);
    request.set_role(role);
    request.mutable_valid()->set_seconds(seconds);
    v1::CreateTokenResponse response;
    grpc::ClientContext context;
    return v1::TokenService::NewStub(lkd_->Unix())->CreateToken(&context, request, &response).error_code();
  };
  EXPECT_EQ(create("once", "viewer", 60), StatusCode::OK);
  EXPECT_EQ(create("once", "viewer", 60), StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(create("", "viewer", 60), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(create("a b", "viewer", 60), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(create("x", "root", 60), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(create("x", "none", 60), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(create("x", "viewer", 0), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(create("x", "viewer", 367 * 86400), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(create("x", "viewer", INT64_MAX), StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace lk::test
