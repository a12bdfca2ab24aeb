// SPDX-License-Identifier: Apache-2.0
// Builds the files that a guest boots from: kernel and initramfs.
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
//   /lk/modules            one path per line, relative to /, in load order
//   /lib/modules/<release>/....ko   uncompressed
//   /lk/kernel             the kernel image, if the scenario requests it
//   /lk/run/config         "key=value" lines: run_id, token, controller (host:port), address (10.0.2.15/24),
//                          gateway, server_name
//   /lk/run/ca.pem         the CA of the controller's certificate
// The first four are the base, which is cached per kernel, agent and module list; /lk/run is in a small cpio archive
// that is appended for each run.
struct RunFiles {
  std::map<std::string, std::string> config;
  std::string ca_pem;
};

// Returns a "newc" cpio archive, to be appended to the base as is. It is uncompressed, because under emulation
// decompressing it costs more than reading it. Error: INVALID_ARGUMENT (a key contains "=", or a key or value contains
// a newline).
StatusOr<std::string> RunArchive(const RunFiles& files);

// Provides the files that a run's VM boots from.
class Images {
 public:
  virtual ~Images() = default;

  struct Request {
    std::string kernel_id;
    std::vector<std::string> extra_modules;
    bool kernel_image = false;
    RunFiles run;
    std::filesystem::path directory;  // for the run's own initrd
  };
  struct Image {
    std::filesystem::path kernel;
    std::filesystem::path initrd;
    // SHA-256 of the kernel image followed by the base, without the run's own files.
    std::string sha256;
  };
  // Thread-safe. Errors: NOT_FOUND (no such kernel, no agent for its architecture), FAILED_PRECONDITION (the kernel has
  // no virtio network driver, neither built in nor as a module), those of file operations.
  virtual StatusOr<Image> Build(const Request& request) = 0;
};

class ImageBuilder final : public Images {
 public:
  // Caches bases under `cache`. The agent for lkd's own architecture is <agents>/lk-agent; for other architectures, it
  // is <agents>/lk-agent-<arch>.
  ImageBuilder(const kernels::Library& library, std::filesystem::path agents, std::filesystem::path cache);

  // Builds a base only once, even if two runs need it at the same time.
  StatusOr<Image> Build(const Request& request) override;

  // Whether there is an agent for guests of that architecture. Error: NOT_FOUND (with the command that builds it).
  Status HasAgent(campaign::Arch arch) const;

 private:
  // An agent is hashed again only when its identity has changed.
  struct AgentFile {
    std::filesystem::path path;
    std::string identity;  // inode, size and ctime
    std::string sha256;
  };

  StatusOr<kernels::ImageInfo> KernelInfo(const std::string& id);
  std::filesystem::path AgentPath(campaign::Arch arch) const;
  StatusOr<AgentFile> Agent(campaign::Arch arch);
  // Opens the cached base, and builds it first if necessary. The file name is a hash of the inputs.
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

  std::mutex building_;  // held while a base is built, so that the next caller finds it
  std::mutex known_;     // guards the maps below
  std::map<std::string, kernels::ImageInfo> kernels_;
  std::map<std::filesystem::path, AgentFile> agent_files_;
  std::map<std::filesystem::path, std::string> hashes_;  // by path of the base, which depends on the kernel
};

}  // namespace lk::vm
