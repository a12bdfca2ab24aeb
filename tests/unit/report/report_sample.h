// SPDX-License-Identifier: Apache-2.0
// A finished campaign with one of everything: each verdict, a flaky repeat, a superseded attempt, mutants that were
// killed and that survived, emulated runs, and a malicious guest.
#pragma once

#include "server/report/campaign_report.h"

namespace lk::report {

// What a malicious guest would put into a page.
inline constexpr char kMarkup[] = "<script>alert('lk')</script>&\"]]>";

CampaignReport SampleReport();

}  // namespace lk::report
