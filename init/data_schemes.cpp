#include <fmt/format.h>

#include "init/catalogue.h"
#include "init/orthogonal.h"

namespace fanin {
namespace {

using Target = const InitTarget&;
using Arguments = const SchemeArguments&;

const std::string no_batch = "looks at data and was given none: pass a batch, or --data";

bool has_batch(Target t) { return t.batch != nullptr && *t.batch; }

std::string refuse_lsuv(Target t, Arguments a) {
  if (!has_batch(t)) return no_batch;
  if (t.own_name() != "weight") return "is for weights";
  return refuse_below_rank_2(t, a);
}

std::string refuse_whiten(Target t, Arguments) {
  if (!has_batch(t)) return no_batch;
  const Shape& s = t.shape();
  if (s.rank() != 4) return "needs 4 dimensions";
  const bool fits = s[0] % 2 == 0 && s[0] / 2 <= s.numel_from(1) && t.use.groups == 1;
  return fits ? std::string()
              : text("needs an even number of filters, ", 2 * s.numel_from(1), " at most, and no groups");
}

}  // namespace

std::vector<Scheme> data_schemes() {
  return {{.name = "lsuv",
           .formula = "orthogonal, then W / σ(output), layer by layer, until the variance is 1 on a batch",
           .use = "nets without normalisation, any activation",
           .source = "Mishkin & Matas 2016",
           .others = "fastai, thinc, torchbearer",
           .arguments = {{"tolerance", "0.1", "how far from 1 a variance may stay"},
                         {"passes", "10", "rescalings of one layer at most"}},
           .refuses = refuse_lsuv,
           .fill = [](Target t, Arguments, Generator& g) { orthogonal(*t.tensor, g); },
           .unit_variance = true},
          {.name = "whiten",
           .formula = "±v_i / √(λ_i + eps) of the second moments of the images' patches",
           .use = "first convolution, then frozen",
           .source = "Jordan 2024 (airbench)",
           .others = "airbench",
           .arguments = {{"eps", "0.0005", "added to the eigenvalues"}},
           .refuses = refuse_whiten,
           .fill = [](Target t, Arguments a, Generator&) {
             const Whitening w = whiten(*t.tensor, (*t.batch)(), a.number("eps"));
             if (t.found != nullptr)
               *t.found =
                   fmt::format("{} of {} directions, {:.2f}% of the patches' power, eigenvalues {:.3g} to {:.3g}",
                               w.directions, t.shape().numel_from(1), 100 * w.share, w.largest, w.smallest);
           }}};
}

}  // namespace fanin
