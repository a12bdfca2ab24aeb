// SPDX-License-Identifier: Apache-2.0
// Whether a run is skipped, waits or is placed, depending on what hosts offer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scheduler/fixture.h"

namespace lk::scheduler {
namespace {

using campaign::RunState;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Host Offering(const std::string& id, std::vector<std::string> features, uint64_t memory = 16 * kGiB) {
  Host host = MakeHost(id, 8, memory);
  host.features = std::move(features);
  return host;
}

CampaignAdded Confidential(campaign::Confidential::Type type) {
  CampaignAdded added = MakeCampaign("c", 1);
  campaign::Profile& profile = added.campaign.spec.profiles.front();
  profile.memory_hotplug.reset();
  profile.uefi = true;
  profile.confidential.type = type;
  return added;
}

TEST(HostOffers, ASkipNamesTheNeedThatNoHostMeets) {
  World world({Offering("h1", {"firmware:uefi", "launchSecurity:sev"}), Offering("h2", {"firmware:uefi"})});
  EXPECT_THAT(world.Step(Confidential(campaign::Confidential::Type::kSevSnp)),
              ElementsAre("save c-1 done skip", "save c finished"));
  EXPECT_EQ(world.run().reason,
            "no host offers what profile plain needs: "
            "host h1 lacks launchSecurity:sev-snp (it offers launchSecurity:sev); "
            "host h2 lacks launchSecurity:sev-snp (it offers no launchSecurity)");
  EXPECT_EQ(world.run().blame, campaign::Blame::kNone);
  EXPECT_EQ(world.run().host_id, "");
}

TEST(HostOffers, AnUnsupportedArchitectureIsASkip) {
  World world;
  CampaignAdded added = MakeCampaign("c", 1);
  added.campaign.spec.profiles.front().arch = campaign::Arch::kAarch64;
  EXPECT_THAT(world.Step(added), ElementsAre("save c-1 done skip", "save c finished"));
  EXPECT_THAT(world.run().reason, HasSubstr("lacks arch:aarch64 (it offers arch:x86_64)"));
}

TEST(HostOffers, ARunGoesToTheHostThatOffersWhatItNeeds) {
  // h1 comes first and has more memory, but only h2 offers what is needed.
  World world({Offering("h1", {"firmware:uefi"}, 64 * kGiB),
               Offering("h2", {"firmware:uefi", "launchSecurity:sev-snp"}, 4 * kGiB)});
  EXPECT_THAT(world.Step(Confidential(campaign::Confidential::Type::kSevSnp)), Contains("start c-1 on h2"));
}

TEST(HostOffers, EncryptionIsNotEmulated) {
  Host host = Offering("h1", {"firmware:uefi", "launchSecurity:sev"});
  host.accelerator = "tcg";
  World world({host});
  world.Step(Confidential(campaign::Confidential::Type::kSev));
  EXPECT_EQ(world.run().verdict, campaign::Verdict::kSkip);
  EXPECT_THAT(world.run().reason, HasSubstr("lacks accelerator:kvm (it offers accelerator:tcg)"));
}

TEST(HostOffers, TooLittleMemoryIsAMiss) {
  World world({Offering("h1", {}, 64 * kGiB), Offering("h2", {"memory:dimm"}, kGiB)});
  EXPECT_THAT(world.Step(MakeCampaign("c", 1)), ElementsAre("save c-1 done miss", "save c finished"));
  EXPECT_THAT(world.run().reason, AllOf(HasSubstr("host h1 lacks memory:dimm"), HasSubstr("h2 has 1GiB of memory")));
}

TEST(HostOffers, TheFeaturesOfAHostThatIsDownStillCount) {
  Host host = Offering("h2", {"memory:dimm"});
  host.state = Host::State::kDown;
  World world({Offering("h1", {}), host});
  world.Step(MakeCampaign("c", 1));
  EXPECT_EQ(world.core.Find("c-1")->state, RunState::kQueued);
  host.state = Host::State::kUp;
  EXPECT_THAT(world.Step(HostChanged{host}), Contains("start c-1 on h2"));
}

TEST(HostOffers, RunsWaitForAHostThatHasNeverBeenProbed) {
  Host unknown = Offering("h1", {});
  unknown.archs.clear();
  unknown.state = Host::State::kDown;
  World world({unknown});
  world.Step(MakeCampaign("c", 1));
  EXPECT_EQ(world.core.Find("c-1")->state, RunState::kQueued);

  // The host turns out to lack what is needed.
  EXPECT_THAT(world.Step(HostChanged{Offering("h1", {"iommu:intel"})}),
              ElementsAre("save c-1 done skip", "save c finished"));

  // The host never responds.
  World silent({unknown});
  silent.Step(WithoutRetries());
  EXPECT_THAT(silent.After(absl::Seconds(59)), IsEmpty());
  EXPECT_THAT(silent.After(absl::Seconds(2)), Contains("save c-1 done miss"));
}

TEST(Placement, AForeignArchitectureIsEmulatedEvenOnAHostWithKvm) {
  Host host = MakeHost("h1");  // with KVM
  host.archs = {"x86_64", "aarch64"};
  World world({host});
  CampaignAdded added = MakeCampaign("c", 1);
  added.campaign.spec.profiles[0].arch = campaign::Arch::kAarch64;
  world.Step(added);
  EXPECT_EQ(world.run().accelerator, "tcg");
  World own({host});
  own.Step(MakeCampaign("c", 1));
  EXPECT_EQ(own.run().accelerator, "kvm");
}

}  // namespace
}  // namespace lk::scheduler
