// SPDX-License-Identifier: Apache-2.0
#include <absl/strings/str_split.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/lab.h"
#include "cli/output/comparison_view.h"
#include "cli/output/json.h"
#include "cli/output/progress.h"
#include "cli/upload.h"
#include "lk/v1/kernel.grpc.pb.h"
#include "lk/v1/report.grpc.pb.h"
#include "support/quantity.h"

namespace lk::cli {
namespace {

using KernelStub = v1::KernelService::Stub;
using Writer = grpc::ClientWriter<v1::AddKernelRequest>;

// Long enough to upload hundreds of megabytes over a slow link and unpack them.
constexpr absl::Duration kUploadDeadline = absl::Minutes(30);
// lkd reads and resamples thousands of runs.
constexpr absl::Duration kCompareDeadline = absl::Minutes(5);
constexpr size_t kChunk = size_t{256} << 10;

struct MutateArgs {
  std::string tree;
  std::string scenario;
  std::vector<std::string> mutants;
  std::string arch;
  std::string flavour;
  std::string suite;
  std::vector<std::string> labels;
};

struct AddKernelArgs {
  std::vector<std::string> paths;
  std::vector<std::string> labels;
  std::string config;
  bool together = false;
};

std::string FormatLabels(const google::protobuf::Map<std::string, std::string>& labels) {
  std::string text;
  const std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  for (const auto& [key, value] : sorted) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, value);
  return text;
}

// Returns false if the server has ended the call; the status of the call says why.
StatusOr<bool> SendFile(Io& io, const UploadFile& file, Writer& writer) {
  LK_ASSIGN_OR_RETURN(const UniqueFd fd, OpenUpload(file));
  struct stat info {};
  if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("{} is not a regular file", file.path.string()));
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  v1::AddKernelRequest start;
  start.mutable_file()->set_role(file.role);
  start.mutable_file()->set_name(file.name);
  start.mutable_file()->set_size_bytes(size);
  if (!writer.Write(start)) return false;

  TransferProgress progress(io, file.name, size);
  v1::AddKernelRequest data;
  for (;;) {
    std::string& chunk = *data.mutable_data();
    chunk.resize(kChunk);
    const ssize_t n = read(fd.get(), chunk.data(), chunk.size());
    if (n < 0) return absl::NotFoundError(fmt::format("cannot read {}: {}", file.path.string(), std::strerror(errno)));
    if (n == 0) return true;
    chunk.resize(static_cast<size_t>(n));
    if (!writer.Write(data)) return false;
    progress.Add(static_cast<uint64_t>(n));
  }
}

StatusOr<v1::AddKernelResponse> SendUpload(Context& context, const Upload& upload, const v1::AddKernelRequest& header) {
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  KernelStub stub(client->channel());
  grpc::ClientContext call;
  client->Prepare(call, kUploadDeadline);
  v1::AddKernelResponse response;
  const auto writer = stub.AddKernel(&call, &response);
  StatusOr<bool> more = writer->Write(header);
  for (const UploadFile& file : upload.files) {
    if (!more.ok() || !*more) break;
    more = SendFile(context.io, file, *writer);
  }
  if (more.ok()) {
    writer->WritesDone();
  } else {
    call.TryCancel();
  }
  const grpc::Status status = writer->Finish();
  LK_RETURN_IF_ERROR(more.status());
  LK_RETURN_IF_ERROR(client->ToStatus(status));
  return response;
}

StatusOr<Labels> ParseLabels(const std::vector<std::string>& options) {
  Labels labels;
  for (const std::string& option : options) {
    LK_ASSIGN_OR_RETURN(const Labels::value_type label, ParseLabel(option));
    labels[label.first] = label.second;
  }
  return labels;
}

// `labels`, from the user, override labels from the build tree.
StatusOr<v1::AddKernelResponse> SendUpload(Context& context, const Upload& upload, Labels labels) {
  labels.insert(upload.labels.begin(), upload.labels.end());
  v1::AddKernelRequest header;
  header.mutable_header()->set_source(upload.source);
  header.mutable_header()->mutable_labels()->insert(labels.begin(), labels.end());
  LK_ASSIGN_OR_RETURN(v1::AddKernelResponse response, SendUpload(context, upload, header));
  if (!response.warning().empty()) context.io.err << "lkctl: warning: " << Escape(response.warning()) << std::endl;
  return response;
}

std::string AddedLine(const v1::AddKernelResponse& response) {
  const v1::KernelBuild& kernel = response.kernel();
  return Escape(fmt::format("{} {}  {}  {}", response.created() ? "added" : "known", kernel.id(), kernel.release(),
                            kernel.arch()));
}

StatusOr<int> AddKernels(Context& context, const AddKernelArgs& args) {
  LK_ASSIGN_OR_RETURN(const Labels labels, ParseLabels(args.labels));
  LK_ASSIGN_OR_RETURN(const std::vector<Upload> uploads, PlanUploads(args.paths, args.config, args.together));
  for (const Upload& upload : uploads) {
    LK_ASSIGN_OR_RETURN(const v1::AddKernelResponse response, SendUpload(context, upload, labels));
    if (context.format == Format::kTable) {
      context.io.out << AddedLine(response) << std::endl;
    } else {
      PrintJson(context, response, true);
    }
  }
  return kPassed;
}

// Options that tell the lab script which sources to use: a directory or a source package. Empty for its default.
StatusOr<std::vector<std::string>> SourceOptions(const std::string& tree) {
  if (tree.empty()) return std::vector<std::string>{};
  std::error_code ignored;
  if (std::filesystem::is_directory(tree, ignored)) return std::vector<std::string>{"--tree", tree};
  if (tree.starts_with("linux-source-")) return std::vector<std::string>{"--source", tree};
  return absl::NotFoundError(
      fmt::format("{} is neither a directory nor the name of a source package (linux-source-...)", tree));
}

// The mutants of a scenario, "SCENARIO/NAME": those that the user named, or all.
StatusOr<std::vector<std::string>> MutantsToBuild(Context& context, const std::filesystem::path& lab,
                                                  const MutateArgs& args) {
  LK_ASSIGN_OR_RETURN(const std::filesystem::path printed, RunLab(context.io, lab, {"--list-mutants"}));
  const std::vector<std::string> all = absl::StrSplit(printed.string(), '\n');
  std::vector<std::string> own;
  std::ranges::copy_if(all, std::back_inserter(own),
                       [&](const std::string& mutant) { return mutant.starts_with(args.scenario + "/"); });
  if (own.empty()) {
    return absl::NotFoundError(fmt::format("scenario \"{}\" has no mutant (expected the scenario of one of {})",
                                           args.scenario, fmt::join(all, ", ")));
  }
  if (args.mutants.empty()) return own;
  std::vector<std::string> named;
  for (const std::string& name : args.mutants) {
    named.push_back(args.scenario + "/" + name);
    if (std::ranges::find(own, named.back()) == own.end()) {
      return absl::NotFoundError(
          fmt::format("unknown mutant \"{}\" (expected one of {})", named.back(), fmt::join(own, ", ")));
    }
  }
  return named;
}

StatusOr<int> Mutate(Context& context, const MutateArgs& args) {
  LK_ASSIGN_OR_RETURN(const Labels labels, ParseLabels(args.labels));
  LK_ASSIGN_OR_RETURN(std::vector<std::string> options, SourceOptions(args.tree));
  if (!args.arch.empty()) options.insert(options.end(), {"--arch", args.arch});
  if (!args.flavour.empty()) options.insert(options.end(), {"--flavour", args.flavour});
  if (!args.suite.empty()) options.insert(options.end(), {"--suite", args.suite});
  LK_ASSIGN_OR_RETURN(const std::filesystem::path lab, FindLab());
  // If lkd is unreachable, fail now rather than after minutes of building.
  v1::ListKernelsRequest probe;
  probe.set_page_size(1);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_RETURN_IF_ERROR(client->Call(&KernelStub::ListKernels, probe).status());

  LK_ASSIGN_OR_RETURN(const std::vector<std::string> mutants, MutantsToBuild(context, lab, args));
  std::set<std::filesystem::path> added;
  std::optional<Status> failure;
  for (const std::string& mutant : mutants) {
    std::vector<std::string> build = options;
    build.insert(build.end(), {"--mutant", mutant});
    const StatusOr<std::filesystem::path> folder = RunLab(context.io, lab, build);
    if (absl::IsCancelled(folder.status())) return folder.status();
    if (!folder.ok()) {
      // The patches of some mutants may not apply to this tree; that is an error only for those that the user named.
      if (!args.mutants.empty()) return folder.status();
      context.io.err << fmt::format("lkctl: warning: the mutant {} was not built\n", mutant);
      failure = folder.status();
      continue;
    }
    LK_ASSIGN_OR_RETURN(const std::filesystem::path base, UnmutatedFolder(*folder));
    for (const std::filesystem::path& path : {base, *folder}) {
      if (!added.insert(path).second) continue;
      LK_ASSIGN_OR_RETURN(const std::vector<Upload> uploads, PlanUploads({path.string()}, "", false));
      LK_ASSIGN_OR_RETURN(const v1::AddKernelResponse response, SendUpload(context, uploads.front(), labels));
      if (context.format == Format::kTable) {
        context.io.out << AddedLine(response) << std::endl;
      } else if (path == *folder) {
        PrintJson(context, response.kernel(), mutants.size() > 1);
      }
    }
  }
  if (added.empty() && failure) return *failure;
  return kPassed;
}

StatusOr<int> ListKernels(Context& context) {
  return PrintList<KernelStub, v1::ListKernelsRequest, v1::ListKernelsResponse, v1::KernelBuild>(
      context, &KernelStub::ListKernels, {}, &v1::ListKernelsResponse::kernels,
      {"ID", "RELEASE", "ARCH", "FLAVOUR", "MODULES", ">RUNS", "ADDED", "LABELS"},
      [&](const v1::KernelBuild& k) -> Table::Row {
        return {k.id(),
                k.release(),
                k.arch(),
                k.flavour().empty() ? "-" : k.flavour(),
                k.has_modules() ? "yes" : "no",
                std::to_string(k.runs()),
                FormatTime(k.added(), context.time_zone),
                FormatLabels(k.labels())};
      });
}

void ShowKernel(const v1::KernelBuild& kernel, Context& context, std::ostream& out) {
  const auto field = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out << fmt::format("{:<8}  {}\n", name, Escape(value));
  };
  field("Kernel", kernel.id());
  field("Release", kernel.release());
  field("Arch", kernel.arch());
  field("Flavour", kernel.flavour());
  field("Labels", FormatLabels(kernel.labels()));
  field("Source", kernel.source());
  field("Banner", kernel.banner());
  field("Image", FormatBytes(kernel.image_bytes()));
  field("Config", kernel.config_sha256().empty()
                      ? "unknown"
                      : fmt::format("{} symbols, SHA-256 {}", kernel.config_size(), kernel.config_sha256()));
  field("Modules",
        kernel.has_modules() ? fmt::format("loaded by guests: {}", fmt::join(kernel.guest_modules(), ", ")) : "none");
  field("Added", FormatTime(kernel.added(), context.time_zone));
  field("Runs", std::to_string(kernel.runs()));
}

StatusOr<int> ShowKernelById(Context& context, const std::string& id) {
  v1::GetKernelRequest request;
  request.set_id(id);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::KernelBuild kernel, client->Call(&KernelStub::GetKernel, request));
  Print(context, kernel, [&](std::ostream& out) { ShowKernel(kernel, context, out); });
  return kPassed;
}

StatusOr<int> Compare(Context& context, const v1::CompareKernelsRequest& request) {
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::CompareKernelsResponse comparison,
                      client->Call(&v1::ReportService::Stub::CompareKernels, request, kCompareDeadline));
  Print(context, comparison, [&](std::ostream& out) { ShowComparison(comparison, context.out_color(), out); });
  return comparison.worse() > 0 ? kFailed : kPassed;
}

StatusOr<int> RemoveKernel(Context& context, const std::string& id) {
  v1::RemoveKernelRequest request;
  request.set_id(id);
  LK_ASSIGN_OR_RETURN(Client * client, context.Connect());
  LK_ASSIGN_OR_RETURN(const v1::RemoveKernelResponse response, client->Call(&KernelStub::RemoveKernel, request));
  Print(context, response, [&](std::ostream& out) { out << "removed " << Escape(id) << '\n'; });
  return kPassed;
}

}  // namespace

void AddKernel(CLI::App& root, Context& context) {
  CLI::App& kernel = AddNoun(root, "kernel", "Manage and compare kernel builds");
  AddCommand<AddKernelArgs>(
      kernel, context, "add", "Add kernel builds", AddKernels, [](CLI::App& command, AddKernelArgs& args) {
        command
            .add_option("PATH", args.paths,
                        "A .deb, a vmlinuz (optionally followed by its lib/modules/<release> directory), or a kernel "
                        "build tree")
            ->required()
            ->type_name("");
        command.add_option("--label", args.labels, "Label that campaigns can use to select the kernel (repeatable)")
            ->allow_extra_args(false)
            ->type_name("KEY=VALUE");
        command.add_option("--config", args.config, "Kernel configuration of the vmlinuz")->type_name("FILE");
        command.add_flag("--together", args.together,
                         "Treat all .deb files as one build (image, modules and debug symbols in separate packages)");
      });
  AddCommand<MutateArgs>(
      kernel, context, "mutate", "Build and add the mutant kernels of a scenario, along with the unmutated kernel",
      Mutate, [](CLI::App& command, MutateArgs& args) {
        command
            .add_option("TREE", args.tree,
                        "A kernel source tree, which is left as it is, or a Debian source package "
                        "[default: linux-source-6.12]")
            ->type_name("");
        command.add_option("--scenario", args.scenario, "Scenario whose mutants to build")
            ->required()
            ->type_name("NAME");
        command
            .add_option("--mutant", args.mutants,
                        "Only this mutant (lkctl scenario show lists them; repeatable) [default: all]")
            ->allow_extra_args(false)
            ->type_name("NAME");
        command.add_option("--arch", args.arch, "Architecture: x86_64 or arm64 [default: this machine's]")
            ->type_name("ARCH");
        command.add_option("--flavour", args.flavour, "Flavour of the lab kernel: rt or debug")->type_name("NAME");
        command.add_option("--suite", args.suite, "Debian suite of the source package")->type_name("SUITE");
        command.add_option("--label", args.labels, "Label for both builds (repeatable)")
            ->allow_extra_args(false)
            ->type_name("KEY=VALUE");
      });
  AddCommand(kernel, context, "list", "List kernel builds, newest release first", ListKernels);
  AddCommand(kernel, context, "show", "Show a kernel build", ShowKernelById, "ID",
             "Kernel ID, unique prefix, or release");
  AddCommand<v1::CompareKernelsRequest>(
      kernel, context, "compare",
      "Test whether kernel B is worse than kernel A, and with what confidence (exit code 1 if worse)", Compare,
      [](CLI::App& command, v1::CompareKernelsRequest& request) {
        command.add_option("A", *request.mutable_a(), "Kernel ID, unique prefix, or release")
            ->required()
            ->type_name("");
        command.add_option("B", *request.mutable_b(), "Kernel ID, unique prefix, or release")
            ->required()
            ->type_name("");
        command.add_option("--scenario", *request.mutable_scenario(), "Compare only runs of this scenario")
            ->type_name("NAME");
        command.add_option("--profile", *request.mutable_profile(), "Compare only runs on this profile")
            ->type_name("NAME");
        const auto share = [&](const char* name, const char* help, void (v1::CompareKernelsRequest::*set)(double)) {
          command
              .add_option_function<double>(
                  name, [&request, set](double value) { (request.*set)(value); }, help)
              ->check(CLI::Range(1e-6, 0.5))
              ->type_name("SHARE");
        };
        share("--error-rate", "Probability of reporting any difference when there is none [default: 0.05]",
              &v1::CompareKernelsRequest::set_error_rate);
        share("--pass-margin", "Largest difference in pass rate that does not matter [default: 0.1]",
              &v1::CompareKernelsRequest::set_pass_rate_margin);
        share("--latency-margin", "Largest relative difference in latency that does not matter [default: 0.1]",
              &v1::CompareKernelsRequest::set_latency_margin);
      });
  AddCommand(kernel, context, "remove", "Remove a kernel build", RemoveKernel, "ID",
             "Kernel ID, unique prefix, or release");
}

}  // namespace lk::cli
