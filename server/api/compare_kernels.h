// SPDX-License-Identifier: Apache-2.0
// Implements ReportService.CompareKernels: reads runs from the store and compares them with report/compare.h.
#pragma once

#include "server/campaign/descriptor_fwd.h"
#include "server/store/store.h"

namespace lk::v1 {
class CompareKernelsRequest;
class CompareKernelsResponse;
}  // namespace lk::v1

namespace lk::api {

// Errors: see ReportService.CompareKernels in report.proto.
StatusOr<v1::CompareKernelsResponse> CompareKernels(store::Store& store, const campaign::Descriptors& descriptors,
                                                    const v1::CompareKernelsRequest& request);

}  // namespace lk::api
