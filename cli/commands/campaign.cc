// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/known_problems.h"
#include "cli/output/campaign_view.h"
#include "cli/output/json.h"
#include "cli/output/progress.h"
#include "cli/save.h"
#include "lk/v1/campaign.grpc.pb.h"
#include "lk/v1/report.grpc.pb.h"
#include "support/file.h"

namespace lk::cli {
namespace {

using CampaignStub = v1::CampaignService::Stub;

struct SpecArgs {
  std::string file;
  std::vector<std::string> set;
  std::string known;
  bool wait = false;
};

struct RerunArgs {
  v1::RerunCampaignRequest request;
  bool wait = false;
};

struct ReportArgs {
  v1::GetCampaignReportRequest request;
  std::string file;  // empty or "-" for stdout
};

std::string FileName(const SpecArgs& args) {
  return args.file == "-" ? "<stdin>" : args.file;
}

StatusOr<std::string> ReadSpec(Context& context, const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(context.io.in), {});
  auto text = ReadFile(path);
  if (!text.ok()) return absl::InvalidArgumentError(fmt::format("cannot read {}", path));
  return text;
}

// Prints the notes in a response and returns its campaign. On error, `mistakes` receives the mistakes in the campaign
// file, if any.
StatusOr<v1::Campaign> CampaignOf(Context& context, StatusOr<v1::StartCampaignResponse> response,
                                  v1::SpecErrors& mistakes) {
  if (response.ok()) {
    for (const std::string& note : response->notes()) context.io.err << "note: " << Escape(note) << '\n';
    return std::move(*response->mutable_campaign());
  }
  if (const auto details = response.status().GetPayload(kSpecErrorsPayload)) {
    mistakes.ParseFromString(std::string(*details));
  }
  return response.status();
}

StatusOr<v1::Campaign> SendSpec(Context& context, const SpecArgs& args, bool validate_only, v1::SpecErrors& mistakes) {
  v1::StartCampaignRequest request;
  LK_ASSIGN_OR_RETURN(*request.mutable_spec_yaml(), ReadSpec(context, args.file));
  request.mutable_set()->Assign(args.set.begin(), args.set.end());
  if (!args.known.empty()) {
    LK_ASSIGN_OR_RETURN(const KnownProblems known, ReadKnownProblems(args.known));
    request.add_set("spec.known=" + known.text);
  }
  request.set_validate_only(validate_only);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  return CampaignOf(context, client->Call(&CampaignStub::StartCampaign, request), mistakes);
}

// In the format of compiler errors: "nightly.yaml:12:7: spec.profiles[0].memory: ...".
void PrintMistakes(Context& context, const std::string& file, const v1::SpecErrors& mistakes) {
  for (const v1::SpecError& mistake : mistakes.errors()) {
    std::string line = file;
    if (mistake.line() > 0) line += fmt::format(":{}:{}", mistake.line(), mistake.column());
    if (!mistake.path().empty()) line += ": " + mistake.path();
    context.io.err << Escape(line + ": " + mistake.message()) << '\n';
  }
}

StatusOr<v1::Campaign> GetCampaign(Context& context, const std::string& id, bool wait_for_ready = false) {
  v1::GetCampaignRequest request;
  request.set_id(id);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  return client->Call(&CampaignStub::GetCampaign, request, kCallDeadline, wait_for_ready);
}

// Follows the campaign until it ends. Passes every event to `show` and messages for the user to `note`. Errors: those
// of Follow.
Status FollowCampaign(Context& context, const std::string& id,
                      const std::function<void(const v1::CampaignEvent&)>& show,
                      const std::function<void(const std::string&)>& note, const std::function<void()>& tick) {
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  CampaignStub stub(client->channel());
  uint32_t last_sequence = 0;
  bool ended = false;
  Following<v1::CampaignEvent> following;
  following.open = [&](grpc::ClientContext* call) {
    v1::WatchCampaignRequest request;
    request.set_id(id);
    request.set_after_sequence(last_sequence);
    return stub.WatchCampaign(call, request);
  };
  following.on_message = [&](const v1::CampaignEvent& event) {
    last_sequence = event.sequence();
    ended = event.campaign().state() == "finished" || event.campaign().state() == "cancelled";
    show(event);
  };
  following.complete = [&] { return ended; };
  following.on_tick = tick;
  following.on_lost = [&](const Status& status) {
    const std::string why(status.message());
    note("connection to lkd lost, retrying: " + Escape(why.substr(0, why.find('\n'))));
  };
  Status status = Follow(*client, context.retry, following);
  // The last event has arrived, so the status of the stream does not matter.
  if (ended) return absl::OkStatus();
  if (absl::IsCancelled(status)) {
    return absl::CancelledError(
        fmt::format("interrupted; the campaign continues. Follow it with: lkctl campaign watch {}", id));
  }
  return status;
}

StatusOr<int> Wait(Context& context, const v1::Campaign& started) {
  Status status;
  {
    CampaignProgress progress(context.io, started);
    status = FollowCampaign(
        context, started.id(), [&](const v1::CampaignEvent& event) { progress.Show(event); },
        [&](const std::string& line) { progress.Note(line); }, [&] { progress.Tick(absl::Now()); });
  }
  LK_RETURN_IF_ERROR(status);
  LK_ASSIGN_OR_RETURN(const v1::Campaign finished, GetCampaign(context, started.id(), true));
  Print(context, finished,
        [&](std::ostream& out) { ShowCampaign(finished, context.time_zone, context.out_color(), out); });
  return ExitCodeOf(finished);
}

// Prints the outcome of a request to start a campaign from `file`; with `wait`, waits for the campaign to end.
StatusOr<int> Started(Context& context, const StatusOr<v1::Campaign>& campaign, const std::string& file,
                      const v1::SpecErrors& mistakes, bool wait) {
  if (mistakes.errors_size() > 0) {
    PrintMistakes(context, file, mistakes);
    return kUsage;
  }
  LK_RETURN_IF_ERROR(campaign.status());
  if (wait) {
    context.io.err << "started " << Escape(campaign->id()) << std::endl;
    return Wait(context, *campaign);
  }
  Print(context, *campaign, [&](std::ostream& out) { out << "started " << Escape(campaign->id()) << '\n'; });
  return kPassed;
}

StatusOr<int> Start(Context& context, const SpecArgs& args) {
  v1::SpecErrors mistakes;
  const auto campaign = SendSpec(context, args, false, mistakes);
  return Started(context, campaign, FileName(args), mistakes, args.wait);
}

StatusOr<int> Rerun(Context& context, const RerunArgs& args) {
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  v1::SpecErrors mistakes;
  const auto campaign = CampaignOf(context, client->Call(&CampaignStub::RerunCampaign, args.request), mistakes);
  return Started(context, campaign, "file of campaign " + args.request.id(), mistakes, args.wait);
}

uint32_t Runs(const v1::Campaign& campaign) {
  return campaign.counts().total() + campaign.counts().controls();
}

StatusOr<int> Validate(Context& context, const SpecArgs& args) {
  v1::SpecErrors mistakes;
  const auto campaign = SendSpec(context, args, true, mistakes);
  if (mistakes.errors_size() == 0) LK_RETURN_IF_ERROR(campaign.status());
  PrintMistakes(context, FileName(args), mistakes);
  if (context.format != Format::kTable) {
    auto json = ToJson(mistakes);
    if (campaign.ok()) json["runs"] = Runs(*campaign);
    PrintJson(context, json, false);
  } else if (campaign.ok()) {
    context.io.out << "OK: " << Runs(*campaign) << " runs\n";
  }
  return campaign.ok() ? kPassed : kUsage;
}

StatusOr<int> ListCampaigns(Context& context) {
  return PrintList<CampaignStub, v1::ListCampaignsRequest, v1::ListCampaignsResponse, v1::Campaign>(
      context, &CampaignStub::ListCampaigns, {}, &v1::ListCampaignsResponse::campaigns,
      {"ID", "NAME", "STATE", "VERDICT", "CREATED", "RUNS"}, [&](const v1::Campaign& c) -> Table::Row {
        return {c.id(),
                c.name(),
                Cell(c.state(), ColorOf(c.state())),
                Cell(c.verdict().empty() ? "-" : c.verdict(), ColorOf(c.verdict())),
                FormatTime(c.created(), context.time_zone),
                FormatCounts(c.counts())};
      });
}

StatusOr<int> ShowCampaignById(Context& context, const std::string& id) {
  LK_ASSIGN_OR_RETURN(const v1::Campaign campaign, GetCampaign(context, id));
  Print(context, campaign,
        [&](std::ostream& out) { ShowCampaign(campaign, context.time_zone, context.out_color(), out); });
  return kPassed;
}

StatusOr<int> Watch(Context& context, const std::string& id) {
  // Resolves an ID prefix. Unlike FollowCampaign, fails without retrying if lkd is unreachable.
  LK_ASSIGN_OR_RETURN(v1::Campaign campaign, GetCampaign(context, id));
  FindingNews news;
  const auto show = [&](const v1::CampaignEvent& event) {
    if (event.has_campaign()) campaign = event.campaign();
    if (context.format != Format::kTable) {
      PrintJson(context, event, true);
    } else if (!event.has_finding() || news.IsNews(event.finding())) {
      context.io.out << EventLine(event, context.out_color()) << std::endl;
    }
  };
  const auto note = [&](const std::string& line) { context.io.err << line << std::endl; };
  LK_RETURN_IF_ERROR(FollowCampaign(context, std::string(campaign.id()), show, note, [] {}));
  return ExitCodeOf(campaign);
}

StatusOr<int> Cancel(Context& context, const std::string& id) {
  v1::CancelCampaignRequest request;
  request.set_id(id);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::Campaign campaign, client->Call(&CampaignStub::CancelCampaign, request));
  Print(context, campaign, [&](std::ostream& out) { out << Escape(campaign.id() + " " + campaign.state()) << '\n'; });
  return kPassed;
}

// A report may be about 10 MB, and the store may be busy.
constexpr absl::Duration kReportDeadline = absl::Minutes(5);

Status ReceiveReport(const Client& client, const v1::GetCampaignReportRequest& request,
                     const std::function<Status(const std::string&)>& take) {
  v1::ReportService::Stub stub(client.channel());
  grpc::ClientContext call;
  client.Prepare(call, kReportDeadline);
  const Interrupt interrupt;
  StreamPump<v1::ReportChunk> pump(call, stub.GetCampaignReport(&call, request));
  for (std::optional<grpc::Status> end; !end; end = pump.ended()) {
    if (interrupt.raised()) return absl::CancelledError("interrupted");
    if (const auto chunk = pump.Next(kTick)) LK_RETURN_IF_ERROR(take(chunk->data()));
  }
  return client.ToStatus(*pump.ended());
}

StatusOr<int> Report(Context& context, const ReportArgs& args) {
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  if (args.file.empty() || args.file == "-") {
    LK_RETURN_IF_ERROR(ReceiveReport(*client, args.request, [&](const std::string& bytes) {
      context.io.out << bytes;
      return absl::OkStatus();
    }));
    return kPassed;
  }
  LK_ASSIGN_OR_RETURN(SavedFile file, SavedFile::Create(args.file));
  LK_RETURN_IF_ERROR(ReceiveReport(*client, args.request, [&](const std::string& bytes) { return file.Write(bytes); }));
  LK_RETURN_IF_ERROR(file.Commit());
  return kPassed;
}

void WaitOption(CLI::App& command, bool& wait) {
  command.add_flag("--wait", wait, "Wait for the campaign to end; the exit code reflects its verdict");
}

void SpecOptions(CLI::App& command, SpecArgs& args) {
  command.add_option("FILE", args.file, "Campaign file, or - for stdin")->required()->type_name("");
  command.add_option("--set", args.set, "Override a value in the file, e.g. spec.repeats=2 (repeatable)")
      ->allow_extra_args(false)
      ->type_name("PATH=VALUE");
  command
      .add_option("--known", args.known, "List of known problems (YAML), instead of the file's own list, spec.known")
      ->type_name("FILE");
}

}  // namespace

void AddCampaign(CLI::App& root, Context& context) {
  CLI::App& campaign =
      AddNoun(root, "campaign", "Run and inspect campaigns (kernels x profiles x scenarios x repeats)");
  AddCommand<SpecArgs>(campaign, context, "start", "Start a campaign", Start, [](CLI::App& command, SpecArgs& args) {
    SpecOptions(command, args);
    WaitOption(command, args.wait);
  });
  AddCommand<SpecArgs>(campaign, context, "validate", "Check a campaign file without starting it", Validate,
                       SpecOptions);
  AddCommand(campaign, context, "list", "List campaigns, newest first", ListCampaigns);
  AddCommand(campaign, context, "show", "Show verdicts, latencies and findings of a campaign", ShowCampaignById, "ID",
             "Campaign ID or unique prefix");
  AddCommand(campaign, context, "watch", "Print events of a campaign until it ends", Watch, "ID",
             "Campaign ID or unique prefix");
  AddCommand<ReportArgs>(
      campaign, context, "report", "Write a report of a campaign", Report, [](CLI::App& command, ReportArgs& args) {
        command.add_option("ID", *args.request.mutable_campaign_id(), "Campaign ID or unique prefix")
            ->required()
            ->type_name("");
        command
            .add_option("--format", *args.request.mutable_format(),
                        "Report format: html (a single file), junit, ktap, kcidb or json")
            ->required()
            ->check(CLI::IsMember({"html", "junit", "ktap", "kcidb", "json"}))
            ->type_name("FORMAT");
        // In this command, -o is the output file; --format selects the report format.
        command.add_option("-o,--file", args.file, "Output file, replaced if it exists [default: stdout]")
            ->type_name("FILE");
        command
            .add_option("--kcidb-origin", *args.request.mutable_kcidb_origin(),
                        "Origin of the results in KCIDB [default: lk]")
            ->type_name("NAME");
      });
  AddCommand<RerunArgs>(
      campaign, context, "rerun", "Start a finished campaign again with the same kernels and seeds", Rerun,
      [](CLI::App& command, RerunArgs& args) {
        command.add_option("ID", *args.request.mutable_id(), "Campaign ID or unique prefix")->required()->type_name("");
        command.add_flag_callback(
            "--failed", [&args] { args.request.set_failed(true); },
            "Rerun only runs that neither passed nor were skipped, and the positive controls of their scenarios");
        WaitOption(command, args.wait);
      });
  AddCommand(campaign, context, "cancel", "Cancel a campaign", Cancel, "ID", "Campaign ID");
}

}  // namespace lk::cli
