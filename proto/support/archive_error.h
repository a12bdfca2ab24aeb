// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <archive.h>

namespace lk {

// What libarchive says of its last failure; some it has no words for.
inline const char* ArchiveError(archive* a) {
  const char* const why = archive_error_string(a);
  return why == nullptr ? "the archive is damaged" : why;
}

}  // namespace lk
