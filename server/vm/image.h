// SPDX-License-Identifier: Apache-2.0
// Builds what a guest boots from: kernel and initramfs.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/types.h"
#include "server/kernels/kernel_image.h"
#include "server/kernels/library.h"
#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::vm {

// Layout inside the initramfs (agent/init reads it):
//   /init                  lk-agent, static
//   /lk/modules            one "path" a line, relative to /, in the order to load them
//   /lib/modules/<release>/....ko   uncompressed
//   /lk/kernel             the kernel image, where the scenario asks for it
//   /lk/run/config         "key=value" lines: run_id, token, controller (host:port), address (10.0.2.15/24),
//                          gateway, server_name
//   /lk/run/ca.pem         the CA of the controller's certificate
// The first four are the base, cached per kernel, agent and module list; /lk/run is a small cpio appended per run.
struct RunFiles {
  std::map<std::string, std::string> config;
  std::string ca_pem;
};

// One "newc" cpio, uncompressed (decompression under emulation costs more than reading it). Bytes, to be appended to
// the base as they are. Error: INVALID_ARGUMENT (a key with "=", or a key or value with a line break).
StatusOr<std::string> RunArchive(const RunFiles& files);

// Where the driver gets from what a run's VM boots from.
class Images {
 public:
  virtual ~Images() = default;

  struct Request {
    std::string kernel_id;
    std::vector<std::string> extra_modules;
    bool kernel_image = false;
    RunFiles run;
    std::filesystem::path directory;  // where the run's own initrd goes
  };
  struct Image {
    std::filesystem::path kernel;
    std::filesystem::path initrd;
    // What the guest boots from, without the run's own files: SHA-256 of the kernel image and, behind it, the base.
    std::string sha256;
  };
  // Thread-safe. Errors: NOT_FOUND (kernel, agent binary for the architecture), FAILED_PRECONDITION (no virtio network
  // in the kernel, neither built in nor as a module), what file operations say.
  virtual StatusOr<Image> Build(const Request& request) = 0;
};

class ImageBuilder final : public Images {
 public:
  // Caches under `cache`. The agent for lkd's own architecture is <agents>/lk-agent, that for another one
  // <agents>/lk-agent-<arch>.
  ImageBuilder(const kernels::Library& library, std::filesystem::path agents, std::filesystem::path cache);

  // Two runs that need the same base build it once.
  StatusOr<Image> Build(const Request& request) override;

  // Whether guests of that architecture can have an agent. Error: NOT_FOUND (with the command that builds it).
  Status HasAgent(campaign::Arch arch) const;

 private:
  // What is looked at once: kernels are stored by content, and an agent is known by its file's identity.
  struct AgentFile {
    std::filesystem::path path;
    std::string identity;  // inode, size and time of change
    std::string sha256;
  };

  StatusOr<kernels::ImageInfo> KernelInfo(const std::string& id);
  std::filesystem::path AgentPath(campaign::Arch arch) const;
  StatusOr<AgentFile> Agent(campaign::Arch arch);
  // The cached base, open; built first if need be. It is named by what it is made from.
  struct BaseFile {
    UniqueFd fd;
    std::filesystem::path path;
  };
  StatusOr<BaseFile> Base(const Request& request);
  StatusOr<std::string> ImageHash(const std::string& kernel_id, const BaseFile& base);
  Status WriteBase(const Request& request, const std::string& release, const std::filesystem::path& agent, int fd);
  void ForgetOldBases();

  const kernels::Library& library_;
  std::filesystem::path agents_;
  std::filesystem::path cache_;

  std::mutex building_;  // held while a base is built, so that the next who asks for it finds it
  std::mutex known_;     // guards those below
  std::map<std::string, kernels::ImageInfo> kernels_;
  std::map<std::filesystem::path, AgentFile> agent_files_;
  std::map<std::filesystem::path, std::string> hashes_;  // by base, whose name holds the kernel
};

}  // namespace lk::vm
