#pragma once

#include <optional>

#include "core/verify.h"
#include "tools/command.h"

namespace fanin {

/// --verify of a command: a VerifyScope, where wanted, until the end of the scope.
class VerificationScope final {
 public:
  /// Throws UsageError with --backend reference, which leaves nothing to compare.
  VerificationScope(bool wanted, const Common& common);
  /// Says what was compared and how far off it was: to people, and as `verified` in the command's document.
  void report(Outcome& outcome, Console& console) const;

 private:
  std::optional<VerifyScope> scope_;
};

/// Adds --verify.
void declare_verify(bool* verify, Options& options);

}  // namespace fanin
