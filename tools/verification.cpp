#include "tools/verification.h"

#include <algorithm>

#include "tools/progress.h"

namespace fanin {

VerificationScope::VerificationScope(bool wanted, const Common& common) {
  check<UsageError>(!wanted || common.backend != name_of(Backend::reference),
                    "--verify does nothing here: with --backend reference no other kernel runs");
  if (wanted) scope_.emplace();
}

void VerificationScope::report(Outcome& outcome, Console& console) const {
  if (!scope_) return;
  const auto& compared = scope_->compared();
  Json verified = Json::object();
  for (const auto& [result, difference] : compared) verified.set(result, difference);
  outcome.json.set("verified", std::move(verified));
  const auto worst = std::ranges::max_element(compared, {}, [](const auto& entry) { return entry.second; });
  if (worst == compared.end())
    console.note("--verify found nothing to compare: no operator had a kernel beside the reference");
  else
    console.note("verified ", compared.size(), " kinds of results beside the reference; the furthest off, by ",
                 brief(worst->second), " of the largest element, is ", worst->first);
}

void declare_verify(bool* verify, Options& options) {
  options.add("verify", verify,
              "run the reference beside every chosen kernel and stop at the first element that differs; slow");
  options.keep_out("verify");
}

}  // namespace fanin
