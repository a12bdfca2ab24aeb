// SPDX-License-Identifier: Apache-2.0
#include "server/config/config.h"

#include <gmock/gmock.h>

#include <cstdlib>

namespace lk::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Errors(std::string_view yaml) {
  Config config;
  std::vector<std::string> texts;
  for (const ConfigError& error : ParseConfig(yaml, config)) {
    texts.push_back(std::to_string(error.line) + ":" + std::to_string(error.column) + " " + error.message);
  }
  return texts;
}

TEST(Config, WebhooksAreRead) {
  Config c;
  const std::vector<ConfigError> errors = ParseConfig(R"(
webhooks:
  maxBodyBytes: 2MiB
  maxQueued: 7
  remember: 1h
  tolerance: 1min
  github: { secretFiles: [ /s/new, /s/old ] }
  gitlab: { secretFiles: [ /s/gitlab ] }
  generic: { secretFiles: [ /s/generic ] }
  artifacts:
    origins:
      - { url: "https://artifacts.example.org/" }
      - { url: "https://localhost:8443", tokenFile: /s/token, privateAddresses: true }
    caFile: /ca.pem
    maxBytes: 1MiB
    timeout: 1s
  rules:
    - name: next
      source: github
      event: push
      repository: octo/linux
      branches: [ main ]
      tags: [ "v*" ]
      forks: true
      campaign: /nightly.yaml
      artifacts: [ { url: "https://artifacts.example.org/${commit}.deb" }, { name: "*.config", role: config } ]
      set: { metadata.labels.branch: branch }
  targets:
    - { name: ci, format: lk, url: "http://127.0.0.1:1/hook", secretFiles: [ /s/out ] }
    - { name: status, format: github_status, url: "https://api.github.com/", tokenFile: /s/github, context: lockups }
  retry: { first: 1s, most: 2s, attempts: 3, timeout: 4s }
)",
                                                      c);
  for (const ConfigError& error : errors) ADD_FAILURE() << error.line << ": " << error.message;
  const Webhooks& w = c.webhooks;
  EXPECT_EQ(w.max_body_bytes, 2u << 20);
  EXPECT_EQ(w.max_queued, 7u);
  EXPECT_EQ(w.github.secret_files.size(), 2u);
  ASSERT_EQ(w.artifacts.origins.size(), 2u);
  EXPECT_EQ(w.artifacts.origins[0].url, "https://artifacts.example.org");
  EXPECT_TRUE(w.artifacts.origins[1].private_addresses);
  EXPECT_FALSE(w.artifacts.origins[0].private_addresses);
  ASSERT_EQ(w.rules.size(), 1u);
  EXPECT_TRUE(w.rules[0].forks);
  ASSERT_EQ(w.rules[0].artifacts.size(), 2u);
  EXPECT_EQ(w.rules[0].artifacts[0].role, "debian_package");
  EXPECT_EQ(w.rules[0].artifacts[1].role, "config");
  EXPECT_EQ(w.rules[0].set.at("metadata.labels.branch"), "branch");
  ASSERT_EQ(w.targets.size(), 2u);
  EXPECT_EQ(w.targets[1].url, "https://api.github.com");
  EXPECT_EQ(w.retry.attempts, 3u);
}

TEST(Config, ReportsMistakesInWebhooks) {
  EXPECT_THAT(Errors("webhooks: { githup: {} }"),
              ElementsAre(HasSubstr("1:13 webhooks.githup: unknown key \"githup\"")));
  const std::vector<std::string> errors = Errors(R"(webhooks:
  github: { secret: hidden }
  artifacts: { origins: [ { url: "http://a.test" }, { url: "https://a.test/path" } ] }
  rules:
    - { name: a, source: github, event: pipeline, repository: x, campaign: nightly.yaml, artifacts: [ {} ] }
    - { name: a, source: github, event: push, repository: x, campaign: /n.yaml, set: { spec.repeats: number } }
  targets:
    - { name: a.b, format: lk, url: "http://ci.test/" }
    - { name: k, format: kcidb, url: "https://k.test", tokenFile: /t, context: "L K" }
)");
  const std::vector<std::string> wanted = {"2:",
                                           "2:13",
                                           "3:",
                                           "is not an https URL",
                                           "an origin cannot have a path",
                                           "unknown event",
                                           "is not an absolute path",
                                           "expected either \"url\" or \"name\"",
                                           "duplicate name \"a\"",
                                           "unknown variable",
                                           "a target's name cannot contain",
                                           "http is accepted only on loopback",
                                           "\"secretFiles\" is missing",
                                           "KCIDB's origin"};
  for (const std::string& want : wanted) EXPECT_THAT(errors, testing::Contains(HasSubstr(want))) << want;
}

TEST(Config, EverySettingIsRead) {
  Config c;
  const std::vector<ConfigError> errors = ParseConfig(R"(
stateDirectory: /state
operator: { socket: /s.sock, listen: "0.0.0.0:7640", certificate: /c.pem, key: /k.pem,
            clientCa: /ca.pem, auditKeep: 48h }
agent:
  listen: 0.0.0.0:1
  advertise: lk.example:2
  directory: /agents
  maxMessageBytes: 2MiB
  maxMessagesPerSecond: 3
http: { listen: "[::1]:4" }
metrics:
  { listen: "localhost:5", maxSeries: 6, maxTitles: 7, pushTo: "https://push.example:9091/p", pushInstance: "ci-1.a:b_" }
store: postgresql://db/lk
consoleMaxBytes: 5GiB
dumps: { maxBytes: 3GiB, keepFree: 4GiB }
workers: 7
logLevel: warn
limits:
  boot: 1s
  prepare: 2s
  reconnect: 3s
  heartbeat: 4s
  grace: 5s
  afterFatal: 6s
  afterFatalMost: 7s
  reportQuiet: 8s
  drain: 9s
  destroy: 10s
  powerOff: 11s
  paused: 12s
  registers: 13s
  nmi: 14s
  dump: 15s
  hostRetry: 2min
  emulationFactor: 1.5
testHooks: [ drop_console ]
)",
                                                      c);
  ASSERT_THAT(errors, IsEmpty()) << errors[0].line << ": " << errors[0].message;
  EXPECT_EQ(c.state_directory, "/state");
  EXPECT_EQ(c.operators.socket, "/s.sock");
  EXPECT_EQ(c.operators.listen, "0.0.0.0:7640");
  EXPECT_EQ(c.operators.certificate, "/c.pem");
  EXPECT_EQ(c.operators.key, "/k.pem");
  EXPECT_EQ(c.agent.listen, "0.0.0.0:1");
  EXPECT_EQ(c.agent.advertise, "lk.example:2");
  EXPECT_EQ(c.agent.directory, "/agents");
  EXPECT_EQ(c.agent.max_message_bytes, 2u << 20);
  EXPECT_EQ(c.agent.max_messages_per_second, 3u);
  EXPECT_EQ(c.http.listen, "[::1]:4");
  EXPECT_EQ(c.metrics.listen, "localhost:5");
  EXPECT_EQ(c.metrics.limits.max_series, 6u);
  EXPECT_EQ(c.metrics.limits.max_titles, 7u);
  EXPECT_EQ(c.metrics.push_to, "https://push.example:9091/p");
  EXPECT_EQ(c.metrics.push_instance, "ci-1.a:b_");
  EXPECT_EQ(c.store, "postgresql://db/lk");
  EXPECT_EQ(c.console_max_bytes, uint64_t{5} << 30);
  EXPECT_EQ(c.dumps.max_bytes, uint64_t{3} << 30);
  EXPECT_EQ(c.dumps.keep_free, uint64_t{4} << 30);
  EXPECT_EQ(c.workers, 7u);
  EXPECT_EQ(c.log_level, "warn");
  EXPECT_EQ(c.limits.boot, absl::Seconds(1));
  EXPECT_EQ(c.limits.prepare, absl::Seconds(2));
  EXPECT_EQ(c.limits.reconnect, absl::Seconds(3));
  EXPECT_EQ(c.limits.heartbeat, absl::Seconds(4));
  EXPECT_EQ(c.limits.grace, absl::Seconds(5));
  EXPECT_EQ(c.limits.after_fatal, absl::Seconds(6));
  EXPECT_EQ(c.limits.after_fatal_most, absl::Seconds(7));
  EXPECT_EQ(c.limits.report_quiet, absl::Seconds(8));
  EXPECT_EQ(c.limits.drain, absl::Seconds(9));
  EXPECT_EQ(c.limits.destroy, absl::Seconds(10));
  EXPECT_EQ(c.limits.power_off, absl::Seconds(11));
  EXPECT_EQ(c.limits.paused, absl::Seconds(12));
  EXPECT_EQ(c.limits.registers, absl::Seconds(13));
  EXPECT_EQ(c.limits.nmi, absl::Seconds(14));
  EXPECT_EQ(c.limits.dump, absl::Seconds(15));
  EXPECT_EQ(c.limits.host_retry, absl::Minutes(2));
  EXPECT_EQ(c.limits.emulation_factor, 1.5);
  EXPECT_THAT(c.test_hooks, ElementsAre("drop_console"));
}

TEST(Config, UnsetFieldsKeepTheirValues) {
  Config c = Defaults();
  EXPECT_THAT(ParseConfig("workers: 3\n", c), IsEmpty());
  EXPECT_EQ(c.workers, 3u);
  EXPECT_EQ(c.metrics.listen, "127.0.0.1:9464");
  EXPECT_THAT(ParseConfig("", c), IsEmpty());
  EXPECT_THAT(ParseConfig("# only a comment\n", c), IsEmpty());
}

TEST(Config, ReportsAllErrorsInFileOrder) {
  EXPECT_THAT(Errors("stateDirectory: relative\n"
                     "agent:\n"
                     "  lissten: x\n"
                     "  maxMessageBytes: 8GiB\n"
                     "limits: { boot: 60, emulationFactor: 0.5 }\n"
                     "workers: [1]\n"
                     "workers: 2\n"
                     "http: 127.0.0.1:1\n"
                     "logLevel: loud\n"
                     "testHooks: [nothing]\n"),
              ElementsAre(HasSubstr("1:17 stateDirectory: \"relative\": must be an absolute path"),
                          HasSubstr("3:3 unknown key \"lissten\" in agent; did you mean \"listen\"? Valid: advertise, "
                                    "directory, listen, max"),
                          HasSubstr("4:20 agent.maxMessageBytes: \"8GiB\": must be between 1B and"),
                          HasSubstr("5:17 limits.boot: \"60\": "),
                          HasSubstr("5:38 limits.emulationFactor: \"0.5\": must be a number from 1"),
                          HasSubstr("6:10 workers: must be a single value"), HasSubstr("7:1 duplicate key \"workers\""),
                          HasSubstr("8:7 http must be a mapping"),
                          HasSubstr("9:11 logLevel: \"loud\": must be one of: trace, debug"),
                          HasSubstr("10:13 testHooks: \"nothing\": must be one of: drop_console, kill_worker")));
}

TEST(Config, YamlErrorsHaveAPosition) {
  EXPECT_THAT(Errors("a: [1,\nb: {\n"), ElementsAre(testing::ContainsRegex("^[1-9][0-9]*:[1-9]")));
  EXPECT_THAT(Errors("workers: 1\n---\nworkers: 2\n"), ElementsAre(HasSubstr("2:1 expected a single YAML document")));
  EXPECT_THAT(Errors("a: }]\n"), ElementsAre(testing::ContainsRegex("^1:[1-9]")));
  EXPECT_THAT(Errors("just text"), ElementsAre(HasSubstr("1:1 the file must be a mapping")));
  EXPECT_THAT(Errors("? [a, b]\n: 1\n"), ElementsAre(HasSubstr("1:3 unknown key")));
}

TEST(Config, PlainListenersMustBeOnTheLoopback) {
  for (const char* address : {"0.0.0.0:80", "example.org:80", ":80", "127.0.0.1", "127.0.0.1:70000", "127.0.0.1:x",
                              "127.evil.example:80x", "127.evil.example:80", ""}) {
    EXPECT_THAT(Errors("metrics: { listen: \"" + std::string(address) + "\" }"), testing::SizeIs(1)) << address;
  }
  EXPECT_THAT(Errors("http: { listen: \"127.0.0.1:0\" }"), IsEmpty());
  EXPECT_THAT(Errors("operator: { listen: '' }\nagent: { advertise: '' }"), IsEmpty());
  EXPECT_THAT(Errors("agent: { listen: '' }"), ElementsAre(HasSubstr("must be host:port")));
}

TEST(Config, OperatorListenerRequiresItsCertificate) {
  EXPECT_THAT(Errors("operator: { listen: \"0.0.0.0:7640\", key: /k }"),
              ElementsAre("1:21 operator.listen over TCP requires operator.certificate and operator.key"));
  EXPECT_THAT(Errors("operator: { clientCa: /ca.pem }"),
              ElementsAre("1:23 operator.clientCa requires operator.listen"));
}

TEST(Config, StoreIsAUrl) {
  EXPECT_THAT(Errors("store: /var/lib/lk.db"), ElementsAre(HasSubstr("must be sqlite:PATH or postgresql://")));
  EXPECT_THAT(Errors("store: sqlite:/var/lib/lk.db"), IsEmpty());
}

TEST(Config, PushToIsAUrlAndPushInstanceAWord) {
  for (const char* url : {"push.example:9091", "ftp://push", "http://", "http:///metrics"}) {
    EXPECT_THAT(Errors("metrics: { pushTo: \"" + std::string(url) + "\" }"),
                ElementsAre(HasSubstr("must be http://host:port")))
        << url;
  }
  EXPECT_THAT(Errors("metrics: { pushTo: '', pushInstance: '' }"), IsEmpty());
  EXPECT_THAT(Errors("metrics: { pushInstance: a/b }"), ElementsAre(HasSubstr("must consist of letters, digits")));
}

}  // namespace
}  // namespace lk::config
