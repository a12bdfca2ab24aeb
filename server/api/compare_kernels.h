// SPDX-License-Identifier: Apache-2.0
// ReportService.CompareKernels: evidence from the store, statistics from report/compare.h.
#pragma once

#include "lk/v1/report.pb.h"
#include "server/campaign/spec.h"
#include "server/store/store.h"

namespace lk::api {

// Errors: see ReportService.
StatusOr<v1::CompareKernelsResponse> CompareKernels(store::Store& store, const campaign::Descriptors& descriptors,
                                                    const v1::CompareKernelsRequest& request);

}  // namespace lk::api
