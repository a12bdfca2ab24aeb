// SPDX-License-Identifier: Apache-2.0
// Authorization decisions and client certificates, without a connection.
#include "server/api/authorizer.h"

#include <gmock/gmock.h>

#include "served_lkd.h"
#include "server/api/rules.h"

namespace lk::api {
namespace {

using access::Role;
using testing::HasSubstr;

TEST(Decide, RefusesByDefault) {
  for (const char* method :
       {"", "/", "/lk.v1.HostService/", "/lk.v1.HostService/AddHost2", "/lk.v1.HostService/addhost",
        "//lk.v1.HostService/ListHosts", "/lk.v1.AgentService/Session"}) {
    EXPECT_TRUE(absl::IsPermissionDenied(Decide(method, {"root", Role::kAdmin, true}))) << method;
    EXPECT_TRUE(absl::IsUnauthenticated(Decide(method, {}))) << method;
  }
}

TEST(Decide, NamesTheRequiredRole) {
  EXPECT_EQ(Decide("/lk.v1.HostService/AddHost", {"token ci (t1)", Role::kOperator, true}).message(),
            "token ci (t1) has role operator, but HostService/AddHost requires admin");
  EXPECT_THAT(std::string(Decide("/lk.v1.HostService/ListHosts", {"certificate CN=x", Role::kNone, true}).message()),
              HasSubstr("OU must be lk-viewer"));
  EXPECT_TRUE(Decide("/grpc.health.v1.Health/Check", {}).ok());
}

TEST(Decide, EveryChangeRequiresMoreThanTheViewerRole) {
  for (const Rule& rule : Rules()) {
    if (!rule.changes()) continue;
    EXPECT_GE(rule.least, Role::kOperator) << rule.method;
  }
}

TEST(Certificate, NameAndRoleComeFromTheSubject) {
  const test::ServedLkd lkd;
  const Caller admin = CallerOfCertificate(test::ReadFile(lkd.Path("pki/admin.pem")));
  EXPECT_TRUE(admin.known);
  EXPECT_EQ(admin.role, Role::kAdmin);
  EXPECT_EQ(admin.name, "certificate CN=admin,OU=lk-admin");
  // lkd's own certificate has no role.
  const Caller server = CallerOfCertificate(test::ReadFile(lkd.Path("pki/server.pem")));
  EXPECT_EQ(server.role, Role::kNone);
  EXPECT_FALSE(CallerOfCertificate("not PEM").known);

  EXPECT_EQ(lkd.Pki("client pki admin admin"), 2) << "existing files are not overwritten";
  EXPECT_EQ(lkd.Pki("client pki x root"), 2);
  EXPECT_EQ(lkd.Pki("client pki ../x admin"), 2);
  EXPECT_EQ(lkd.Pki("client pki 'x/OU=lk-admin' viewer"), 2);
  EXPECT_EQ(lkd.Pki("client nowhere x admin"), 2) << "there is no CA in this directory";
  EXPECT_EQ(lkd.Pki("server other 'a,DNS:b'"), 2);
}

}  // namespace
}  // namespace lk::api
