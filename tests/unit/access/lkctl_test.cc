// SPDX-License-Identifier: Apache-2.0
// Runs the real lkctl against a real lkd, and checks its messages and exit codes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "served_lkd.h"

namespace lk::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

struct Said {
  int code = -1;
  std::string out;
  std::string err;
};
Said Lkctl(const ServedLkd& lkd, const std::string& server, const std::string& arguments) {
  const std::string command =
      fmt::format("cd '{}' && '{}' --server '{}' {} 2>err", lkd.Path("").string(), LK_LKCTL, server, arguments);
  Said said;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> buffer;
  for (size_t got = 0; (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) said.out.append(buffer.data(), got);
  const int status = pclose(pipe);
  said.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  said.err = ReadFile(lkd.Path("err"));
  return said;
}

TEST(LkctlAccess, TokensAndCertificates) {
  const ServedLkd lkd;
  const Said made = Lkctl(lkd, lkd.socket(), "token create --name ci --role viewer --expires 2d");
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, MatchesRegex("lk1_[0-9a-f]+\n"));
  EXPECT_THAT(made.err, HasSubstr("token ci (t"));
  std::ofstream(lkd.Path("token")) << made.out;
  EXPECT_EQ(Lkctl(lkd, lkd.socket(), "token create --name x --role root").code, 2);
  EXPECT_EQ(Lkctl(lkd, lkd.socket(), "token create --name x --role viewer --expires soon").code, 2);

  const std::string token = "--ca pki/ca.pem --token-file token ";
  EXPECT_EQ(Lkctl(lkd, lkd.tcp(), token + "host list").code, 0);
  const Said low = Lkctl(lkd, lkd.tcp(), token + "host remove h1");
  EXPECT_EQ(low.code, 4);
  EXPECT_THAT(low.err, HasSubstr("refused the request: token ci (t"));
  EXPECT_THAT(low.err, HasSubstr("has role viewer, but HostService/RemoveHost requires admin"));

  const Said none = Lkctl(lkd, lkd.tcp(), "--ca pki/ca.pem host list");
  EXPECT_EQ(none.code, 4);
  EXPECT_THAT(none.err, HasSubstr("--token-file"));
  EXPECT_EQ(Lkctl(lkd, lkd.tcp(), "host list").code, 4) << "the system does not trust this CA";
  EXPECT_EQ(Lkctl(lkd, lkd.tcp(), "--ca pki/ca.pem --token-file missing host list").code, 2);
  EXPECT_EQ(Lkctl(lkd, lkd.tcp(), "--ca pki/ca.pem --token-file pki/ca.pem host list").code, 2)
      << "the file does not contain a token";
  EXPECT_EQ(Lkctl(lkd, lkd.tcp(), "--ca pki/ca.pem --cert pki/admin.pem host list").code, 2) << "--key is missing";

  const std::string admin = "--ca pki/ca.pem --cert pki/admin.pem --key pki/admin.key ";
  EXPECT_THAT(Lkctl(lkd, lkd.tcp(), admin + "token list").out, HasSubstr("live"));
  EXPECT_EQ(Lkctl(lkd, lkd.tcp(), admin + "token revoke ci").code, 0);
  EXPECT_EQ(Lkctl(lkd, lkd.tcp(), token + "host list").code, 4);
  const Said audit = Lkctl(lkd, lkd.socket(), "audit list");
  EXPECT_EQ(audit.code, 0);
  EXPECT_THAT(audit.out, HasSubstr("certificate CN=admin,OU=lk-admin  TokenService/RevokeToken"));
  EXPECT_THAT(audit.out, HasSubstr("PERMISSION_DENIED"));
}

}  // namespace
}  // namespace lk::test
