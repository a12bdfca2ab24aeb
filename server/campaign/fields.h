// SPDX-License-Identifier: Apache-2.0
// All fields that are stored and sent (see support/fields.h). The keys in the body of a database row
// (server/store/codec.cc) and the API messages (server/api/convert.cc) are derived from these lists.
#pragma once

#include "server/campaign/types.h"
#include "server/detect/fields.h"
#include "server/known/fields.h"
#include "support/fields.h"

namespace lk::campaign {

LK_FIELDS(KernelBuild, id, release, arch, flavour, labels, config_sha256, config, has_modules, guest_modules,
          image_bytes, banner, added, source)
LK_FIELDS(Host, id, uri, state, state_reason, vcpus, memory_bytes, accelerator, accelerator_reason, hypervisor_version,
          libvirt_version, kernel_release, broken_qemu, allow_broken_qemu, features, archs, added)

LK_FIELDS(CounterValue, value, unit, first, took_seconds, limit_seconds, distrust)
LK_FIELDS(Table, columns, rows)
LK_FIELDS(PostMortemStep, step, outcome, detail, text, seconds)
LK_FIELDS(Ending, kind, detail, agent_outcome, agent_reason)
LK_FIELDS(KernelOrigin, config_sha256, kernel_source, kernel_commit)
LK_FIELDS(Surroundings, image_sha256, host_uri, host_kernel, hypervisor, libvirt)
LK_PARTS(Provenance, KernelOrigin, Surroundings)

LK_FIELDS(Asked, id, campaign_id, kernel_id, kernel_release, arch, profile, scenario, cell, repeat, attempt, control,
          mutation, unmutated, sibling, seed)
LK_FIELDS(Course, host_id, accelerator, cmdline, provenance, created, started, finished, phase_seconds, journal)
LK_FIELDS(Evidence, findings, latencies, counters, tables, emulated, harness, canary_console, canary_kmsg, operations,
          console_bytes, skipped_parts, post_mortem, paused_seconds, steal_seconds, delay_seconds)
LK_FIELDS(Outcome, state, verdict, reason, blame, ending, superseded, symptom, doubted)
LK_FIELDS(Session, token, canary_nonce, boot_id, agent_sequence, reboot_until, announced_boots)
LK_PARTS(Run, Asked, Course, Evidence, Outcome, Session)

LK_FIELDS(Counts, total, pass, fail, error, miss, skip, unproven, pending, superseded, controls)
LK_FIELDS(Campaign, id, state, verdict, created, finished, spec_yaml, overrides, spec, seed)

}  // namespace lk::campaign
