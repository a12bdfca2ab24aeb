// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <soci/soci.h>

#include "server/store/dialect.h"

namespace lk::store {

// Rolled back unless committed.
class Transaction {
 public:
  Transaction(soci::session& sql, const Dialect& dialect) : sql_(sql) { sql_ << dialect.begin; }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (done_) return;
    try {
      sql_ << "ROLLBACK";
    } catch (const soci::soci_error&) {
      // The connection is gone, and the transaction with it.
    }
  }
  void Commit() {
    sql_ << "COMMIT";
    done_ = true;
  }

 private:
  soci::session& sql_;
  bool done_ = false;
};

}  // namespace lk::store
