// SPDX-License-Identifier: Apache-2.0
// Wires the parts of lkd together.
#include "server/app.h"

#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include "agent/scenarios/descriptors.h"
#include "server/api/access_services.h"
#include "server/api/agent_service.h"
#include "server/api/audit.h"
#include "server/api/authorizer.h"
#include "server/api/campaign_service.h"
#include "server/api/convert.h"
#include "server/api/host_service.h"
#include "server/api/info_services.h"
#include "server/api/kernel_service.h"
#include "server/api/pki.h"
#include "server/api/report_service.h"
#include "server/api/reports.h"
#include "server/api/run_service.h"
#include "server/api/server.h"
#include "server/api/webhook_service.h"
#include "server/campaigns/starter.h"
#include "server/config/config.h"
#include "server/http/server.h"
#include "server/metrics/exporter.h"
#include "server/metrics/push.h"
#include "server/scheduler/driver.h"
#include "server/scheduler/hosts.h"
#include "server/store/store.h"
#include "server/vm/image.h"
#include "server/webhooks/inbound/intake.h"
#include "server/webhooks/inbound/receiver.h"
#include "server/webhooks/outbound/sender.h"
#include "support/file.h"
#include "support/lanes.h"
#include "support/random.h"
#include "support/unique_fd.h"
#include "support/version.h"
#include "support/worker_pool.h"

namespace lk {
namespace {

constexpr int kUsage = 2;
// Threads that handle operators' calls, since these may wait for the store, a host probe or a write to the disk.
constexpr size_t kApiThreads = 8;

// How long open streams may continue when lkd stops.
constexpr std::chrono::seconds kStopWait{2};
// For the test hook kill_worker: long enough for the trigger to be running by the time it is killed.
constexpr absl::Duration kKillWorkerAfter = absl::Seconds(8);

// Keeps a second lkd out of the state directory. Each VM is marked with the path of that directory, so that no other
// lkd touches it.
StatusOr<UniqueFd> LockState(const std::filesystem::path& directory) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return absl::FailedPreconditionError(fmt::format("{}: {}", directory.string(), failed.message()));
  const std::filesystem::path path = directory / "lock";
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return absl::FailedPreconditionError(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(fmt::format("another lkd is using {} (stateDirectory)", directory.string()));
  }
  return fd;
}

// The configured directory of lk-agent, or the directory that contains the lkd executable.
std::filesystem::path AgentDirectory(const config::Config& config) {
  if (!config.agent.directory.empty()) return config.agent.directory;
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

std::string HostName() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size()) == 0 ? name.data() : "localhost";
}

// Returns a random number in [0, 1).
double Chance() {
  static thread_local std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

std::set<std::string> TargetNames(const config::Webhooks& webhooks) {
  std::set<std::string> names;
  for (const config::WebhookTarget& target : webhooks.targets) names.insert(target.name);
  return names;
}

// Changes caused by webhooks are audited like changes made by operators.
webhooks::IntakePort MakeIntakePort(kernels::Library& library, store::Store& store, const campaigns::Starter& starter,
                                    api::Audit& audit, const Clock& clock) {
  const auto record = [&audit](std::string_view method, const std::string& subject, const Status& outcome) {
    audit.Write(*api::FindRule(method), {.name = "webhook", .role = access::Role::kOperator, .known = true}, subject,
                outcome);
  };
  webhooks::IntakePort port;
  port.add_kernel = [&, record](const std::vector<kernels::Upload>& files, const campaign::Labels& labels,
                                const std::string& source) -> StatusOr<std::string> {
    const StatusOr<api::AddedBuild> added = api::AddBuild(library, store, files, labels, source, clock.Now());
    record("/lk.v1.KernelService/AddKernel", source, added.status());
    if (!added.ok()) return added.status();
    return added->kernel.id;
  };
  port.new_campaign_id = [&starter](absl::Time now) { return starter.NewId(now); };
  port.find_campaign = [&store](const std::string& id) { return store.GetCampaign(id).status(); };
  port.start_campaign = [&starter, record](const std::string& id, const std::string& yaml,
                                           const std::vector<std::string>& set) {
    campaigns::Mistakes mistakes;
    const auto outcome = starter.Start({.spec_yaml = yaml, .overrides = set, .id = id}, mistakes);
    Status started = campaigns::WithFirst(outcome.status(), mistakes);
    record("/lk.v1.CampaignService/StartCampaign", id, started);
    return started;
  };
  return port;
}

Status Serve(const config::Config& config, const sigset_t& signals) {
  LK_ASSIGN_OR_RETURN(const UniqueFd lock, LockState(config.state_directory));
  const SystemClock clock;
  const campaign::Descriptors& descriptors = Descriptors();
  metrics::StoreLatency store_latency;

  const std::string url =
      config.store.empty() ? "sqlite:" + (config.state_directory / "lk.sqlite").string() : config.store;
  LK_ASSIGN_OR_RETURN(
      const std::unique_ptr<store::Store> store,
      store::Open(url, [&](std::string_view operation, double seconds) { store_latency.Observe(operation, seconds); }));
  LK_ASSIGN_OR_RETURN(const api::Pki pki, api::LoadOrCreatePki(config.state_directory / "pki"));
  std::error_code ignored;
  std::filesystem::remove_all(config.state_directory / "spool", ignored);

  kernels::Library library(config.state_directory / "kernels");
  vm::ImageBuilder images(library, AgentDirectory(config), config.state_directory / "images");
  const auto hook = [&config](const char* name) {
    return std::find(config.test_hooks.begin(), config.test_hooks.end(), name) != config.test_hooks.end();
  };
  vm::HypervisorOptions hypervisor_options;
  hypervisor_options.drop_console = hook("drop_console");

  LK_ASSIGN_OR_RETURN(webhooks::ReceiverSecrets webhook_secrets, webhooks::ReadReceiverSecrets(config.webhooks));
  LK_ASSIGN_OR_RETURN(webhooks::Fetcher fetcher,
                      webhooks::Fetcher::Create(config.webhooks.artifacts, webhooks::SystemResolve));
  LK_ASSIGN_OR_RETURN(const std::unique_ptr<webhooks::Sender> sender,
                      webhooks::Sender::Create(config.webhooks, *store, clock, Chance));

  api::AgentLimits agent_limits;
  agent_limits.max_messages_per_second = config.agent.max_messages_per_second;
  agent_limits.max_message_bytes = config.agent.max_message_bytes;
  api::AgentService agents(clock, agent_limits);
  int agent_port = 0;
  LK_ASSIGN_OR_RETURN(const std::unique_ptr<grpc::Server> agent_server,
                      api::ServeAgents(config.agent, pki, agents, agent_port));

  const size_t threads = config.workers > 0 ? config.workers : 2 + std::thread::hardware_concurrency();
  scheduler::DriverOptions options;
  options.state_directory = config.state_directory;
  options.owner = std::filesystem::canonical(config.state_directory).string();
  options.ca_pem = pki.ca_pem;
  options.agent_address =
      config.agent.advertise.empty() ? fmt::format("10.0.2.2:{}", agent_port) : config.agent.advertise;
  options.console_max_bytes = config.console_max_bytes;
  options.dumps = config.dumps;
  if (hook("kill_worker")) options.kill_worker_after = kKillWorkerAfter;
  options.descriptors = descriptors;
  options.limits = config.limits;

  scheduler::Hosts hosts(*store, clock, [hypervisor_options](const std::string& uri, vm::VmListener listener) {
    return vm::Connect(uri, std::move(listener), hypervisor_options);
  });
  auto vm_pool = std::make_unique<WorkerPool>(threads);
  auto lanes = std::make_unique<Lanes>();
  symbols::Cache symbols([&library](const std::string& kernel_id) { return library.DebugFiles(kernel_id); });
  scheduler::Announcer announcer = api::MakeAnnouncer();
  announcer.notifications = [&sender](const campaign::Campaign& campaign, const std::vector<std::string>& notify,
                                      absl::Time now) { return sender->For(campaign, notify, now); };
  announcer.notifications_stored = [&sender] { sender->Wake(); };
  scheduler::Driver driver(options, {*store, hosts, images, agents, symbols, *vm_pool, *lanes, clock}, announcer);
  agents.Start([&driver](scheduler::Event event) { driver.Post(std::move(event)); });
  // The agent server and `hosts` post events to the driver, so they are stopped before the driver is destroyed, however
  // this function returns.
  const absl::Cleanup stop = [&] {
    agent_server->Shutdown(std::chrono::system_clock::now() + kStopWait);
    driver.Stop();
    hosts.Stop();
    vm_pool.reset();
    lanes.reset();
  };
  LK_RETURN_IF_ERROR(driver.Recover());
  LK_RETURN_IF_ERROR(hosts.Load(driver.HostListener()));
  driver.Start();
  hosts.Start();

  auto api_pool = std::make_unique<WorkerPool>(kApiThreads);
  const campaigns::Starter starter(
      *store,
      [&driver](campaign::Campaign campaign, std::vector<campaign::Run> runs) {
        return driver.PostAndWait(scheduler::CampaignAdded{std::move(campaign), std::move(runs)});
      },
      descriptors, TargetNames(config.webhooks), clock, RandomHex);
  api::CampaignService campaign_service(starter, driver, *store, *api_pool);
  api::RunService runs(driver, *store, *api_pool);
  api::KernelService kernel_service(library, *store, images, *api_pool, clock, config.state_directory / "spool");
  api::HostService host_service(hosts, driver, *api_pool);
  api::ScenarioService scenarios(descriptors);
  const api::Reports reports(
      *store, descriptors, [&driver](const std::string& run) { return driver.Artifact(run, console::kFileName); },
      clock);
  api::ReportService report_service(reports, *store, descriptors, *api_pool);
  api::SystemService system;
  LK_RETURN_IF_ERROR(store->TrimAudit(clock.Now() - config.operators.audit_keep));
  api::Audit audit(*store, *api_pool, clock);
  webhooks::Intake intake(config.webhooks, *store, std::move(fetcher),
                          MakeIntakePort(library, *store, starter, audit, clock), clock, Chance,
                          config.state_directory / "spool" / "webhooks");
  webhooks::Receiver receiver(config.webhooks, std::move(webhook_secrets), *store, clock, [&intake] { intake.Wake(); });
  api::WebhookService webhooks(intake, *sender, *store, *api_pool);
  api::Authorizer authorizer(*store, clock,
                             [&audit](const api::Rule& rule, const api::Caller& caller, const Status& why) {
                               audit.Write(rule, caller, "", why);
                             });
  api::TokenService tokens(*store, *api_pool, clock, authorizer);
  api::AuditService audit_service(*store, *api_pool);
  LK_ASSIGN_OR_RETURN(const std::unique_ptr<api::OperatorServer> operators,
                      api::OperatorServer::Start(config.operators, authorizer, audit,
                                                 {&campaign_service, &runs, &kernel_service, &host_service, &scenarios,
                                                  &report_service, &system, &webhooks, &tokens, &audit_service}));

  metrics::LiveSource live;
  live.hosts = [&hosts, &driver] {
    std::vector<metrics::HostUse> result;
    for (const campaign::Host& host : hosts.List()) {
      const auto [vcpus, memory] = driver.Allocated(host.id);
      result.push_back({.host = host.uri,
                        .state = std::string(campaign::ToString(host.state)),
                        .vcpus = host.vcpus,
                        .vcpus_allocated = vcpus,
                        .memory_bytes = host.memory_bytes,
                        .memory_bytes_allocated = memory});
    }
    return result;
  };
  live.campaigns = [&driver] {
    std::vector<metrics::CampaignRuns> result;
    for (auto& [id, states] : driver.UnfinishedRuns()) result.push_back({id, std::move(states)});
    return result;
  };
  live.agents_connected = [&agents] { return agents.connected(); };
  live.agent_samples = [&agents] { return agents.samples(); };
  metrics::Exporter exporter(*store, live, store_latency, config.metrics.limits);
  LK_RETURN_IF_ERROR(exporter.Start(config.metrics.listen));
  std::unique_ptr<metrics::Pusher> pusher;
  if (!config.metrics.push_to.empty()) {
    pusher = std::make_unique<metrics::Pusher>(
        *store, clock,
        metrics::PushOptions{
            .url = config.metrics.push_to,
            .instance = config.metrics.push_instance.empty() ? HostName() : config.metrics.push_instance});
  }
  LK_ASSIGN_OR_RETURN(
      const std::unique_ptr<http::Server> http,
      http::Server::Start(
          {config.http.listen, http::HealthRoutes([&store] { return store->ListHosts().status(); }),
           http::ReportFolders([&reports](const std::string& id) { return reports.Write(id, "html", ""); }),
           receiver.Routes(), config.webhooks.max_body_bytes}));
  intake.Start();
  sender->Start();

  spdlog::info("lkd {} is ready: operators at {}, agents at {}, http://{}/healthz, http://{}/metrics", kVersion,
               operators->addresses(), config.agent.listen, config.http.listen, config.metrics.listen);
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("stopping ({}); VMs of unfinished campaigns keep running and will be taken over at the next start",
               strsignal(signal));

  operators->Shutdown(std::chrono::system_clock::now() + kStopWait);
  api_pool.reset();
  std::filesystem::remove(config.operators.socket, ignored);
  return absl::OkStatus();
}

// Prints mistakes as file:line:column: message. Returns whether the file is valid.
bool ReadConfig(const std::string& path, config::Config& config) {
  const auto yaml = ReadFile(path);
  if (!yaml.ok()) {
    fmt::print(stderr, "lkd: cannot read {}\n", std::string(yaml.status().message()));
    return false;
  }
  const std::vector<config::ConfigError> errors = config::ParseConfig(*yaml, config);
  for (const config::ConfigError& error : errors)
    fmt::print(stderr, "{}:{}:{}: {}\n", path, error.line, error.column, error.message);
  return errors.empty();
}

}  // namespace

int Main(int argc, char** argv) {
  CLI::App app("lkd - the controller of lk, lockup campaigns for Linux kernels", "lkd");
  std::string config_file;
  std::string check_file;
  app.add_option("--config", config_file, "Configuration file (YAML)");
  app.add_option("--check-config", check_file, "Check a configuration file and exit");
  app.set_version_flag("--version", fmt::format("lkd {}{}{}", kVersion, kCommit[0] ? " " : "", kCommit));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }

  config::Config config = config::Defaults();
  if (!check_file.empty()) {
    if (!ReadConfig(check_file, config)) return kUsage;
    fmt::print("{}: OK\n", check_file);
    return 0;
  }
  if (!config_file.empty() && !ReadConfig(config_file, config)) return kUsage;

  spdlog::set_default_logger(spdlog::stderr_color_mt("lkd"));
  spdlog::set_level(spdlog::level::from_str(config.log_level));
  // Every thread inherits the mask, so only sigwait() receives these signals. SIGPIPE is ignored, so that writing to a
  // disconnected client does not kill lkd.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  // lkd's files are private, but other users can traverse its directories: QEMU may run as another user, and libvirt
  // gives QEMU access to some of the files.
  umask(0066);

  const Status status = Serve(config, signals);
  if (status.ok()) return 0;
  spdlog::error("{}", std::string(status.message()));
  return 1;
}

}  // namespace lk
