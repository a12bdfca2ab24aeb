// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <archive.h>

namespace lk {

// Message of libarchive's last error, or a default if it has none.
inline const char* ArchiveError(archive* a) {
  const char* const why = archive_error_string(a);
  return why == nullptr ? "the archive is damaged" : why;
}

}  // namespace lk
