// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/config/webhooks.h"
#include "server/yaml/node.h"

namespace lk::config {

void ReadWebhooks(const yaml::Item& item, yaml::Mistakes& mistakes, Webhooks& webhooks);

}  // namespace lk::config
