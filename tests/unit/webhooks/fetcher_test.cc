// SPDX-License-Identifier: Apache-2.0
// Fetches from a real HTTPS server on loopback; the test resolves the names.
#include "server/webhooks/fetcher.h"

#include <gmock/gmock.h>
#include <httplib.h>
#include <stdlib.h>

#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "server/webhooks/signature.h"
#include "tests/unit/webhooks/fixture.h"

namespace lk::webhooks {
namespace {

using testing::HasSubstr;
using testing::Not;

// A key and a certificate for artifacts.test, other.test and 127.0.0.1, generated once.
struct Certificate {
  Certificate() {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=lk -addext "
        "subjectAltName=DNS:artifacts.test,DNS:other.test,IP:127.0.0.1 -keyout " +
        (folder / "key.pem").string() + " -out " + (folder / "cert.pem").string() + " 2>/dev/null";
    EXPECT_EQ(system(command.c_str()), 0);  // NOLINT(cert-env33-c, concurrency-mt-unsafe)
  }
  std::string cert() const { return (folder / "cert.pem").string(); }
  std::string key() const { return (folder / "key.pem").string(); }
  Folder folder;
};
const Certificate& TheCertificate() {
  static const Certificate certificate;
  return certificate;
}

class FetcherTest : public testing::Test {
 protected:
  FetcherTest() : server_(TheCertificate().cert().c_str(), TheCertificate().key().c_str()) {
    server_.Get("/kernel.deb", [this](const httplib::Request& request, httplib::Response& response) {
      ++served_;
      authorization_ = request.get_header_value("Authorization");
      response.set_content("a kernel", "application/octet-stream");
    });
    server_.Get("/to", [](const httplib::Request& request, httplib::Response& response) {
      response.set_redirect(request.get_param_value("url"));
    });
    server_.Get("/broken", [](const httplib::Request&, httplib::Response& response) { response.status = 503; });
    server_.Get("/loop", [](const httplib::Request&, httplib::Response& response) { response.set_redirect("/loop"); });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    names_ = {{"artifacts.test", {"127.0.0.1"}}, {"other.test", {"127.0.0.1"}}, {"127.0.0.1", {"127.0.0.1"}}};
    config_.ca_file = TheCertificate().cert();
    config_.origins = {{Origin("artifacts.test"), "", true}};
  }
  ~FetcherTest() override {
    while (!server_.is_running()) std::this_thread::yield();
    server_.stop();
    thread_.join();
  }

  std::string Origin(const std::string& host) const { return "https://" + host + ":" + std::to_string(port_); }
  Fetcher Make() {
    return Fetcher::Create(config_,
                           [this](const std::string& host) -> StatusOr<std::vector<IpAddress>> {
                             asked_.push_back(host);
                             const auto name = names_.find(host);
                             if (name == names_.end()) return absl::NotFoundError(host + ": no such host");
                             std::vector<IpAddress> addresses;
                             for (const std::string& text : name->second)
                               addresses.push_back(ParseIpAddress(text).value());
                             return addresses;
                           })
        .value();
  }
  Status Fetch(const std::string& url, const std::string& sha256 = "") {
    std::filesystem::remove(folder_ / "file");
    return Make().Fetch(url, folder_ / "file", sha256, stop_);
  }
  std::string Content() const {
    std::ifstream file(folder_ / "file");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  httplib::SSLServer server_;
  int port_ = 0;
  std::thread thread_;
  std::atomic<int> served_ = 0;
  std::string authorization_;
  std::map<std::string, std::vector<std::string>> names_;
  std::vector<std::string> asked_;
  config::Webhooks::Artifacts config_;
  std::atomic<bool> stop_ = false;
  Folder folder_;
};

TEST_F(FetcherTest, FetchesFromAnAllowedOrigin) {
  EXPECT_EQ(Fetch(Origin("artifacts.test") + "/kernel.deb"), absl::OkStatus());
  EXPECT_EQ(Content(), "a kernel");
  EXPECT_EQ(Fetch(Origin("artifacts.test") + "/kernel.deb", Sha256Hex("a kernel")), absl::OkStatus());
  const Status other = Fetch(Origin("artifacts.test") + "/kernel.deb", Sha256Hex("another"));
  EXPECT_TRUE(absl::IsDataLoss(other)) << other;
}

TEST_F(FetcherTest, OtherOriginsAreRefusedWithoutAConnection) {
  for (const std::string& url : {Origin("other.test") + "/kernel.deb", std::string("https://artifacts.test/kernel.deb"),
                                 "http://artifacts.test:" + std::to_string(port_) + "/kernel.deb",
                                 Origin("artifacts.test.other.test") + "/kernel.deb"}) {
    const Status status = Fetch(url);
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << url << ": " << status;
  }
  for (const std::string& url : {std::string("file:///etc/passwd"), std::string("ftp://artifacts.test/x"),
                                 std::string("gopher://artifacts.test/"), std::string("scp://artifacts.test/x"),
                                 std::string("kernel.deb"), std::string("//artifacts.test/x"), std::string(),
                                 "https://user@artifacts.test:" + std::to_string(port_) + "/kernel.deb",
                                 "https://artifacts.test:pass@other.test:" + std::to_string(port_) + "/kernel.deb"}) {
    const Status status = Fetch(url);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << url << ": " << status;
  }
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(served_, 0);
}

TEST_F(FetcherTest, NamesWithPrivateAddressesAreRefused) {
  config_.origins[0].private_addresses = false;
  for (const char* address : {"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0",
                              "100.64.0.1", "::1", "::", "fe80::1", "fd00::1", "::ffff:127.0.0.1",
                              "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::1"}) {
    names_["artifacts.test"] = {address};
    const Status status = Fetch(Origin("artifacts.test") + "/kernel.deb");
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << address << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("not a public address"));
  }
  names_["artifacts.test"] = {"93.184.216.34", "127.0.0.1"};
  EXPECT_TRUE(absl::IsPermissionDenied(Fetch(Origin("artifacts.test") + "/kernel.deb")))
      << "one private address is enough for a refusal";
  EXPECT_EQ(served_, 0);
}

TEST_F(FetcherTest, LiteralAddressesAreCheckedAsWell) {
  // libcurl reads all of these as loopback addresses. They are refused even if their origin is allowed.
  config_.origins = {
      {Origin("127.0.0.1"), "", false}, {Origin("[::1]"), "", false}, {Origin("[::ffff:127.0.0.1]"), "", false}};
  names_["::1"] = {"::1"};
  names_["::ffff:127.0.0.1"] = {"::ffff:127.0.0.1"};
  names_["::ffff:7f00:1"] = {"::ffff:127.0.0.1"};
  for (const char* host : {"127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.1", "017700000001",
                           "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1."}) {
    const Status status = Fetch(Origin(host) + "/kernel.deb");
    EXPECT_TRUE(absl::IsPermissionDenied(status) || absl::IsNotFound(status)) << host << ": " << status;
  }
  EXPECT_EQ(served_, 0);
}

TEST_F(FetcherTest, EveryRedirectIsChecked) {
  const std::string to = Origin("artifacts.test") + "/to?url=";
  EXPECT_EQ(Fetch(to + Origin("artifacts.test") + "/kernel.deb"), absl::OkStatus());
  EXPECT_EQ(Content(), "a kernel");
  EXPECT_EQ(Fetch(to + "/kernel.deb"), absl::OkStatus()) << "relative redirects are followed";
  served_ = 0;
  EXPECT_TRUE(absl::IsPermissionDenied(Fetch(to + Origin("other.test") + "/kernel.deb")));
  EXPECT_TRUE(absl::IsPermissionDenied(Fetch(to + "http://artifacts.test:" + std::to_string(port_) + "/kernel.deb")));
  EXPECT_TRUE(absl::IsPermissionDenied(Fetch(to + "https://169.254.169.254/latest/meta-data/")));
  EXPECT_FALSE(Fetch(to + "file:///etc/passwd").ok());
  EXPECT_FALSE(Fetch(Origin("artifacts.test") + "/loop").ok());
  // An allowed origin with a name that resolves to a private address.
  config_.origins.push_back({Origin("other.test"), "", false});
  EXPECT_TRUE(absl::IsPermissionDenied(Fetch(to + Origin("other.test") + "/kernel.deb")));
  EXPECT_EQ(served_, 0);
  EXPECT_THAT(Content(), Not(HasSubstr("kernel")));
}

TEST_F(FetcherTest, ResolvesOnceAndConnectsToTheCheckedAddress) {
  EXPECT_EQ(Fetch(Origin("artifacts.test") + "/kernel.deb"), absl::OkStatus());
  EXPECT_THAT(asked_, testing::ElementsAre("artifacts.test")) << "a second lookup could have a different result";
}

TEST_F(FetcherTest, TokensAreSentToTheirOriginOnly) {
  config_.origins = {{Origin("artifacts.test"), folder_.Write("token", "hidden\n"), true},
                     {Origin("other.test"), "", true}};
  EXPECT_EQ(Fetch(Origin("artifacts.test") + "/kernel.deb"), absl::OkStatus());
  EXPECT_EQ(authorization_, "Bearer hidden");
  EXPECT_EQ(Fetch(Origin("artifacts.test") + "/to?url=" + Origin("other.test") + "/kernel.deb"), absl::OkStatus());
  EXPECT_EQ(authorization_, "");
}

TEST_F(FetcherTest, EnforcesTheSizeLimitAndStops) {
  config_.max_bytes = 7;
  EXPECT_TRUE(absl::IsResourceExhausted(Fetch(Origin("artifacts.test") + "/kernel.deb")));
  config_.max_bytes = 8;
  EXPECT_EQ(Fetch(Origin("artifacts.test") + "/kernel.deb"), absl::OkStatus());
  stop_ = true;
  EXPECT_TRUE(absl::IsCancelled(Fetch(Origin("artifacts.test") + "/kernel.deb")));
}

TEST_F(FetcherTest, DistinguishesTemporaryAndPermanentErrors) {
  EXPECT_TRUE(absl::IsUnavailable(Fetch(Origin("artifacts.test") + "/broken")));
  EXPECT_TRUE(absl::IsNotFound(Fetch(Origin("artifacts.test") + "/elsewhere")));
  config_.ca_file = "";
  EXPECT_TRUE(absl::IsPermissionDenied(Fetch(Origin("artifacts.test") + "/kernel.deb")))
      << "a certificate from an unknown CA is refused";
}

}  // namespace
}  // namespace lk::webhooks
