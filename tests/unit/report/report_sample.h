// SPDX-License-Identifier: Apache-2.0
// A finished campaign with one of everything: each verdict, a flaky repeat, a superseded attempt, mutants killed and
// survived, emulated runs, and a guest that means harm.
#pragma once

#include "server/report/campaign_report.h"

namespace lk::report {

// What a guest would like to see in a page.
inline constexpr char kMarkup[] = "<script>alert('lk')</script>&\"]]>";

CampaignReport SampleReport();

}  // namespace lk::report
