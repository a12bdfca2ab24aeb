// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/signature.h"

#include <absl/strings/escaping.h>
#include <gmock/gmock.h>
#include <time.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "tests/unit/webhooks/fixture.h"

namespace lk::webhooks {
namespace {

using testing::HasSubstr;
using testing::Not;

// docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation".
const char kGitHubSecret[] = "It's a Secret to Everybody";
const char kGitHubBody[] = "Hello, World!";
const char kGitHubSignature[] = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

// The test vector from the Standard Webhooks libraries.
const char kId[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const char kBody[] = R"({"test": 2432232314})";
const char kSignature[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const absl::Time kSigned = absl::FromUnixSeconds(1614265330);
constexpr absl::Duration kTolerance = absl::Minutes(5);

Secrets Standard() {
  return {ParseSigningSecret(kStandardSecret).value()};
}
StandardHeaders Published() {
  return {kId, "1614265330", kSignature};
}
StandardResult Check(const StandardHeaders& headers, std::string_view body = kBody, absl::Time now = kSigned) {
  return CheckStandard(Standard(), headers, body, now, kTolerance);
}

TEST(Signature, AcceptsGitHubsPublishedVector) {
  EXPECT_TRUE(GitHubSignatureGood({Secret(kGitHubSecret)}, kGitHubSignature, kGitHubBody));
  EXPECT_TRUE(GitHubSignatureGood({Secret("new one"), Secret(kGitHubSecret)}, kGitHubSignature, kGitHubBody));
}

TEST(Signature, RefusesWrongGitHubSignatures) {
  const Secrets secrets = {Secret(kGitHubSecret)};
  const std::string good = kGitHubSignature;
  std::string first = good, last = good;
  first[7] = '8';
  last.back() = '8';
  for (const std::string& header :
       {std::string(), std::string("sha256="), first, last, good.substr(0, good.size() - 1), good + "0", good.substr(7),
        "sha1=" + good.substr(7), "sha256=" + std::string(64, 'g'), good + ", " + good, " " + good}) {
    EXPECT_FALSE(GitHubSignatureGood(secrets, header, kGitHubBody)) << header;
  }
  EXPECT_FALSE(GitHubSignatureGood(secrets, kGitHubSignature, "Hello, World"));
  EXPECT_FALSE(GitHubSignatureGood({Secret("another")}, kGitHubSignature, kGitHubBody));
  EXPECT_FALSE(GitHubSignatureGood({}, kGitHubSignature, kGitHubBody));
}

TEST(Signature, ChecksGitLabTokens) {
  const Secrets secrets = {Secret("old token"), Secret("new token")};
  EXPECT_TRUE(TokenGood(secrets, "old token"));
  EXPECT_TRUE(TokenGood(secrets, "new token"));
  for (const char* header : {"", "old toke", "old token ", "new tokem", "old token, old token"}) {
    EXPECT_FALSE(TokenGood(secrets, header)) << header;
  }
}

TEST(Signature, AcceptsThePublishedStandardVector) {
  EXPECT_EQ(Check(Published()), StandardResult::kGood);
  const StandardHeaders headers = SignStandard(Standard(), kId, kSigned, kBody);
  EXPECT_EQ(headers.signature, kSignature);
  EXPECT_EQ(headers.timestamp, "1614265330");
  EXPECT_EQ(headers.id, kId);
}

TEST(Signature, AcceptsSeveralSignaturesAndSecrets) {
  // As in the specification: several schemes and several secrets.
  StandardHeaders headers = Published();
  headers.signature =
      "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== "
      "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= " +
      headers.signature;
  EXPECT_EQ(Check(headers), StandardResult::kGood);

  const Secrets rotated = {ParseSigningSecret("whsec_" + std::string(40, 'A')).value(), Standard()[0]};
  const StandardHeaders both = SignStandard(rotated, kId, kSigned, kBody);
  EXPECT_THAT(both.signature, HasSubstr(" "));
  EXPECT_EQ(Check(both), StandardResult::kGood) << "a receiver that has only the old secret accepts it";
  EXPECT_EQ(CheckStandard(rotated, Published(), kBody, kSigned, kTolerance), StandardResult::kGood);
}

TEST(Signature, RefusesWrongStandardSignatures) {
  const auto with = [](std::string StandardHeaders::*field, const std::string& value) {
    StandardHeaders headers = Published();
    headers.*field = value;
    return headers;
  };
  const std::string good = kSignature;
  for (const std::string& signature : {std::string(), good.substr(3), "v2" + good.substr(2), good.substr(0, 20),
                                       std::string("v1,"), "v1 " + good.substr(3), "v1,A" + good.substr(4)}) {
    EXPECT_EQ(Check(with(&StandardHeaders::signature, signature)), StandardResult::kWrong) << signature;
  }
  for (const char* timestamp :
       {"", "1614265331", "+1614265330", " 1614265330", "1614265330.0", "99999999999999999999"}) {
    EXPECT_EQ(Check(with(&StandardHeaders::timestamp, timestamp)), StandardResult::kWrong) << timestamp;
  }
  EXPECT_EQ(Check(with(&StandardHeaders::id, "")), StandardResult::kWrong);
  EXPECT_EQ(Check(with(&StandardHeaders::id, "msg_other")), StandardResult::kWrong);
  EXPECT_EQ(Check(Published(), R"({"test": 2432232315})"), StandardResult::kWrong);
}

TEST(Signature, FullStopInAnIdCannotMoveTheBoundary) {
  // The signed text, "a.1614265330.1614265330.x", would also match the id "a" with the body "1614265330.x".
  StandardHeaders headers = SignStandard(Standard(), "a.1614265330", kSigned, "x");
  EXPECT_EQ(Check(headers, "x"), StandardResult::kWrong);
}

TEST(Signature, RefusesStaleTimestamps) {
  EXPECT_EQ(Check(Published(), kBody, kSigned + kTolerance), StandardResult::kGood);
  EXPECT_EQ(Check(Published(), kBody, kSigned + kTolerance + absl::Seconds(1)), StandardResult::kStale);
  EXPECT_EQ(Check(Published(), kBody, kSigned - kTolerance - absl::Seconds(1)), StandardResult::kStale);
  StandardHeaders wrong = Published();
  wrong.signature = "v1,AAAA";
  EXPECT_EQ(Check(wrong, kBody, kSigned + absl::Hours(1)), StandardResult::kWrong)
      << "a stale timestamp is not reported if the signature is wrong";
}

double ThreadNanoseconds() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e9 + static_cast<double>(spent.tv_nsec);
}

// Returns the median CPU time of each function over many interleaved rounds, so that other load affects all of them
// equally.
std::vector<double> MedianNanoseconds(const std::vector<std::function<void()>>& works) {
  std::vector<std::vector<double>> times(works.size());
  for (int round = 0; round < 2001; ++round) {
    for (size_t i = 0; i < works.size(); ++i) {
      const double begin = ThreadNanoseconds();
      works[i]();
      times[i].push_back(ThreadNanoseconds() - begin);
    }
  }
  std::vector<double> medians;
  for (std::vector<double>& of : times) {
    std::nth_element(of.begin(), of.begin() + static_cast<int64_t>(of.size() / 2), of.end());
    medians.push_back(of[of.size() / 2]);
  }
  return medians;
}

TEST(Signature, RefusalTakesTheSameTimeWhateverIsWrong) {
  const Secrets secrets = {Secret(kGitHubSecret), Secret("another")};
  const std::string body(16 << 10, 'x');
  const std::string good = "sha256=" + absl::BytesToHexString(HmacSha256(kGitHubSecret, body));
  std::string first = good, last = good;
  first[7] = first[7] == '0' ? '1' : '0';
  last.back() = last.back() == '0' ? '1' : '0';
  const auto check = [&](const std::string& header) {
    return [&secrets, &body, header] { ASSERT_FALSE(GitHubSignatureGood(secrets, header, body)); };
  };
  const std::vector<double> medians =
      MedianNanoseconds({check(first), check(last), check(""), check("sha256=12"), check(good + "0")});
  for (const double median : medians) {
    EXPECT_GT(median, 0.75 * medians[0]);
    EXPECT_LT(median, 1.33 * medians[0]);
  }
}

TEST(Secret, FilesAreCheckedAndNeverQuoted) {
  const Folder folder;
  EXPECT_EQ(ReadSecret(folder.Write("good", "hidden\n")).value().Reveal(), "hidden");
  const std::filesystem::path open = folder.Write("open", "hidden");
  chmod(open.c_str(), 0644);
  const std::vector<std::pair<std::filesystem::path, std::string>> bad = {
      {open, "readable by everybody"},
      {folder.Write("empty", "\n"), "empty"},
      {folder.Write("large", std::string(5000, 'h')), "larger"},
      {folder / "none", "No such file"}};
  for (const auto& [path, why] : bad) {
    const Status status = ReadSecret(path).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path.string()));
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }
  EXPECT_EQ(ReadSigningSecret(folder.Write("signing", std::string(kStandardSecret) + "\n")).value().Reveal().size(),
            24u);
  for (const char* text : {"hidden", "whsec_hidden", "whsec_c2hvcnQ=", "whsec_!!!!"}) {
    const Status status = ReadSigningSecret(folder.Write("bad", text)).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << text;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("hidden")));
  }
}

}  // namespace
}  // namespace lk::webhooks
