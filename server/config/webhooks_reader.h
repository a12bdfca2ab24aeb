// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/campaign/spec_node.h"
#include "server/config/webhooks.h"

namespace lk::config {

void ReadWebhooks(const campaign::Item& item, campaign::Mistakes& mistakes, Webhooks& webhooks);

}  // namespace lk::config
