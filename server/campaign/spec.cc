// SPDX-License-Identifier: Apache-2.0
#include "server/campaign/spec.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "server/campaign/spec_checks.h"
#include "server/campaign/spec_reader.h"
#include "server/campaign/spec_set.h"
#include "server/known/reader.h"
#include "server/yaml/documents.h"
#include "server/yaml/node.h"

namespace lk::campaign {
namespace {

using yaml::Store;
using yaml::Vocabulary;

constexpr uint32_t kMaxRepeats = 10000;
constexpr uint32_t kMaxRetries = 100;
constexpr uint32_t kMaxParallel = 10000;

// ---- the file --------------------------------------------------------------------------------------------------

class FileReader {
 public:
  FileReader(const Descriptors& descriptors, Mistakes& mistakes, std::vector<SpecError>& notify_places)
      : descriptors_(descriptors), mistakes_(mistakes), notify_places_(notify_places) {}

  CampaignSpec Read(const YAML::Node& root) {
    mistakes_.Remember("", root.Mark());
    ReadMap({root, ""}, mistakes_,
            {{"apiVersion", [&](const Item& i) { Fixed(i, "lk/v1"); }, true},
             {"kind", [&](const Item& i) { Fixed(i, "Campaign"); }, true},
             {"metadata", [&](const Item& i) { Metadata(i); }, true},
             {"spec", [&](const Item& i) { Spec(i); }, true}});
    CheckUses(spec_, descriptors_, mistakes_);
    return std::move(spec_);
  }

 private:
  void Fixed(const Item& item, std::string_view value) {
    const std::optional<std::string> text = ReadText(item, mistakes_);
    if (text && *text != value)
      mistakes_.Add(item.path, fmt::format("unsupported value \"{}\" (expected \"{}\")", *text, value));
  }

  void Metadata(const Item& item) {
    ReadMap(item, mistakes_,
            {{"name", [&](const Item& i) { Store(spec_.name, ReadName(i, mistakes_)); }, true},
             {"labels", [&](const Item& i) {
                ReadAnyMap(i, mistakes_, [&](const std::string& key, const Item& value) {
                  Store(spec_.labels[key], ReadText(value, mistakes_));
                });
              }}});
  }

  void Spec(const Item& item) {
    const Vocabulary<PositiveControls> controls = {
        {"auto", PositiveControls::kAuto}, {"require", PositiveControls::kRequire}, {"off", PositiveControls::kOff}};
    const Vocabulary<Detectors> detectors = {{"early", Detectors::kEarly}, {"distribution", Detectors::kDistribution}};
    ReadMap(
        item, mistakes_,
        {{"kernels", [&](const Item& i) { Kernels(i); }, true},
         {"profiles", [&](const Item& i) { Profiles(i); }, true},
         {"scenarios", [&](const Item& i) { Scenarios(i); }, true},
         {"repeats", [&](const Item& i) { Store(spec_.repeats, ReadNumber(i, mistakes_, 1, kMaxRepeats)); }},
         {"retries", [&](const Item& i) { Retries(i); }},
         {"positiveControls",
          [&](const Item& i) {
            Store(spec_.positive_controls, ReadWord(i, mistakes_, "positiveControls value", controls));
          }},
         {"detectors",
          [&](const Item& i) { Store(spec_.detectors, ReadWord(i, mistakes_, "detectors value", detectors)); }},
         {"transient", [&](const Item& i) { Transient(i); }},
         {"onHang", [&](const Item& i) { OnHang(i); }},
         {"known", [&](const Item& i) { spec_.known = known::ReadList(i, mistakes_); }},
         {"maxParallel", [&](const Item& i) { Store(spec_.max_parallel, ReadNumber(i, mistakes_, 1, kMaxParallel)); }},
         {"deadline", [&](const Item& i) { Store(spec_.deadline, ReadDuration(i, mistakes_)); }},
         {"seed",
          [&](const Item& i) {
            // All repeats get the same seed, which shows what else differs between them.
            spec_.seed = ReadNumber(i, mistakes_, 0, UINT32_MAX);
          }},
         {"notify", [&](const Item& i) {
            ReadList(i, mistakes_, true, [&](const Item& entry) {
              auto name = ReadText(entry, mistakes_);
              if (!name) return;
              spec_.notify.push_back(*std::move(name));
              notify_places_.push_back(mistakes_.Locate(entry.path));
            });
          }}});
  }

  void Kernels(const Item& item) {
    ReadList(item, mistakes_, false,
             [&](const Item& entry) { spec_.kernels.push_back(ReadKernelSelector(entry, mistakes_)); });
  }

  void Profiles(const Item& item) {
    std::set<std::string> names;
    ReadList(item, mistakes_, false, [&](const Item& entry) {
      spec_.profiles.push_back(ReadProfile(entry, mistakes_));
      Once(names, spec_.profiles.back().name, entry, "profile");
    });
  }

  void Scenarios(const Item& item) {
    std::set<std::string> names;
    ReadList(item, mistakes_, false, [&](const Item& entry) {
      spec_.scenarios.push_back(ReadScenario(entry, descriptors_, mistakes_));
      Once(names, spec_.scenarios.back().name, entry, "scenario");
    });
  }

  // Runs refer to their profile and scenario by name, so names must be unique.
  void Once(std::set<std::string>& names, const std::string& name, const Item& entry, std::string_view what) {
    if (name.empty() || names.insert(name).second) return;
    mistakes_.Add(entry.path + ".name", fmt::format("duplicate {} \"{}\"", what, name));
  }

  void Retries(const Item& item) {
    ReadMap(item, mistakes_,
            {{"error", [&](const Item& i) { Store(spec_.retries_error, ReadNumber(i, mistakes_, 0, kMaxRetries)); }},
             {"fail", [&](const Item& i) { Store(spec_.retries_fail, ReadNumber(i, mistakes_, 0, kMaxRetries)); }}});
  }

  void Transient(const Item& item) {
    const auto of = [&](detect::Kind kind) {
      return [this, kind](const Item& i) {
        const Vocabulary<bool> words = {{"fail", false}, {"ignore", true}};
        const std::optional<bool> ignore = ReadWord(i, mistakes_, "transient value", words);
        if (!ignore) return;
        if (*ignore) {
          spec_.transient.ignored.insert(kind);
        } else {
          spec_.transient.ignored.erase(kind);
        }
      };
    };
    ReadMap(item, mistakes_,
            {{"soft_lockup", of(detect::Kind::kSoftLockup)},
             {"csd_stall", of(detect::Kind::kCsdStall)},
             {"rcu_stall", of(detect::Kind::kRcuStall)}});
  }

  void OnHang(const Item& item) {
    ReadMap(item, mistakes_,
            {{"nmi", [&](const Item& i) { Store(spec_.hang_nmi, ReadBool(i, mistakes_)); }},
             {"dump", [&](const Item& i) { Store(spec_.hang_dump, ReadBool(i, mistakes_)); }}});
  }

  const Descriptors& descriptors_;
  Mistakes& mistakes_;
  std::vector<SpecError>& notify_places_;
  CampaignSpec spec_;
};

}  // namespace

SpecResult ParseSpec(std::string_view yaml, const std::vector<std::string>& set, const Descriptors& descriptors) {
  SpecResult result;
  Mistakes syntax({});
  const std::optional<YAML::Node> root = yaml::LoadDocument(std::string(yaml), syntax);
  if (!root) {
    result.errors = syntax.Take();
    return result;
  }
  std::vector<std::string> overridden;
  for (const std::string& assignment : set) {
    StatusOr<std::string> path = ApplySet(*root, assignment);
    if (path.ok()) {
      overridden.push_back(*std::move(path));
    } else {
      result.errors.push_back(
          {0, 0, "", fmt::format("--set {}: {}", assignment, std::string(path.status().message()))});
    }
  }
  Mistakes mistakes(std::move(overridden));
  result.spec = FileReader(descriptors, mistakes, result.notify_places).Read(*root);
  std::vector<SpecError> in_file = mistakes.Take();
  result.errors.insert(result.errors.end(), in_file.begin(), in_file.end());
  return result;
}

}  // namespace lk::campaign
