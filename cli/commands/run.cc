// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>

#include "cli/commands/commands.h"
#include "cli/download.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/output/json.h"
#include "cli/output/run_view.h"
#include "lk/v1/run.grpc.pb.h"
#include "support/quantity.h"

namespace lk::cli {
namespace {

using RunStub = v1::RunService::Stub;

struct LogArgs {
  std::string id;
  bool follow = false;
};

struct ArtifactArgs {
  std::string id;
  std::string directory;  // empty to list only
};

StatusOr<v1::Run> GetRun(Context& context, const std::string& id) {
  v1::GetRunRequest request;
  request.set_id(id);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  return client->Call(&RunStub::GetRun, request);
}

// "done, superseded, emulated, harness"
std::string StateOf(const v1::Run& run) {
  return fmt::format("{}{}{}{}{}", run.state(), run.superseded() ? ", superseded" : "",
                     run.control() ? ", control" : "", run.emulated() ? ", emulated" : "",
                     run.harness() ? ", harness" : "");
}

StatusOr<int> ListRuns(Context& context, const v1::ListRunsRequest& request) {
  return PrintList<RunStub, v1::ListRunsRequest, v1::ListRunsResponse, v1::Run>(
      context, &RunStub::ListRuns, request, &v1::ListRunsResponse::runs,
      {"ID", "VERDICT", "STATE", "SCENARIO", "KERNEL", "PROFILE", "HOST", "REASON"},
      [](const v1::Run& r) -> Table::Row {
        // The verdict is final only once the run is done.
        const std::string verdict = r.state() == "done" ? r.verdict() : "-";
        return {r.id(),     Cell(verdict, r.control() ? Color::kNone : ColorOf(verdict)),
                StateOf(r), r.scenario(),
                r.kernel(), r.profile(),
                r.host(),   r.state() == "done" ? r.reason() : ""};
      });
}

StatusOr<int> ShowRunById(Context& context, const std::string& id) {
  LK_ASSIGN_OR_RETURN(const v1::Run run, GetRun(context, id));
  Print(context, run, [&](std::ostream& out) { ShowRun(run, context.time_zone, context.out_color(), out); });
  return kPassed;
}

// Writes raw console bytes to a file or pipe, and escaped text to a terminal.
StatusOr<int> Logs(Context& context, const LogArgs& args) {
  // Fails without retrying if lkd is unreachable or there is no such run.
  LK_ASSIGN_OR_RETURN(const v1::Run run, GetRun(context, args.id));
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  RunStub stub(client->channel());
  uint32_t offset = 0;
  Following<v1::ConsoleChunk> following;
  following.open = [&](grpc::ClientContext* call) {
    v1::GetConsoleLogRequest request;
    request.set_id(run.id());
    request.set_offset(offset);
    request.set_follow(args.follow);
    return stub.GetConsoleLog(call, request);
  };
  following.on_message = [&](const v1::ConsoleChunk& chunk) {
    offset = chunk.offset() + static_cast<uint32_t>(chunk.data().size());
    if (context.format != Format::kTable) {
      PrintJson(context, chunk, true);
    } else if (context.io.out_terminal) {
      context.io.out << Escape(chunk.data(), "\n\t") << std::flush;
    } else {
      context.io.out << chunk.data() << std::flush;
    }
  };
  following.complete = [] { return true; };
  LK_RETURN_IF_ERROR(Follow(*client, context.retry, following));
  return kPassed;
}

StatusOr<int> Artifacts(Context& context, const ArtifactArgs& args) {
  v1::ListArtifactsRequest request;
  request.set_run_id(args.id);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::ListArtifactsResponse list, client->Call(&RunStub::ListArtifacts, request));
  if (!args.directory.empty()) LK_RETURN_IF_ERROR(Download(context, args.id, list, args.directory));
  Print(context, list, [&](std::ostream& out) {
    Table table({"NAME", ">SIZE"});
    for (const v1::Artifact& artifact : list.artifacts()) {
      table.Add({artifact.name(), FormatBytes(static_cast<uint64_t>(artifact.size()))});
    }
    table.Print(out, context.out_color());
  });
  return kPassed;
}

}  // namespace

void AddRun(CLI::App& root, Context& context) {
  CLI::App& run = AddNoun(root, "run", "Inspect individual runs");
  AddCommand<v1::ListRunsRequest>(
      run, context, "list", "List runs", ListRuns, [](CLI::App& command, v1::ListRunsRequest& request) {
        command.add_option("--campaign", *request.mutable_campaign_id(), "List only runs of this campaign")
            ->type_name("ID");
        command.add_option("--verdict", *request.mutable_verdict(), "List only runs with this verdict")
            ->check(CLI::IsMember({"pass", "fail", "error", "miss", "skip", "unproven"}))
            ->type_name("VERDICT");
      });
  AddCommand(run, context, "show", "Show everything about a run", ShowRunById, "ID", "Run ID");
  AddCommand<LogArgs>(run, context, "logs", "Print the serial console of a run", Logs,
                      [](CLI::App& command, LogArgs& args) {
                        command.add_option("ID", args.id, "Run ID")->required()->type_name("");
                        command.add_flag("--follow,-f", args.follow, "Keep printing until the run ends");
                      });
  AddCommand<ArtifactArgs>(
      run, context, "artifacts", "List or download the artifacts of a run (console log, memory dump)", Artifacts,
      [](CLI::App& command, ArtifactArgs& args) {
        command.add_option("ID", args.id, "Run ID")->required()->type_name("");
        command
            .add_option("--download", args.directory,
                        "Save the artifacts to this directory (existing files are never overwritten)")
            ->type_name("DIR");
      });
}

}  // namespace lk::cli
