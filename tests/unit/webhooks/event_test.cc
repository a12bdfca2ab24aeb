// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/inbound/event.h"

#include <gmock/gmock.h>

#include "tests/unit/webhooks/fixture.h"

namespace lk::webhooks {
namespace {

using testing::HasSubstr;

std::string Why(const StatusOr<Event>& event) {
  EXPECT_TRUE(absl::IsInvalidArgument(event.status())) << event.status();
  return std::string(event.status().message());
}

TEST(Event, GitHubPush) {
  const Event event = ParseGitHub("push", R"({"ref": "refs/heads/topic/x", "before": "0", "after": ")" + kCommit +
                                              R"(", "deleted": false, "repository": {"full_name": "octo/linux"}})")
                          .value();
  EXPECT_EQ(event.source, "github");
  EXPECT_EQ(event.type, "push");
  EXPECT_EQ(event.repository, "octo/linux");
  EXPECT_EQ(event.branch, "topic/x");
  EXPECT_EQ(event.tag, "");
  EXPECT_EQ(event.commit, kCommit);
  EXPECT_FALSE(event.idle);
  EXPECT_FALSE(event.fork);
  const Event tag =
      ParseGitHub("push", R"({"ref": "refs/tags/v6.12", "repository": {"full_name": "octo/linux"}})").value();
  EXPECT_EQ(tag.tag, "v6.12");
  EXPECT_EQ(tag.branch, "");
  const Event deleted =
      ParseGitHub("push", R"({"ref": "refs/heads/x", "deleted": true, "repository": {"full_name": "octo/linux"}})")
          .value();
  EXPECT_TRUE(deleted.idle);
}

TEST(Event, GitHubWorkflowRun) {
  const auto body = [](const std::string& action, const std::string& head) {
    return R"({"action": ")" + action +
           R"(", "repository": {"full_name": "octo/linux"}, "workflow_run": {"id": 30433642,
      "head_branch": "main", "head_sha": ")" +
           kCommit + R"(", "conclusion": "success", "head_repository": )" + head + "}}";
  };
  const Event event = ParseGitHub("workflow_run", body("completed", R"({"full_name": "octo/linux"})")).value();
  EXPECT_EQ(event.run, "30433642");
  EXPECT_EQ(event.branch, "main");
  EXPECT_EQ(event.commit, kCommit);
  EXPECT_EQ(event.status, "success");
  EXPECT_FALSE(event.fork);
  EXPECT_TRUE(ParseGitHub("workflow_run", body("requested", R"({"full_name": "octo/linux"})")).value().idle);
  EXPECT_TRUE(ParseGitHub("workflow_run", body("completed", R"({"full_name": "evil/linux"})")).value().fork);
  EXPECT_TRUE(ParseGitHub("workflow_run", body("completed", "null")).value().fork);
}

TEST(Event, GitHubRelease) {
  const Event event = ParseGitHub("release", R"({"action": "published", "repository": {"full_name": "octo/linux"},
    "release": {"tag_name": "v6.12", "target_commitish": "main", "draft": false, "assets": [
      {"name": "linux.deb", "browser_download_url": "https://github.com/octo/linux/releases/download/v6.12/linux.deb",
       "digest": "sha256:)" + std::string(64, 'F') +
                                                 R"("},
      {"name": "notes", "browser_download_url": "https://github.com/notes", "digest": null}]}})")
                          .value();
  EXPECT_EQ(event.tag, "v6.12");
  EXPECT_EQ(event.branch, "main");
  ASSERT_EQ(event.artifacts.size(), 2u);
  EXPECT_EQ(event.artifacts[0].name, "linux.deb");
  EXPECT_EQ(event.artifacts[0].sha256, std::string(64, 'f'));
  EXPECT_EQ(event.artifacts[1].sha256, "");
}

TEST(Event, OtherGitHubEventsAreIdle) {
  EXPECT_TRUE(ParseGitHub("issues", R"({"action": "opened"})").value().idle);
  EXPECT_FALSE(ParseGitHub("issues", "not JSON").ok());
}

TEST(Event, GitLabPipelineAndJob) {
  const Event pipeline =
      ParseGitLab(R"({"object_kind": "pipeline", "project": {"path_with_namespace": "group/sub/linux"},
    "object_attributes": {"id": 31, "ref": "main", "tag": false, "sha": ")" +
                  kCommit + R"(", "status": "success"}})")
          .value();
  EXPECT_EQ(pipeline.source, "gitlab");
  EXPECT_EQ(pipeline.type, "pipeline");
  EXPECT_EQ(pipeline.repository, "group/sub/linux");
  EXPECT_EQ(pipeline.branch, "main");
  EXPECT_EQ(pipeline.run, "31");
  EXPECT_EQ(pipeline.commit, kCommit);
  EXPECT_FALSE(pipeline.idle);
  const Event job =
      ParseGitLab(R"({"object_kind": "build", "ref": "v1", "tag": true, "sha": ")" + kCommit + R"(", "build_id": 7,
    "build_status": "failed", "project": {"path_with_namespace": "group/linux"}})")
          .value();
  EXPECT_EQ(job.type, "job");
  EXPECT_EQ(job.tag, "v1");
  EXPECT_EQ(job.status, "failed");
  const Event begun = ParseGitLab(R"({"object_kind": "build", "ref": "v1", "build_id": 7, "build_status": "running",
    "project": {"path_with_namespace": "group/linux"}})")
                          .value();
  EXPECT_TRUE(begun.idle);
  const Event fork = ParseGitLab(R"({"object_kind": "pipeline", "project": {"path_with_namespace": "group/linux"},
    "merge_request": {"source_project_id": 2, "target_project_id": 1},
    "object_attributes": {"id": 31, "ref": "main", "status": "success"}})")
                         .value();
  EXPECT_TRUE(fork.fork);
  EXPECT_TRUE(ParseGitLab(R"({"object_kind": "note"})").value().idle);
}

TEST(Event, Generic) {
  const Event event = ParseGeneric(R"({"type": "kernel.built", "data": {"repository": "octo/linux", "branch": "next",
    "commit": ")" + kCommit + R"(", "artifacts": [{"name": "linux.deb", "url": "https://a.test/linux.deb"}]}})")
                          .value();
  EXPECT_EQ(event.type, "kernel.built");
  EXPECT_EQ(event.branch, "next");
  ASSERT_EQ(event.artifacts.size(), 1u);
}

TEST(Event, ErrorsNameTheProblem) {
  EXPECT_THAT(Why(ParseGitHub("push", "")), HasSubstr("JSON"));
  EXPECT_THAT(Why(ParseGitHub("push", "[]")), HasSubstr("JSON"));
  EXPECT_THAT(Why(ParseGitHub("push", R"({"ref": "refs/heads/x)")), HasSubstr("JSON"));
  EXPECT_THAT(Why(ParseGitHub("push", std::string(100000, '['))), HasSubstr("JSON"));
  EXPECT_THAT(Why(ParseGitHub("push", R"({"ref": "refs/heads/x"})")), HasSubstr("repository.full_name is missing"));
  EXPECT_THAT(Why(ParseGitHub("push", R"({"ref": "main", "repository": {"full_name": "o/l"}})")),
              HasSubstr("ref is neither"));
  EXPECT_THAT(Why(ParseGitHub("push", R"({"ref": ["x"], "repository": {"full_name": "o/l"}})")),
              HasSubstr("ref is not a string"));
  EXPECT_THAT(Why(ParseGitHub("push", R"({"ref": "refs/heads/x", "after": "zz", "repository": {"full_name": "o/l"}})")),
              HasSubstr("after is not a commit"));
  EXPECT_THAT(Why(ParseGitHub("push", R"({"ref": "refs/heads/a\u000ab", "repository": {"full_name": "o/l"}})")),
              HasSubstr("control characters"));
  EXPECT_THAT(Why(ParseGitHub("push", R"({"ref": "refs/heads/\u001b[2J", "repository": {"full_name": "o/l"}})")),
              HasSubstr("control characters"));
  EXPECT_THAT(Why(ParseGeneric(R"({"type": "x", "data": {"repository": "r", "artifacts": [{"name": "n", "url": "u",
    "sha256": "12"}]}})")),
              HasSubstr("SHA-256"));
  EXPECT_THAT(Why(ParseGeneric(R"({"type": "x", "data": {"repository": "r", "artifacts": 1}})")), HasSubstr("list"));
  EXPECT_THAT(Why(ParseGitLab(R"({"object_kind": {}})")), HasSubstr("object_kind"));
}

TEST(Event, SurvivesARoundTrip) {
  Event event = ParseGeneric(R"({"type": "kernel.built", "data": {"repository": "octo/linux", "branch": "maß \"x\"",
    "run": 7, "artifacts": [{"name": "linux.deb", "url": "https://a.test/linux.deb"}]}})")
                    .value();
  event.delivery = "d1";
  event.fork = true;
  const Event got = FromJson(ToJson(event)).value();
  EXPECT_EQ(ToJson(got), ToJson(event));
  EXPECT_EQ(got.branch, "maß \"x\"");
  EXPECT_EQ(got.run, "7");
  EXPECT_TRUE(got.fork);
  EXPECT_TRUE(absl::IsDataLoss(FromJson("{").status()));
}

}  // namespace
}  // namespace lk::webhooks
